"""What the tests of journal, output, resume and start build their outputs from."""

import asyncio
import resource
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec

from asyncgen.conversation import Conversation, Message, decode_line, digest_conversation, encode_line
from asyncgen.output.begin import prepare
from asyncgen.output.files import Files, Record
from asyncgen.output.journal import VERSION, Done, Entry, Failed, Header, Lost, Unused, decode_entry, encode_entry
from asyncgen.output.paths import OutputPaths
from asyncgen.output.rejects import Reject, encode_reject
from asyncgen.output.writer import Writer

HEADER = Header(
    version=VERSION,
    asyncgen="1.0",
    started="2026-01-01T00:00:00Z",
    num=6,
    provider="openrouter",
    base_url="https://there.example/v1",
    recipe="bread",
    dimensions=(),
    sampling="balanced/1",
    seed=None,
    request={"model": "some/model"},
    line_format="arrays of messages",
    digests={"prompts": "12", "knowledge": "34"},
)
COST = Decimal("0.001")


def conversation(text: object) -> Conversation:
    return (Message("user", f"Q {text}"), Message("assistant", f"A {text}"))


def line(text: object) -> bytes:
    return encode_line(conversation(text))


def digest(text: object) -> str:
    return digest_conversation(conversation(text)).hex()


def done(index: int, text: object = None) -> Record:
    """An index whose conversation is about `text`, its own number unless told otherwise."""
    text = index if text is None else text
    return Record(encode_entry(Done(index=index, digest=digest(text), cost=COST)), line(text))


def rejected(index: int) -> Record:
    entry = Unused(index=index, reason="not-json", cost=COST)
    return Record(encode_entry(entry), reject=encode_reject(Reject(index, 1, "not-json", "I would rather not")))


def failed(index: int) -> Record:
    return Record(encode_entry(Failed(index=index, reason="request-rejected", status=400)))


def lost(index: int) -> Record:
    return Record(encode_entry(Lost(index=index, reason="connection")))


async def write_batches(files: Files, batches: Iterable[Sequence[Record]]) -> None:
    """Through the real writer, one batch for each of `batches`."""
    writer = Writer(files, capacity=1, on_written=lambda records: None, on_full=lambda seconds: None)
    async with asyncio.TaskGroup() as group:
        group.create_task(writer.run())
        for *first, last in batches:
            for record in first:
                writer.put_nowait(record)
            await writer.put_synced(last)
        writer.close()


def make_run(paths: OutputPaths, batches: Iterable[Sequence[Record]], header: Header = HEADER) -> None:
    files = prepare(paths, header).open()
    asyncio.run(write_batches(files, batches))
    files.close()


def conversations(path: Path) -> list[Conversation]:
    """All lines of an output; the error of a torn or merged one is the test's failure."""
    content = path.read_bytes()
    assert not content or content.endswith(b"\n")
    return [decode_line(each) for each in content.splitlines()]


def entries(path: Path) -> list[Entry]:
    return [decode_entry(each) for each in path.read_bytes().splitlines(keepends=True)]


def rejects(path: Path) -> list[Reject]:
    return [msgspec.json.decode(each, type=Reject) for each in path.read_bytes().splitlines()]


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """As `ulimit -f` does, but in bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@dataclass(frozen=True)
class Snapshot:
    """Names, contents and times of all that is in a folder."""

    files: tuple[tuple[str, bytes, int], ...]

    @classmethod
    def of(cls, folder: Path) -> "Snapshot":
        paths = sorted(folder.iterdir())
        return cls(
            tuple((path.name, path.read_bytes() if path.is_file() else b"", path.lstat().st_mtime_ns) for path in paths)
        )
