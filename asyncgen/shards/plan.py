"""The plan of a run that is cut into shards, and the folder where they stand.

A shard is a range of indices in whole blocks, so that values are balanced inside it, and drawing it costs no more than
its length. The plan is written once, put there only if none is: a part of an array that is submitted again cannot be
cut otherwise, or made of something else.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import msgspec

from asyncgen.data.whole_file import whole_file
from asyncgen.denied import explain
from asyncgen.endpoint.presets import OFFLINE
from asyncgen.errors import ConfigError
from asyncgen.output.append_file import sync_directory
from asyncgen.output.changes import differences
from asyncgen.output.journal import Header
from asyncgen.output.paths import OutputPaths
from asyncgen.shards.cut import SUFFIX, count_shards, indices_of, name_shard
from asyncgen.shards.figures import JournalsView
from asyncgen.shards.sums import View

VERSION = 1


class ShardPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What is cut, and how.

    `header`: of a run that would make all of it. `size`: indices of a shard. `at_once`: shards that are made at a time.
    `words`: what the command that made the plan was given.
    """

    version: int
    asyncgen: str
    size: int
    at_once: int
    words: tuple[str, ...]
    header: Header

    @property
    def num(self) -> int:
        return self.header.num

    def __len__(self) -> int:
        """How many shards there are."""
        return count_shards(self.num, self.size)

    def indices(self, number: int) -> range:
        return indices_of(number, self.num, self.size)

    def check(self, header: Header) -> None:
        """Raises ConfigError for a run that would make something else."""
        if (self.header.provider == OFFLINE) != (header.provider == OFFLINE):
            raise ConfigError(
                f"the shards were planned for {self.header.maker}, this run would use {header.maker}: is the key "
                "set on this machine as it was there?"
            )
        changed = differences(self.header, header)
        for name in ("kind", "line_format", "line_hash"):
            before, now = getattr(self.header, name), getattr(header, name)
            changed += [f"{name}: {before} -> {now}"] if before != now else []
        if changed:
            raise ConfigError(
                f"the shards were planned with other settings: {'; '.join(changed)}. Make them as planned, on every "
                "machine from the same recipe, or plan another output"
            )

    def check_same(self, other: "ShardPlan", where: object) -> None:
        """Raises ConfigError where this one, which is there, is not what the other one would be."""
        for name, old, new in (
            ("-n", self.num, other.num),
            ("--size", self.size, other.size),
            ("--at-once", self.at_once, other.at_once),
        ):
            if old != new:
                raise ConfigError(f"{where} is planned with {name} {old}, and stays so; plan another output")
        self.check(other.header)


def encode_plan(plan: ShardPlan) -> bytes:
    return msgspec.json.format(msgspec.json.encode(plan)) + b"\n"


def decode_plan(text: bytes, where: object) -> ShardPlan:
    """Raises ConfigError."""
    try:
        plan = msgspec.json.decode(text, type=ShardPlan)
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{where} is no plan of shards that this asyncgen can read ({error}): put it back, or "
            "delete it and plan as before"
        ) from error
    if plan.version > VERSION:
        raise ConfigError(f"{where}: written by asyncgen {plan.asyncgen}, a newer one; update asyncgen")
    return plan


@dataclass(frozen=True, slots=True)
class ShardFolder:
    """`stem`: the output's path without an ending."""

    stem: Path

    @classmethod
    def of(cls, output: Path) -> "ShardFolder":
        """The folder that is meant by an output, or by its own name."""
        return cls(output.with_suffix("") if output.suffix in (".jsonl", SUFFIX) else output)

    @classmethod
    def find(cls, output: Path) -> "ShardFolder | None":
        """The one that is there, unless the path is that of a file."""
        folder = cls.of(output)
        return folder if not os.path.isfile(output) and folder.is_planned() else None  # noqa: PTH113

    def is_planned(self) -> bool:
        # os.path has no error for a name that is too long: who opens it says so.
        return os.path.isfile(self.plan_path)  # noqa: PTH113

    @property
    def path(self) -> Path:
        return self.stem.parent / f"{self.stem.name}{SUFFIX}"

    @property
    def merged(self) -> Path:
        """Where all lines of its shards go, unless told otherwise."""
        return self.stem.parent / f"{self.stem.name}.jsonl"

    @property
    def plan_path(self) -> Path:
        return self.path / "plan.json"

    def shard(self, number: int) -> OutputPaths:
        return OutputPaths.of(self.path / f"{name_shard(number)}.jsonl")

    def shards(self, plan: ShardPlan) -> Iterator[tuple[int, OutputPaths]]:
        for number in range(len(plan)):
            yield number, self.shard(number)

    def is_begun(self, number: int) -> bool:
        return self.shard(number).journal.is_file()

    def view(self) -> View:
        """By which one sees how far its shards are."""
        return JournalsView(self.path, self.shard)

    def at_hand(self, number: int, _: Path) -> AbstractContextManager[OutputPaths]:
        """Its files."""
        return nullcontext(self.shard(number))

    def read_note(self, name: str) -> bytes | None:
        """What stands beside the plan; None where there is none. Raises OSError."""
        path = self.path / name
        return path.read_bytes() if path.exists() else None

    def write_note(self, name: str, content: bytes) -> None:
        """Raises OutputError."""
        with whole_file(self.path / name) as file:
            file.write(content)

    def asides(self, _: int) -> Iterator[list[bytes]]:
        """What was paid for and is no part of the shard: nothing, where a lock keeps others away."""
        return iter(())

    def read_plan(self) -> ShardPlan:
        """Raises ConfigError where there is none that can be read."""
        try:
            text = self.plan_path.read_bytes()
        except FileNotFoundError:
            raise ConfigError(
                f"{self.path} has no plan; asyncgen shards {self.stem} -n NUM makes one, once for all machines"
            ) from None
        except OSError as error:
            raise ConfigError(f"{self.plan_path}: {error.strerror}") from error
        return decode_plan(text, self.plan_path)

    def put_plan(self, plan: ShardPlan) -> bool:
        """Write it unless there is one. Whether it was written; raises ConfigError where there is another."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if _put_if_absent(self.plan_path, encode_plan(plan)):
                sync_directory(self.path)
                return True
        except OSError as error:
            raise ConfigError(f"{self.plan_path}: cannot be written: {explain(error)}") from error
        self.read_plan().check_same(plan, self.path)
        return False


def check_no_plan(output: Path) -> None:
    """Raises ConfigError for an output that shards make: what is made past their plan is paid for twice."""
    if folder := ShardFolder.find(output):
        raise ConfigError(
            f"{output}: {folder.path} has a plan of shards: make one with --shard K/M, put them together by "
            f"asyncgen merge {folder.stem}, or choose another --output"
        )
    home = Path(os.path.realpath(output)).parent  # of the folder where this is typed, or of a link, too
    folder = ShardFolder.of(home)
    if home == folder.path and folder.is_planned():
        raise ConfigError(
            f"{output} belongs to the plan of shards {folder.plan_path}: make it with --shard K/M -o {folder.stem}, or "
            "choose another --output"
        )


def _put_if_absent(path: Path, content: bytes) -> bool:
    """Of several that try at once, one does; the file appears whole."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(name, path)
        except FileExistsError:
            return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
    return True
