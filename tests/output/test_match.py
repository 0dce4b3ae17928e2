"""Crashes, damage and edits between two runs: whatever happened, each index ends up in the output once."""

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from outputs import (
    HEADER,
    Snapshot,
    conversation,
    conversations,
    digest,
    done,
    failed,
    line,
    lost,
    make_run,
    rejected,
    rejects,
)
from sweep import at_most, sweep, sweep_on

from asyncgen.errors import ConfigError, OutputError
from asyncgen.output.append_file import SYNC
from asyncgen.output.begin import Start, prepare
from asyncgen.output.changes import MADE_AGAIN
from asyncgen.output.earlier import read_earlier, read_status
from asyncgen.output.files import Record
from asyncgen.output.journal import VERSION, Done, Kept
from asyncgen.output.ledger import Ledger
from asyncgen.output.match import Lines, match_lines
from asyncgen.output.paths import OutputPaths, mended_path, torn_path

BATCHES: Sequence[Sequence[Record]] = (
    (done(0), rejected(1), failed(5)),
    (lost(2), done(3), rejected(2), done(1), done(2)),
)
MADE = {0, 1, 2, 3}


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    return OutputPaths.of(tmp_path / "x.jsonl")


@pytest.fixture
def no_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of thousands of states, none of which loses power."""
    monkeypatch.setattr(os, SYNC, lambda descriptor: None)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


@dataclass(frozen=True)
class State:
    """What the three files hold."""

    output: bytes
    journal: bytes
    rejects: bytes

    @classmethod
    def read(cls, paths: OutputPaths) -> "State":
        return cls(*(path.read_bytes() for path in paths.data))

    def write(self, paths: OutputPaths) -> None:
        for path in paths.output.parent.iterdir():
            path.unlink()
        for path, content in zip(paths.data, (self.output, self.journal, self.rejects), strict=True):
            path.write_bytes(content)


@dataclass(frozen=True)
class Batch:
    """The files before a batch and after it."""

    before: State
    after: State

    @property
    def lines(self) -> bytes:
        return self.after.output[len(self.before.output) :]

    @property
    def entries(self) -> bytes:
        return self.after.journal[len(self.before.journal) :]

    @property
    def replies(self) -> bytes:
        return self.after.rejects[len(self.before.rejects) :]

    def journalling(self, entries: bytes) -> State:
        """What a crash leaves before the journal is synced: all of the batch that there is are these `entries`."""
        return State(self.before.output, self.before.journal + entries, self.before.rejects)

    def writing(self, lines: bytes, replies: bytes) -> State:
        """What a crash leaves after that: the entries are safe, of the rest there is this."""
        return State(self.before.output + lines, self.after.journal, self.before.rejects + replies)


def record_run(paths: OutputPaths) -> list[Batch]:
    """The batches of a run; the last one is the mark with which it closes."""
    files = prepare(paths, HEADER).open()
    states = [State.read(paths)]
    for records in BATCHES:
        files.append_batch(records)
        states.append(State.read(paths))
    files.append_mark()
    files.close()
    states.append(State.read(paths))
    return [Batch(*pair) for pair in pairwise(states)]


def done_indices(lines: Lines) -> set[int]:
    return {index for index in range(HEADER.num) if lines.is_done(index)}


def indices_of(output: bytes) -> set[int]:
    """The indices whose lines are whole, but for a newline at the end."""
    return {index for index in MADE if line(index).rstrip() in output.split(b"\n")}


def calls(journal: bytes) -> Counter[bytes]:
    """The whole entries, without marks and headers."""
    lines = [each for each in journal.splitlines(keepends=True) if each.endswith(b"\n")]
    return Counter(each for each in lines if not each.startswith((b'{"type":"mark"', b'{"type":"run"')))


def check_resume(paths: OutputPaths, batch: Batch, *, thorough: bool = True) -> None:
    """Start again after a crash in `batch`, whatever it left; if `thorough`, also make what is missing."""
    found = State.read(paths)
    start = prepare(paths, HEADER)
    assert State.read(paths) == found
    is_done = done_indices(start.lines)
    assert indices_of(batch.before.output) <= is_done
    assert is_done == indices_of(found.output)

    start.open().close()
    assert len(conversations(paths.output)) == len(is_done)
    assert calls(batch.before.journal) <= calls(paths.journal.read_bytes()) <= calls(batch.after.journal)
    assert len(rejects(paths.rejects)) >= batch.before.rejects.count(b"\n")

    again = prepare(paths, HEADER)
    assert again.patches == ()
    assert again.ledger.totals == start.ledger.totals
    assert done_indices(again.lines) == is_done

    if thorough:
        finish(paths, again)


def finish(paths: OutputPaths, start: Start) -> None:
    files = start.open()
    files.append_batch([done(index) for index in start.pending()])
    files.append_mark()
    files.close()
    assert Counter(conversations(paths.output)) == Counter(map(conversation, range(HEADER.num)))
    assert not list(prepare(paths, HEADER).pending())


# ---- crashes


@pytest.mark.usefixtures("no_syncs")
@pytest.mark.parametrize("number", range(len(BATCHES) + 1))
def test_after_a_crash_at_any_byte_each_index_is_made_once(paths: OutputPaths, number: int) -> None:
    batch = record_run(paths)[number]
    for size in sweep(len(batch.entries) + 1):
        batch.journalling(batch.entries[:size]).write(paths)
        check_resume(paths, batch, thorough=size % 9 == 0)
    for size in sweep(len(batch.lines) + 1):
        batch.writing(batch.lines[:size], batch.replies).write(paths)
        check_resume(paths, batch, thorough=size % 9 == 0)
    for size in sweep(len(batch.replies) + 1):
        batch.writing(b"", batch.replies[:size]).write(paths)
        check_resume(paths, batch, thorough=False)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """What power loss may leave of unsynced bytes: a part of them, zeros in places, rubbish or zeros at the end."""
    left = bytearray(content[: draw(st.integers(0, len(content)))])
    for _ in range(draw(st.integers(0, 3))):
        begin = draw(st.integers(0, len(left)))
        end = draw(st.integers(begin, min(len(left), begin + 60)))
        left[begin:end] = bytes(end - begin)
    return bytes(left) + draw(st.sampled_from([b"", b"", bytes(50), b"\xff\x00\xfe", b"\0\n\0\n", b'[{"role":']))


@pytest.mark.usefixtures("no_syncs")
def test_after_power_loss_what_was_synced_is_there_and_each_index_is_made_once(paths: OutputPaths) -> None:
    batches = record_run(paths)

    @at_most(100)
    @given(st.data(), st.sampled_from(batches), st.booleans())
    def lose_power(data: st.DataObject, batch: Batch, journalled: bool) -> None:  # noqa: FBT001
        if journalled:
            batch.writing(data.draw(damaged(batch.lines)), data.draw(damaged(batch.replies))).write(paths)
        else:
            batch.journalling(data.draw(damaged(batch.entries))).write(paths)
        check_resume(paths, batch)

    lose_power()


def test_zeros_that_join_two_lines_into_a_plausible_one_are_damage(paths: OutputPaths) -> None:
    *_, batch, _ = record_run(paths)
    begin, end = batch.lines.index(b"Q 1") + 2, batch.lines.index(b"A 2") + 2
    batch.writing(batch.lines[:begin] + bytes(end - begin) + batch.lines[end:], b"").write(paths)
    check_resume(paths, batch)


def test_a_last_line_that_lacks_only_its_newline_gets_it(paths: OutputPaths) -> None:
    *_, batch, _ = record_run(paths)
    batch.writing(batch.lines[:-1], batch.replies).write(paths)
    prepare(paths, HEADER).open().close()
    assert paths.output.read_bytes() == batch.after.output
    assert not torn_path(paths.output).exists()


def test_what_is_cut_off_is_kept_beside_the_file(paths: OutputPaths) -> None:
    *_, batch, _ = record_run(paths)
    batch.writing(batch.lines[:-5], batch.replies[:-5]).write(paths)
    prepare(paths, HEADER).open().close()
    assert torn_path(paths.output).read_bytes() == batch.lines[:-5]
    assert torn_path(paths.rejects).read_bytes() == batch.replies[:-5]
    assert not torn_path(paths.journal).exists()


def test_what_only_looks_whole_behind_the_mark_is_synced_before_it_counts(
    paths: OutputPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    *_, batch, _ = record_run(paths)
    batch.writing(batch.lines, batch.replies).write(paths)
    synced: list[Path] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.extend(p for p in paths.data if is_open(p, descriptor)))
    prepare(paths, HEADER).open().close()
    assert synced == [paths.journal, paths.output, paths.rejects]


def is_open(path: Path, descriptor: int) -> bool:
    return os.path.samestat(path.stat(), os.fstat(descriptor))


def test_an_output_of_nothing_but_entries_goes_on_however_often_it_is_interrupted(paths: OutputPaths) -> None:
    first = record_run(paths)[0]
    first.writing(b"", b"").write(paths)
    for _ in range(3):
        prepare(paths, HEADER).open().close()
    finish(paths, prepare(paths, HEADER))


# ---- mending that is killed


class Killed(BaseException):
    pass


class Killer:
    """Kills what runs under it at its n-th step: `chunk` bytes written, a sync, a truncation, a copy, a rename."""

    def __init__(self, steps: int, chunk: int) -> None:
        self.chunk = chunk
        self._steps_left = steps

    def step(self) -> None:
        if not self._steps_left:
            raise Killed
        self._steps_left -= 1

    @contextmanager
    def armed(self) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, SYNC, lambda descriptor: self.step())
            patch.setattr(os, "fsync", lambda descriptor: self.step())
            patch.setattr(shutil, "copy", self._copy)
            patch.setattr(Path, "replace", self._replace(Path.replace))
            patch.setattr(Path, "open", self._open(Path.open))
            yield

    def _copy(self, source: Path, target: Path) -> Path:
        content = source.read_bytes()
        for size in (0, len(content) // 2, len(content)):
            target.write_bytes(content[:size])
            self.step()
        return target

    def _replace(self, replace: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
        def replace_step(path: Path, target: Path) -> Path:
            self.step()
            return replace(path, target)

        return replace_step

    def _open(self, open_path: Callable[..., object]) -> Callable[..., object]:
        def open_mortal(path: Path, mode: str = "r", **options: int) -> object:
            return MortalFile(self, path) if mode == "r+b" else open_path(path, mode, **options)

        return open_mortal


class MortalFile:
    """A file that is written piece by piece, as long as the killer lets it."""

    def __init__(self, killer: Killer, path: Path) -> None:
        self._killer = killer
        self._descriptor = os.open(path, os.O_RDWR)
        self._offset = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def seek(self, offset: int) -> None:
        self._offset = offset

    def write(self, data: bytes) -> None:
        for begin in range(0, len(data), self._killer.chunk):
            self._killer.step()
            self._offset += os.pwrite(self._descriptor, data[begin : begin + self._killer.chunk], self._offset)

    def truncate(self) -> None:
        self._killer.step()
        os.ftruncate(self._descriptor, self._offset)

    def flush(self) -> None:
        pass

    def fileno(self) -> int:
        return self._descriptor


def torn_at_the_end(batch: Batch) -> State:
    return batch.writing(batch.lines[:-5], batch.replies[:-5])


def torn_in_the_middle(batch: Batch) -> State:
    """Shorter than the whole lines behind it, so that a line that moves overlaps itself."""
    _, output = batch.lines.split(b"\n", 1)
    state = batch.writing(b"\0\0\n" + output, b"\0\n" + batch.replies)
    mark, *whole = batch.entries.splitlines(keepends=True)
    return State(state.output, batch.before.journal + mark + b"\0\0\0\n" + b"".join(whole), state.rejects)


@pytest.mark.usefixtures("no_syncs")
@pytest.mark.parametrize(("tear", "chunk"), [(torn_at_the_end, 3), (torn_in_the_middle, 5)])
def test_mending_may_be_killed_at_any_step_and_repeated(
    paths: OutputPaths, tear: Callable[[Batch], State], chunk: int
) -> None:
    *_, batch, _ = record_run(paths)
    state = tear(batch)
    for steps in sweep_on():
        state.write(paths)
        try:
            with Killer(steps, chunk).armed():
                prepare(paths, HEADER).open().close()
        except Killed:
            pass
        else:
            break
        start = prepare(paths, HEADER)
        assert done_indices(start.lines) == indices_of(state.output)
        finish(paths, start)
        assert calls(batch.after.journal) <= calls(paths.journal.read_bytes())
        assert calls(paths.journal.read_bytes()).total() == calls(batch.after.journal).total() + len(
            list(start.pending())
        )
        assert {reject.text for reject in rejects(paths.rejects)} == {"I would rather not"}
        assert not mended_path(paths.output).exists()
    assert steps > 100


def test_a_disk_too_full_for_mending_changes_nothing(paths: OutputPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    *_, batch, _ = record_run(paths)
    state = torn_in_the_middle(batch)
    state.write(paths)
    monkeypatch.setattr(shutil, "copy", refuse)
    with pytest.raises(OutputError, match=r"x\.jsonl\.journal: cannot be mended: No space left on device"):
        prepare(paths, HEADER).open()
    assert State.read(paths) == state


# ---- damage that is refused


def test_a_damaged_line_before_the_mark_is_refused_with_line_and_byte(paths: OutputPaths) -> None:
    make_run(paths, BATCHES)
    content = paths.output.read_bytes()
    second = content.index(b"\n") + 1
    for damage in (b"\0", b"{", b"\xff"):
        paths.output.write_bytes(content[:second] + damage + content[second + 1 :])
        with pytest.raises(ConfigError, match=rf"x\.jsonl: line 2 \(byte {second}\) is not a conversation"):
            prepare(paths, HEADER, append=True)


def test_a_damaged_journal_before_the_mark_is_refused_with_line_and_byte(paths: OutputPaths) -> None:
    make_run(paths, BATCHES)
    content = paths.journal.read_bytes()
    second = content.index(b"\n") + 1
    paths.journal.write_bytes(content[:second] + b"\0" + content[second + 1 :])
    with pytest.raises(
        ConfigError, match=rf"x\.jsonl\.journal: line 2 \(byte {second}\) is damaged.*; --overwrite starts"
    ):
        prepare(paths, HEADER)


@pytest.mark.parametrize("leave", [Path.unlink, Path.touch, lambda path: path.write_bytes(line("else"))])
def test_an_output_in_which_no_conversation_is_left_is_refused(
    paths: OutputPaths, leave: Callable[[Path], object]
) -> None:
    make_run(paths, BATCHES)
    paths.output.write_bytes(b"")
    leave(paths.output)
    for append in (False, True):
        with pytest.raises(ConfigError, match=r"x\.jsonl: no conversation that x\.jsonl\.journal knows"):
            prepare(paths, HEADER, append=append)


# ---- edits by hand

Edit = Callable[[list[bytes]], list[bytes]]


def respell(lines: list[bytes], **style: object) -> list[bytes]:
    return [json.dumps(json.loads(each), **style).encode() + b"\n" for each in lines]  # type: ignore[arg-type]


def escape(lines: list[bytes]) -> list[bytes]:
    return [each.replace(b"Q", rb"\u0051") for each in lines]


def reorder_keys(lines: list[bytes]) -> list[bytes]:
    turned = [[dict(reversed(message.items())) for message in json.loads(each)] for each in lines]
    return [json.dumps(each).encode() + b"\n" for each in turned]


def wrap(lines: list[bytes]) -> list[bytes]:
    return [b'{"messages":' + each.rstrip(b"\n") + b',"metadata":{"score":1}}\n' for each in lines]


EDITS: dict[str, tuple[Edit, set[int]]] = {
    "nothing": (lambda lines: lines, set()),
    "the first line deleted": (lambda lines: lines[1:], {0}),
    "the last line deleted": (lambda lines: lines[:-1], {2}),
    "all but one deleted": (lambda lines: lines[1:2], {0, 1, 2}),
    "turned round": (lambda lines: lines[::-1], set()),
    "sorted and filtered": (lambda lines: sorted(lines)[:2], {2, 3}),
    "other spacing": (lambda lines: respell(lines, separators=(" , ", " : ")), set()),
    "other keys first": (reorder_keys, set()),
    "other escapes": (escape, set()),
    "wrapped in objects": (wrap, set()),
    "blank lines": (lambda lines: [b"\n", *lines, b"  \n", b"\n"], set()),
    "carriage returns": (lambda lines: [each.replace(b"\n", b"\r\n") for each in lines], set()),
    "no newline at the end": (lambda lines: [*lines[:-1], lines[-1].rstrip(b"\n")], set()),
    "half a last line": (lambda lines: [*lines[:-1], lines[-1][:-9]], {2}),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_output_is_known_by_its_conversations(paths: OutputPaths, name: str) -> None:
    edit, missing = EDITS[name]
    make_run(paths, BATCHES)
    paths.output.write_bytes(b"".join(edit(paths.output.read_bytes().splitlines(keepends=True))))
    start = prepare(paths, HEADER)
    assert done_indices(start.lines) == MADE - missing
    assert start.lines.missing == len(missing)
    start.open().close()
    assert prepare(paths, HEADER).patches == ()
    files = prepare(paths, HEADER).open()
    files.append_batch([done(index) for index in start.pending()])
    files.close()
    made = [each for each in paths.output.read_bytes().splitlines() if each.strip()]
    assert sorted(set(made)) == sorted(made)
    assert done_indices(prepare(paths, HEADER).lines) == set(range(HEADER.num))


STRANGE = "not made here, or edited by hand: delete what should go"
UNKNOWN: dict[str, tuple[Edit, str]] = {
    "a stranger in front": (lambda lines: [line("new"), *lines], f"line 1 was {STRANGE}"),
    "a stranger at the end": (lambda lines: [*lines, line("new")], f"line 5 was {STRANGE}"),
    "a stranger without its newline": (lambda lines: [*lines, line("new").rstrip()], f"line 5 was {STRANGE}"),
    "an edited line": (lambda lines: [lines[0].replace(b"Q", b"QQ"), *lines[1:]], f"line 1 was {STRANGE}"),
    "a line twice": (lambda lines: [*lines, lines[1]], "line 5 repeats line 2, word for word: delete it, or keep it"),
    "lines often, and a stranger": (
        lambda lines: [lines[0], *lines, line("new"), lines[3]],
        f"line 6 was {STRANGE}; lines 2, 7 repeat lines 1, 5, word for word: delete them, or keep all of it",
    ),
    "many": (
        lambda lines: [*lines, *(line(f"new {i}") for i in range(7))],
        f"lines 5, 6, 7, 8, 9 and 2 more were {STRANGE}",
    ),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_lines_that_nobody_knows_are_named_and_refused_until_they_are_adopted(paths: OutputPaths, name: str) -> None:
    edit, named = UNKNOWN[name]
    make_run(paths, BATCHES)
    edited = edit(paths.output.read_bytes().splitlines(keepends=True))
    paths.output.write_bytes(b"".join(edited))
    with pytest.raises(ConfigError, match=rf"x\.jsonl: {named}.* with --append"):
        prepare(paths, HEADER)
    start = prepare(paths, HEADER, append=True)
    start.open().close()
    assert [each + b"\n" for each in paths.output.read_bytes().splitlines()] == [
        each.rstrip() + b"\n" for each in edited
    ]
    adopted = prepare(paths, HEADER)
    assert adopted.lines.kept == len(start.kept) > 0
    assert done_indices(adopted.lines) == done_indices(start.lines)
    assert list(adopted.pending()) == sorted(set(range(HEADER.num)) - done_indices(start.lines))


def test_what_has_one_place_and_no_flag_for_it_is_not_told_to_keep_lines_that_nobody_knows(paths: OutputPaths) -> None:
    header = msgspec.structs.replace(HEADER, digests={MADE_AGAIN: "--rules email"})
    make_run(paths, BATCHES, header)
    paths.output.write_bytes(paths.output.read_bytes() + line("new"))
    with pytest.raises(ConfigError, match=r"delete what should go$"):
        prepare(paths, header)


def test_a_stranger_behind_the_mark_of_a_crash_is_not_taken_for_torn(paths: OutputPaths) -> None:
    *_, batch, _ = record_run(paths)
    batch.writing(batch.lines + line("new"), b"").write(paths)
    with pytest.raises(ConfigError, match="line 5 was not made here"):
        prepare(paths, HEADER)


def test_an_edited_file_of_rejects_keeps_its_lines_apart(paths: OutputPaths) -> None:
    make_run(paths, BATCHES)
    paths.rejects.write_bytes(paths.rejects.read_bytes()[:20])
    files = prepare(paths, HEADER).open()
    files.append_batch([rejected(4)])
    files.close()
    assert paths.rejects.read_bytes().count(b"\n") == 2


def test_a_deleted_file_of_rejects_is_begun_again(paths: OutputPaths) -> None:
    make_run(paths, BATCHES)
    paths.rejects.unlink()
    files = prepare(paths, HEADER).open()
    files.append_batch([rejected(4)])
    files.close()
    assert [reject.index for reject in rejects(paths.rejects)] == [4]
    assert prepare(paths, HEADER).patches


# ---- pairing entries and lines


def matched(made: Sequence[Done | Kept], texts: Sequence[object]) -> Lines:
    ledger = Ledger()
    ledger.add_all(made)
    return match_lines(ledger, ((number, bytes.fromhex(digest(text))) for number, text in enumerate(texts, 1)))


def entry(index: int, text: object) -> Done:
    return Done(index=index, digest=digest(text))


def test_two_equal_conversations_serve_two_indices() -> None:
    both = [entry(0, "a"), entry(1, "a")]
    assert matched(both, ["a", "a"]).count_done() == 2
    assert matched(both, ["a"]).count_done() == 1
    assert matched(both, ["a"]).missing == 1
    assert [number for number, _ in matched(both, ["a", "a", "a"]).unknown] == [3]


def test_an_older_conversation_of_an_index_is_a_stranger() -> None:
    lines = matched([entry(0, "a"), entry(0, "b")], ["b", "a"])
    assert (lines.count_done(), lines.missing, [number for number, _ in lines.unknown]) == (1, 0, [2])


def test_a_kept_line_that_is_deleted_is_not_missing() -> None:
    lines = matched([Kept(digest=digest("k")), entry(0, "a")], ["a"])
    assert (lines.kept, lines.missing, lines.known) == (0, 0, 1)


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 4), max_size=12))
def test_as_many_lines_are_known_as_entries_have_partners(made: list[int], there: list[int]) -> None:
    lines = matched([entry(index, text) for index, text in enumerate(made)], there)
    expected, found = Counter(made), Counter(there)
    assert lines.count_done() == (expected & found).total()
    assert lines.missing == (expected - found).total()
    assert len(lines.unknown) == (found - expected).total()
    assert Counter(made[index] for index in range(len(made)) if lines.is_done(index)) == expected & found
    for text in expected:
        indices = [index for index, each in enumerate(made) if each == text]
        assert [lines.is_done(index) for index in indices] == sorted(map(lines.is_done, indices), reverse=True)


def test_of_equal_conversations_that_one_line_is_left_of_the_lowest_index_is_done_whatever_run_made_it() -> None:
    made = [*(entry(index, index % 3) for index in range(9)), *(entry(index, index % 3) for index in range(2, 5))]
    lines = matched(made, [0, 1, 2, 0, 1])
    assert [index for index in range(9) if lines.is_done(index)] == [0, 1, 2, 3, 4]
    assert lines.missing == 4


# ---- a status beside a run


@pytest.mark.usefixtures("no_syncs")
def test_a_status_can_be_read_at_any_moment_of_a_run(paths: OutputPaths) -> None:
    for batch in record_run(paths):
        for size in range(0, len(batch.entries) + 1, 7):
            batch.journalling(batch.entries[:size]).write(paths)
            assert done_indices(read_status(paths)[1]) == indices_of(batch.before.output)
        for size in range(0, len(batch.lines) + 1, 7):
            batch.writing(batch.lines[:size], b"").write(paths)
            before = Snapshot.of(paths.output.parent)
            assert indices_of(batch.before.output) <= done_indices(read_status(paths)[1])
            assert Snapshot.of(paths.output.parent) == before


def test_a_status_reads_an_output_that_a_run_would_refuse(paths: OutputPaths) -> None:
    make_run(paths, BATCHES)
    paths.output.write_bytes(b"rubbish\n" + line("new") + line(3))
    assert done_indices(read_status(paths)[1]) == {3}


def test_a_status_without_a_journal_says_so(paths: OutputPaths) -> None:
    with pytest.raises(ConfigError, match=r"x\.jsonl\.journal: No such file"):
        read_status(paths)
    paths.journal.write_bytes(b"rubbish\n")
    assert done_indices(read_status(paths)[1]) == set()
    paths.output.write_bytes(line(3))
    with pytest.raises(ConfigError, match=r"has lines and no journal that tells of them \(x\.jsonl\.journal\)"):
        read_status(paths)


# ---- anything, in any order


class Histories(RuleBasedStateMachine):
    """Runs, crashes and edits in any order, against a model of what must be done."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.paths = OutputPaths.of(Path(self.folder.name) / "x.jsonl")
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(os, SYNC, lambda descriptor: None)
        self.patch.setattr(os, "fsync", lambda descriptor: None)
        self.newest: dict[int, int] = {}
        self.kept: list[int] = []
        self.lines: list[int] = []

    def teardown(self) -> None:
        self.patch.undo()
        self.folder.cleanup()

    def expected(self) -> Counter[int]:
        return Counter(self.newest.values()) + Counter(self.kept)

    def write_lines(self) -> None:
        self.paths.output.write_bytes(b"".join(map(line, self.lines)))

    @initialize()
    def begin(self) -> None:
        prepare(self.paths, HEADER).open().close()

    @rule(texts=st.lists(st.integers(0, 3), max_size=4), batch_size=st.integers(1, 4), closed=st.booleans())
    def run(self, texts: list[int], batch_size: int, closed: bool) -> None:  # noqa: FBT001
        start = prepare(self.paths, HEADER)
        made = dict(zip(start.pending(), texts, strict=False))
        files = start.open()
        records = [done(index, text) for index, text in made.items()]
        for begin in range(0, len(records), batch_size):
            files.append_batch(records[begin : begin + batch_size])
        if closed:
            files.append_mark()
        files.close()
        self.newest |= made
        self.lines += made.values()

    @rule(texts=st.lists(st.integers(0, 3), min_size=1, max_size=3), left=st.floats(0, 1), zeros=st.booleans())
    def crash_while_journalling(self, texts: list[int], left: float, zeros: bool) -> None:  # noqa: FBT001
        start = prepare(self.paths, HEADER)
        made = list(zip(start.pending(), texts, strict=False))
        files = start.open()
        before = State.read(self.paths)
        files.append_batch([done(index, text) for index, text in made])
        files.close()
        added = self.paths.journal.read_bytes()[len(before.journal) :]
        size = int(left * len(added))
        self.paths.output.write_bytes(before.output)
        self.paths.journal.write_bytes(before.journal + added[:size] + bytes(len(added) - size if zeros else 0))
        whole = added[:size].count(b"\n") - 1  # without the mark
        self.newest |= dict(made[: max(0, whole)])

    @rule(texts=st.lists(st.integers(0, 3), min_size=1, max_size=3), left=st.floats(0, 1), zeros=st.booleans())
    def crash_while_writing(self, texts: list[int], left: float, zeros: bool) -> None:  # noqa: FBT001
        start = prepare(self.paths, HEADER)
        made = list(zip(start.pending(), texts, strict=False))
        files = start.open()
        before = State.read(self.paths)
        files.append_batch([done(index, text) for index, text in made])
        files.close()
        added = self.paths.output.read_bytes()[len(before.output) :]
        size = int(left * len(added))
        self.paths.output.write_bytes(before.output + added[:size] + bytes(len(added) - size if zeros else 0))
        self.newest |= dict(made)
        whole = added[:size].count(b"\n")
        whole += added[size : size + 1] == b"\n"  # one that lacks only its newline
        self.lines += [text for _, text in made[:whole]]

    @precondition(lambda self: len(self.lines) > 1)
    @rule(data=st.data())
    def edit(self, data: st.DataObject) -> None:
        prepare(self.paths, HEADER).open().close()
        order = data.draw(st.permutations(self.lines))
        self.lines = list(order[: data.draw(st.integers(1, len(order)))])
        self.write_lines()

    @precondition(lambda self: self.lines)
    @rule(texts=st.lists(st.integers(10, 12), min_size=1, max_size=3))
    def adopt(self, texts: list[int]) -> None:
        prepare(self.paths, HEADER).open().close()
        self.lines = [*texts, *self.lines]
        self.write_lines()
        start = prepare(self.paths, HEADER, append=True)
        start.open().close()
        # A text that was kept before and deleted since is known, not adopted again.
        self.kept += (Counter(texts) - (Counter(self.kept) - Counter(self.lines[len(texts) :]))).elements()

    @precondition(lambda self: self.lines)
    @rule()
    def lose_everything(self) -> None:
        prepare(self.paths, HEADER).open().close()
        self.paths.output.write_bytes(b"")
        with pytest.raises(ConfigError, match="no conversation that"):
            prepare(self.paths, HEADER)
        self.write_lines()

    @invariant()
    def the_next_start_knows_what_is_there(self) -> None:
        if not self.paths.journal.exists():
            return
        earlier = read_earlier(self.paths)
        assert earlier is not None
        assert earlier.lines.unknown == []
        assert earlier.lines.known == len(self.lines) == (self.expected() & Counter(self.lines)).total()
        assert earlier.lines.kept + earlier.lines.missing + earlier.lines.count_done() >= len(self.newest)
        for index in range(HEADER.num):
            assert not earlier.lines.is_done(index) or self.newest[index] in self.lines


TestHistories = Histories.TestCase
TestHistories.settings = settings(at_most(25), stateful_step_count=12)


# ---- format 1


def test_a_run_of_format_1_is_read_continued_and_finished(tmp_path: Path) -> None:
    """Files of the release before checksums, as it left them: four conversations, a reject, and an index given up."""
    shutil.copytree(Path(__file__).parents[1] / "format_1", tmp_path, dirs_exist_ok=True)
    paths = OutputPaths.of(tmp_path / "x.jsonl")
    old, lines = paths.journal.read_bytes(), paths.output.read_bytes()
    earlier = read_earlier(paths)
    assert earlier is not None
    assert (earlier.ledger.totals.calls, str(earlier.ledger.totals.cost)) == (6, "0.006")
    assert earlier.patches == ()
    start = prepare(paths, msgspec.structs.replace(earlier.header, version=VERSION, num=6))
    assert list(start.pending()) == [3, 5]
    files = start.open()
    files.append_batch([done(index) for index in start.pending()])
    files.append_mark()
    files.close()
    assert paths.output.read_bytes() == lines + line(3) + line(5)
    assert paths.journal.read_bytes().startswith(old)
    end = prepare(paths, start.header)
    assert list(end.pending()) == []
    assert end.patches == ()
    paths.journal.write_bytes(paths.journal.read_bytes().replace(b"0.002", b"0.02"))
    with pytest.raises(ConfigError, match=r"line 5 \(byte 1423\), or one behind it up to line 8, is damaged"):
        prepare(paths, start.header)
