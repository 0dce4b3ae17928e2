"""Shards in object storage: their plan, and each of them as numbered parts that never change."""

import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from asyncgen.errors import ConfigError
from asyncgen.output.paths import OutputPaths
from asyncgen.shards.cut import SUFFIX, name_shard
from asyncgen.shards.parts import HEAD, RESTORE, Head, Position, read_head, write_pieces
from asyncgen.shards.plan import ShardFolder, ShardPlan, decode_plan, encode_plan
from asyncgen.shards.store import ObjectStore, StorageError, check_url
from asyncgen.shards.sums import Seen, View

PLAN = "plan.json"
_NONE_READ: Mapping[str, bytes] = {}
_NAME = re.compile(r"(?P<shard>\d{5})/(?:part-(?P<part>\d{6})|(?P<aside>aside-\w+))", re.ASCII)


class StoredShard:
    """One shard. `parts`: how many there are; `asides`: names of what runs have paid for that another one overtook.

    `beginnings`: of objects that were read before, by name.
    """

    def __init__(self, store: ObjectStore, number: int, beginnings: Mapping[str, bytes] = _NONE_READ) -> None:
        self.store = store
        self.name = name_shard(number)
        self._beginnings = beginnings
        self.parts: int = 0
        self.asides: list[str] = []
        self.is_held = False

    @property
    def path(self) -> str:
        return f"{self.store.url}/{self.name}"

    @property
    def lease_name(self) -> str:
        return f"{self.name}/lease"

    def name_of_part(self, part: int) -> str:
        return f"{self.name}/part-{part:06}"

    def name_of_aside(self, digest: str) -> str:
        return f"{self.name}/aside-{digest}"

    def look(self) -> None:
        """See which parts there are. Raises StorageError, and ConfigError where one is missing."""
        self.add_names(self.store.names(self.name))

    def add_names(self, names: list[str]) -> None:
        found = [match for match in map(_NAME.fullmatch, names) if match is not None]
        numbers = [int(match["part"]) for match in found if match["part"]]
        self.asides = [match.string for match in found if match["aside"]]
        self.is_held = self.lease_name in names
        self.parts = len(numbers)
        if lacking := {*range(1, max(numbers, default=0))} - {*numbers}:
            raise ConfigError(f"{self.store.url}/{self.name_of_part(min(lacking))} is missing; {RESTORE}")

    def head(self, name: str) -> Head:
        """Raises StorageError, and ConfigError for what is no part."""
        return read_head(self._beginnings.get(name) or self._read(name, HEAD), f"{self.store.url}/{name}")

    @property
    def newest(self) -> Head | None:
        return self.head(self.name_of_part(self.parts)) if self.parts else None

    def pieces(self, position: Position) -> Iterator[list[bytes]]:
        """Of all parts in their order; `position` goes along. Raises StorageError, and ConfigError for damage."""
        for part in range(1, self.parts + 1):
            name = self.name_of_part(part)
            content = self._read(name)
            where = f"{self.store.url}/{name}"
            yield position.take(read_head(content, where), content, where)

    def aside(self, name: str) -> list[bytes]:
        """Its pieces."""
        content, where = self._read(name), f"{self.store.url}/{name}"
        return Position().take(read_head(content, where), content, where)

    def _read(self, name: str, end: int | None = None) -> bytes:
        content = self.store.read(name, end=end)
        if content is None:
            raise StorageError(f"{self.store.url}/{name} is not there any more")
        return content


class _PartsView:
    """By what newest parts tell: those of all shards are read at once, and later those of each when it is looked at."""

    def __init__(self, shards: "StoredShards") -> None:
        self._shards = shards
        self._seen: set[int] = set()
        self._beginnings = shards.store.read_beginnings(shards.telling_names(), HEAD)

    def see(self, number: int) -> Seen | None:
        if number in self._seen:
            shard = self._shards.shard(number)
            shard.look()
        else:
            shard = self._shards.listed(number, self._beginnings)
        self._seen.add(number)
        if (head := shard.newest) is None:
            return None
        sums = head.sums.plus([shard.head(name).sums for name in shard.asides])
        return Seen(sums, head.time if shard.is_held else None)

    def forget(self, number: int) -> None:
        """Nothing is held."""

    def remember(self) -> None:
        """What parts tell is soon read again."""


class StoredShards:
    """All shards of a plan. `stem`: the address of the output without an ending."""

    def __init__(self, url: str) -> None:
        """Raises ConfigError for an address that cannot be used."""
        self.stem = check_url(url).removesuffix(SUFFIX).removesuffix(".jsonl")
        self.path = f"{self.stem}{SUFFIX}"

    @cached_property
    def store(self) -> ObjectStore:
        return ObjectStore(self.path)

    @property
    def merged(self) -> Path:
        raise ConfigError(f"--output: name a file on this machine for what is in {self.path}")

    def local(self, root: Path) -> ShardFolder:
        """Where its shards are made on this machine."""
        return ShardFolder(root / self.stem.replace("://", "/", 1))

    def is_planned(self) -> bool:
        return self.store.read(PLAN) is not None

    def read_plan(self) -> ShardPlan:
        """Raises ConfigError where there is none that can be read, and StorageError."""
        text = self.store.read(PLAN)
        if text is None:
            raise ConfigError(
                f"{self.path} has no plan; asyncgen shards {self.stem} -n NUM makes one, once for all machines"
            )
        return decode_plan(text, f"{self.path}/{PLAN}")

    def put_plan(self, plan: ShardPlan) -> bool:
        """Write it unless there is one. Whether it was written; raises ConfigError where there is another."""
        is_new = self.store.put_if_absent(PLAN, encode_plan(plan))
        if is_new:
            self.check_storage(plan)
        else:
            self.read_plan().check_same(plan, self.path)
        return is_new

    def check_storage(self, plan: ShardPlan) -> None:
        """Raises ConfigError for a storage that writes over what is there, where two runs would destroy their work."""
        if self.store.put_if_absent(PLAN, encode_plan(plan)):
            raise ConfigError(
                f"{self.path}: this storage, or the version of its library, has written over an object that was to be "
                "put only if there is none (If-None-Match); two runs could take each other's place"
            )

    def shard(self, number: int) -> StoredShard:
        return StoredShard(self.store, number)

    @cached_property
    def _names(self) -> dict[int, list[str]]:
        names: dict[int, list[str]] = {}
        for name in self.store.names():
            folder, _, rest = name.partition("/")
            if rest and folder.isascii() and folder.isdecimal():
                names.setdefault(int(folder), []).append(name)
        return names

    def telling_names(self) -> list[str]:
        """Of the objects that say how far all shards are, and at what cost."""
        found = [[name for name in names if _NAME.fullmatch(name)] for names in self._names.values()]
        return [name for names in found for name in names if "/aside-" in name or name == names[-1]]

    def listed(self, number: int, beginnings: Mapping[str, bytes] = _NONE_READ) -> StoredShard:
        """As it was when all of them were first listed. Raises StorageError, and ConfigError for a missing part."""
        shard = StoredShard(self.store, number, beginnings)
        shard.add_names(self._names.get(number, []))
        return shard

    def is_begun(self, number: int) -> bool:
        return any("/part-" in name for name in self._names.get(number, []))

    def view(self) -> View:
        """By which one sees how far its shards are."""
        return _PartsView(self)

    @contextlib.contextmanager
    def at_hand(self, number: int, folder: Path) -> Iterator[OutputPaths]:
        """Its files as they are in the parts, put together in `folder` and gone afterwards."""
        with tempfile.TemporaryDirectory(prefix=".shard-", dir=folder) as scratch:
            paths = OutputPaths.of(Path(scratch) / "shard.jsonl")
            with contextlib.ExitStack() as stack:
                files = [stack.enter_context(path.open("xb")) for path in paths.data]
                for pieces in self.listed(number).pieces(Position()):
                    write_pieces(files, pieces)
            yield paths

    def read_note(self, name: str) -> bytes | None:
        """What stands beside the plan; None where there is none. Raises StorageError."""
        return self.store.read(name)

    def write_note(self, name: str, content: bytes) -> None:
        """Raises StorageError."""
        self.store.put(name, content)

    def asides(self, number: int) -> Iterator[list[bytes]]:
        """What was paid for and is no part of the shard: pieces of output, journal and rejects."""
        shard = self.listed(number)
        return map(shard.aside, shard.asides)
