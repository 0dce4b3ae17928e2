"""Where a shard may be cut while it is being written, and what parts that are put together again make of it."""

from pathlib import Path

import pytest
from outputs import done, failed, make_run, rejected
from planned_shards import header_of

from asyncgen.output.begin import prepare
from asyncgen.output.earlier import read_earlier
from asyncgen.output.paths import OutputPaths
from asyncgen.shards.parts import LARGEST, Position, find_cut, read_head, read_pieces

NOTHING = [0, 0, 0]


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    paths = OutputPaths.of(tmp_path / "00001.jsonl")
    make_run(paths, [[done(4), rejected(5)], [done(5)], [failed(6)]], header_of(1))
    make_run(paths, [[done(7)], [done(6)]], header_of(1))
    return paths


def copy(paths: OutputPaths, ends: list[int], folder: Path) -> OutputPaths:
    folder.mkdir(exist_ok=True)
    copies = OutputPaths.of(folder / "00001.jsonl")
    for path, source, end in zip(copies.data, paths.data, ends, strict=True):
        path.write_bytes(source.read_bytes()[:end])
    return copies


def test_wherever_a_writer_is_what_is_cut_is_whole(paths: OutputPaths, tmp_path: Path) -> None:
    sizes = [path.stat().st_size for path in paths.data]
    cuts = {}
    for size in range(0, sizes[1] + 1, 23):  # of the journal, as it grows; the others are never behind a mark of it
        torn = copy(paths, [sizes[0], size, sizes[2]], tmp_path / "torn")
        if (cut := find_cut(torn, NOTHING, LARGEST)) is not None:
            assert cut[1] <= size
            cuts[cut[1]] = cut
    assert len(cuts) == 9
    for cut in cuts.values():
        part = copy(paths, cut, tmp_path / "part")
        earlier = read_earlier(part)
        assert earlier is not None
        assert earlier.patches == ()
        assert earlier.lines.missing == 0
        assert [*prepare(part, header_of(1)).pending()] == [i for i in range(4, 8) if not earlier.lines.is_done(i)]


def test_parts_of_any_size_are_the_files_again(paths: OutputPaths) -> None:
    whole = [path.read_bytes() for path in paths.data]
    for largest in (1, 300, 900, LARGEST):
        position, reader = Position(), Position()
        files, heads = [b"", b"", b""], []
        while (ends := find_cut(paths, position.ends, largest)) is not None:
            head, content = position.make_part(read_pieces(paths, position.ends, ends), "run")
            heads.append(read_head(content, "part"))
            assert heads[-1] == head
            files = [one + more for one, more in zip(files, reader.take(head, content, "part"), strict=True)]
        assert files == whole
        again = Position.of_files(paths, heads[-1])
        assert again is not None
        assert (again.digests, again.sums.done, again.sums.calls) == (reader.digests, 4, 6)


def test_a_mark_alone_is_no_part(paths: OutputPaths) -> None:
    ends = find_cut(paths, NOTHING, LARGEST)
    assert ends is not None
    prepare(paths, header_of(1)).open().close()
    assert find_cut(paths, ends, LARGEST) is not None
    with paths.journal.open("ab") as file:
        file.write(b'{"type":"mark","output":1')
    last = find_cut(paths, NOTHING, LARGEST)
    assert last is not None
    assert find_cut(paths, last, LARGEST) is None
