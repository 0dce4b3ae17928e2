import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from outputs import (
    HEADER,
    Snapshot,
    conversation,
    conversations,
    done,
    entries,
    failed,
    file_size_limit,
    line,
    make_run,
    rejected,
)
from sweep import sweep

from asyncgen.endpoint.presets import OFFLINE
from asyncgen.errors import ConfigError, OutputError
from asyncgen.output.append_file import SYNC
from asyncgen.output.begin import Start, prepare
from asyncgen.output.earlier import read_earlier
from asyncgen.output.journal import JUDGEMENTS, Header, Kept, Mark, checksum, encode_entry
from asyncgen.output.paths import OutputPaths, mended_path, torn_path
from asyncgen.output.rejects import Reject, encode_reject

BATCHES = ((done(0), rejected(1)), (done(1), failed(2)))


@pytest.fixture
def paths(tmp_path: Path) -> OutputPaths:
    return OutputPaths.of(tmp_path / "x.jsonl")


@pytest.fixture
def no_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, SYNC, lambda descriptor: None)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def change(**changes: object) -> Header:
    return msgspec.structs.replace(HEADER, **changes)


def open_and_close(start: Start) -> None:
    start.open().close()


def finish(start: Start) -> None:
    files = start.open()
    files.append_batch([done(index) for index in start.pending()])
    files.append_mark()
    files.close()


# ---- starting anew


def test_a_first_run_leaves_a_header_and_empty_files(paths: OutputPaths) -> None:
    start = prepare(paths, HEADER)
    assert list(paths.output.parent.iterdir()) == []
    open_and_close(start)
    header, mark = entries(paths.journal)
    assert header == HEADER
    assert mark == Mark(0, len(encode_entry(HEADER)), 0, checksum(encode_entry(HEADER)))
    assert paths.output.read_bytes() == paths.rejects.read_bytes() == b""


def test_the_header_is_on_disk_before_the_output_exists(paths: OutputPaths, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[bytes, bool]] = []
    monkeypatch.setattr(
        os,
        SYNC,
        lambda descriptor: synced.append((paths.journal.read_bytes(), paths.output.exists())),
    )
    open_and_close(prepare(paths, HEADER))
    assert synced[0] == (encode_entry(HEADER), False)


@pytest.mark.usefixtures("no_syncs")
@pytest.mark.parametrize("with_output", [False, True])
def test_a_run_killed_inside_its_header_never_was(paths: OutputPaths, with_output: bool) -> None:  # noqa: FBT001
    header = encode_entry(HEADER)
    for size in sweep(len(header)):
        for path in paths.output.parent.iterdir():
            path.unlink()
        paths.journal.write_bytes(header[:size])
        if with_output:
            paths.output.touch()
        start = prepare(paths, change(seed=7))
        assert start.earlier is None
        open_and_close(start)
        assert entries(paths.journal)[0] == change(seed=7)
        assert not size or torn_path(paths.journal).read_bytes() == header[:size]


def test_a_run_killed_behind_its_header_goes_on(paths: OutputPaths) -> None:
    paths.journal.write_bytes(encode_entry(HEADER))
    finish(prepare(paths, HEADER))
    assert entries(paths.journal).count(HEADER) == 2
    assert conversations(paths.output) == [conversation(index) for index in range(HEADER.num)]


def test_what_stands_in_the_place_of_a_journal_is_kept_beside_it(paths: OutputPaths) -> None:
    paths.journal.write_text("my diary")
    open_and_close(prepare(paths, HEADER))
    assert torn_path(paths.journal).read_text() == "my diary"


def test_old_rejects_with_a_torn_end_are_not_joined_by_new_ones(paths: OutputPaths) -> None:
    paths.rejects.write_bytes(b'{"index":')
    open_and_close(prepare(paths, HEADER))
    assert paths.rejects.read_bytes() == b'{"index":\n'


# ---- files that are not what they should be


@pytest.mark.parametrize(
    "name", ["x.jsonl.journal", "x.jsonl.rejects", "x.jsonl.torn", "x.jsonl.journal.torn", "x.jsonl.rejects.mended"]
)
@pytest.mark.parametrize("flag", ["", "append", "overwrite"])
def test_a_link_in_the_place_of_a_side_file_is_refused_and_not_followed(
    paths: OutputPaths, name: str, flag: str
) -> None:
    make_run(paths, BATCHES)
    link, there = paths.output.with_name(name), paths.output.with_name("precious")
    there.write_text("not yours")
    for target in (there, paths.output.with_name("nowhere"), paths.output):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        before = Snapshot.of(paths.output.parent)
        with pytest.raises(ConfigError, match=rf"{name} is a link"):
            prepare(paths, HEADER, append=flag == "append", overwrite=flag == "overwrite")
        assert Snapshot.of(paths.output.parent) == before, target


def test_a_link_that_is_put_there_meanwhile_is_not_followed_either(paths: OutputPaths) -> None:
    make_run(paths, BATCHES)
    with paths.output.open("ab") as file:
        file.write(b"[torn")
    target = paths.output.with_name("precious")
    target.write_text("not yours")
    start = prepare(paths, HEADER)
    torn_path(paths.output).symlink_to(target)
    with pytest.raises(OutputError, match="symbolic link"):
        start.open()
    assert target.read_text() == "not yours"


@pytest.mark.parametrize("name", ["x.jsonl.journal", "x.jsonl.rejects.torn"])
def test_what_is_no_file_or_another_name_of_one_is_refused(paths: OutputPaths, name: str) -> None:
    make_run(paths, BATCHES)
    path = paths.output.with_name(name)
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    with pytest.raises(ConfigError, match=rf"{name} is no ordinary file"):
        prepare(paths, HEADER)
    path.unlink()
    os.link(paths.output, path)
    with pytest.raises(ConfigError, match=r"x\.jsonl and .* are one file"):
        prepare(paths, HEADER)


# ---- going on


def test_a_run_goes_on_where_the_last_one_ended(paths: OutputPaths) -> None:
    make_run(paths, BATCHES)
    start = prepare(paths, HEADER)
    assert list(start.pending()) == [2, 3, 4, 5]  # a failed index is tried again
    assert start.ledger.totals.calls == 4
    finish(start)
    assert list(prepare(paths, HEADER).pending()) == []


def test_a_run_that_ended_well_needs_no_mending_however_often_it_is_looked_at(paths: OutputPaths) -> None:
    make_run(paths, BATCHES)
    for _ in range(3):
        start = prepare(paths, HEADER)
        assert start.patches == ()
        open_and_close(start)


@pytest.mark.parametrize(("num", "pending"), [(1, []), (2, []), (4, [2, 3]), (8, [2, 3, 4, 5, 6, 7])])
def test_num_may_change_from_run_to_run(paths: OutputPaths, num: int, pending: list[int]) -> None:
    make_run(paths, BATCHES)
    start = prepare(paths, change(num=num))
    assert list(start.pending()) == pending
    open_and_close(start)
    assert prepare(paths, HEADER).lines.count_done() == 2


def test_another_address_is_no_other_setting(paths: OutputPaths) -> None:
    make_run(paths, BATCHES)
    start = prepare(paths, change(base_url="http://elsewhere.example", provider="custom", recipe="other/path"))
    assert start.earlier is not None
    assert start.earlier.header.base_url == HEADER.base_url


# ---- refusals

CHANGES: list[tuple[dict[str, object], str]] = [
    ({"seed": 7}, "seed: none -> 7"),
    ({"sampling": "random/1"}, "sampling: balanced/1 -> random/1"),
    ({"request": {"model": "other/model"}}, 'model: "some/model" -> "other/model"'),
    ({"request": {**HEADER.request, "temperature": 0.5}}, "temperature: none -> 0.5"),
    ({"request": {}}, 'model: "some/model" -> none'),
    ({"request": {"model": "m" * 80}}, f'model: "some/model" -> "{"m" * 56}...'),
    ({"digests": {**HEADER.digests, "knowledge": "56"}}, "knowledge has changed"),
    ({"digests": {**HEADER.digests, "topic": "56"}}, "topic has changed"),
    ({"digests": {"knowledge": "34"}}, "prompts have changed"),
    ({"seed": 7, "digests": {}}, "prompts have changed; knowledge has changed; seed: none -> 7"),
]


@pytest.mark.parametrize(("changes", "named"), CHANGES, ids=[named for _, named in CHANGES])
def test_other_settings_are_named_and_refused_unless_they_are_allowed(
    paths: OutputPaths, changes: dict[str, object], named: str
) -> None:
    make_run(paths, BATCHES)
    new = change(**changes)
    with pytest.raises(ConfigError) as caught:
        prepare(paths, new)
    assert f"x.jsonl was made with other settings: {named}. Run it as before" in str(caught.value)
    open_and_close(prepare(paths, new, allow_changed=True))
    with pytest.raises(ConfigError, match="other settings"):
        prepare(paths, HEADER)
    assert list(prepare(paths, new).pending()) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    "settings", [{"a": 1, "b": [1, {"c": None}]}, {"b": [1, {"c": None}], "a": 1.0}], ids=["same", "respelt"]
)
def test_settings_that_mean_the_same_are_the_same(paths: OutputPaths, settings: dict[str, object]) -> None:
    make_run(paths, BATCHES, change(request={"a": 1, "b": [1, {"c": None}]}))
    prepare(paths, change(request=settings))


def test_settings_may_change_as_long_as_nothing_is_made(paths: OutputPaths) -> None:
    make_run(paths, [(failed(0), rejected(1))])
    start = prepare(paths, change(request={"model": "one/that-exists"}, provider=OFFLINE))
    assert list(start.pending()) == list(range(HEADER.num))


def test_what_is_made_again_is_counted_of_what_this_run_wants(paths: OutputPaths) -> None:
    make_run(paths, [[done(index) for index in range(HEADER.num)]])
    lines = paths.output.read_bytes().splitlines(keepends=True)
    paths.output.write_bytes(b"".join(lines[1:-2]))
    told = "made earlier, not in the file (deleted, or lost in a crash), made again: "
    for num, count in ((HEADER.num, 3), (HEADER.num - 1, 2), (HEADER.num - 2, 1)):
        assert f"{told}{count}" in [note.split(" (about")[0] for note in prepare(paths, change(num=num)).notes()]


def test_what_a_run_has_kept_whose_output_was_taken_away_is_named_before_it_is_paid_for_again(
    paths: OutputPaths,
) -> None:
    make_run(paths, BATCHES)
    *kept, last = paths.output.read_bytes().splitlines(keepends=True)
    paths.output.write_bytes(b"".join(kept))
    apart = [encode_reject(Reject(index, 1, "no-output", last.decode())) for index in (0, 1)]
    paths.rejects.write_bytes(paths.rejects.read_bytes() + b"".join(apart))
    told = "1 of them kept in x.jsonl.rejects with the reason no-output: asyncgen help reliability"
    notes = prepare(paths, HEADER).notes()
    assert [told in note for note in notes].count(True) == 1, notes


@pytest.mark.parametrize("providers", [(OFFLINE, "openrouter"), ("custom", OFFLINE)])
def test_the_offline_engine_and_a_model_never_share_an_output(paths: OutputPaths, providers: tuple[str, str]) -> None:
    first, second = providers
    told = [each.replace("custom", "elsewhere.example") for each in providers]
    address = "http://elsewhere.example/v1"
    make_run(paths, BATCHES, change(provider=first, base_url=address))
    with pytest.raises(ConfigError, match=f"was made by {told[0]}, this run would use {told[1]}: the offline engine"):
        prepare(paths, change(provider=second), append=True, allow_changed=True)


def test_the_format_of_lines_never_changes(paths: OutputPaths) -> None:
    make_run(paths, BATCHES)
    with pytest.raises(ConfigError, match="holds lines of arrays of messages, this run would write objects"):
        prepare(paths, change(line_format="objects"), append=True, allow_changed=True)


def remove_journal(paths: OutputPaths) -> None:
    paths.journal.unlink()


def tear_header(paths: OutputPaths) -> None:
    paths.journal.write_bytes(encode_entry(HEADER)[:-9])


def put_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


REFUSALS: dict[str, tuple[Callable[[OutputPaths], object], str]] = {
    "no journal": (remove_journal, r"x\.jsonl exists and has no journal \(x\.jsonl\.journal\)"),
    "no whole header": (tear_header, "exists and has no journal"),
    "no output": (lambda paths: paths.output.unlink(), "no conversation that"),
    "empty output": (lambda paths: os.truncate(paths.output, 0), "no conversation that"),
    "a stranger": (lambda paths: paths.output.write_bytes(paths.output.read_bytes() + line("x")), "line 3 was not"),
    "damaged output": (lambda paths: paths.output.write_bytes(b"{\n" + paths.output.read_bytes()), "line 1 .byte 0"),
    "damaged journal": (lambda paths: paths.journal.write_bytes(b"{" + paths.journal.read_bytes()), "line 1 .byte 0"),
    "a folder as output": (lambda paths: put_folder(paths.output), "is a folder; name a file in it"),
    "a folder as journal": (lambda paths: put_folder(paths.journal), r"x\.jsonl\.journal is no ordinary file"),
    "a folder as rejects": (lambda paths: put_folder(paths.rejects), r"x\.jsonl\.rejects is no ordinary file"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_changes_nothing(paths: OutputPaths, name: str) -> None:
    spoil, named = REFUSALS[name]
    make_run(paths, BATCHES)
    spoil(paths)
    before = Snapshot.of(paths.output.parent)
    with pytest.raises(ConfigError, match=named):
        prepare(paths, HEADER)
    assert Snapshot.of(paths.output.parent) == before


def test_grades_without_a_journal_are_sent_to_no_other_output(paths: OutputPaths) -> None:
    paths.output.write_bytes(line(1))
    with pytest.raises(ConfigError, match=r"\(x\.jsonl\.journal\): put that back if there was one; --overwrite starts"):
        prepare(paths, msgspec.structs.replace(HEADER, kind=JUDGEMENTS))


def test_a_name_with_no_room_for_a_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is too long a name"):
        prepare(OutputPaths.of(tmp_path / ("x" * 250)), HEADER)


def test_a_full_disk_is_reported_before_the_first_call(paths: OutputPaths) -> None:
    start = prepare(paths, HEADER)
    with file_size_limit(20), pytest.raises(OutputError, match="File too large"):
        start.open()
    finish(prepare(paths, HEADER))


# ---- adopting an output that has no journal

OWN_LINES = b"".join(map(line, ("mine", "yours", "mine")))


def test_lines_of_an_output_without_a_journal_are_kept_and_stand_outside_num(paths: OutputPaths) -> None:
    paths.output.write_bytes(OWN_LINES)
    start = prepare(paths, change(num=2), append=True)
    assert paths.output.read_bytes() == OWN_LINES
    assert list(start.pending()) == [0, 1]
    finish(start)
    assert paths.output.read_bytes() == OWN_LINES + line(0) + line(1)
    assert sum(isinstance(entry, Kept) for entry in entries(paths.journal)) == 3
    again = prepare(paths, change(num=2))
    assert (again.lines.kept, list(again.pending())) == (3, [])


def test_an_adopted_line_gets_the_newline_it_lacks(paths: OutputPaths) -> None:
    paths.output.write_bytes(b"\n" + OWN_LINES.rstrip())
    open_and_close(prepare(paths, HEADER, append=True))
    assert paths.output.read_bytes() == b"\n" + OWN_LINES
    assert prepare(paths, HEADER).lines.kept == 3


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (OWN_LINES + b"not JSON\n", "line 4 .byte [0-9]+. is not a conversation"),
        (b'{"text": "another kind of data"}\n', "line 1 .byte 0. is not a conversation"),
        (OWN_LINES[:-5], "the last line .byte [0-9]+. is unfinished; complete it or delete it"),
    ],
)
def test_what_is_no_conversation_is_not_adopted(paths: OutputPaths, content: bytes, named: str) -> None:
    paths.output.write_bytes(content)
    before = Snapshot.of(paths.output.parent)
    with pytest.raises(ConfigError, match=named):
        prepare(paths, HEADER, append=True)
    assert Snapshot.of(paths.output.parent) == before


@pytest.mark.usefixtures("no_syncs")
def test_an_adoption_may_be_killed_at_any_byte_and_repeated(paths: OutputPaths) -> None:
    content = b"\n" + OWN_LINES
    paths.output.write_bytes(content)
    open_and_close(prepare(paths, HEADER, append=True))
    journal = paths.journal.read_bytes()
    for size in sweep(len(journal)):
        paths.journal.write_bytes(journal[:size])
        with suppress(ConfigError):  # without --append it may be refused, but nothing is taken for torn
            prepare(paths, HEADER)
        open_and_close(prepare(paths, HEADER, append=True))
        assert paths.output.read_bytes() == content
        kept = [entry for entry in entries(paths.journal) if isinstance(entry, Kept)]
        assert len(kept) == prepare(paths, HEADER).lines.kept == 3


def test_append_beside_a_journal_is_a_plain_resume(paths: OutputPaths) -> None:
    make_run(paths, BATCHES)
    start = prepare(paths, HEADER, append=True)
    assert (list(start.pending()), start.kept) == ([2, 3, 4, 5], [])


# ---- setting aside


def all_contents(folder: Path) -> set[bytes]:
    return {path.read_bytes() for path in folder.iterdir()}


def make_files_of_all_kinds(paths: OutputPaths) -> dict[str, bytes]:
    make_run(paths, BATCHES)
    for path in paths.data:
        torn_path(path).write_text(f"torn {path.name}")
    mended_path(paths.output).write_text("half mended")
    paths.lock.write_text("process 1")
    return {path.name: path.read_bytes() for path in paths.output.parent.iterdir()}


def test_overwrite_renames_everything_but_the_lock(paths: OutputPaths) -> None:
    before = make_files_of_all_kinds(paths)
    start = prepare(paths, change(seed=7, provider=OFFLINE), overwrite=True)
    assert {path.name: path.read_bytes() for path in paths.output.parent.iterdir()} == before
    finish(start)
    aside = {path.name: path.read_bytes() for path in paths.output.parent.iterdir() if ".bak-" in path.name}
    assert {name.partition(".bak-")[0]: content for name, content in aside.items()} == {
        name: content for name, content in before.items() if name != paths.lock.name
    }
    assert len({name.partition(".bak-")[2] for name in aside}) == 1
    assert paths.lock.read_text() == "process 1"
    assert entries(paths.journal)[0] == change(seed=7, provider=OFFLINE)
    assert len(conversations(paths.output)) == HEADER.num


def test_overwrite_of_nothing_is_a_first_run(paths: OutputPaths) -> None:
    start = prepare(paths, HEADER, overwrite=True)
    assert start.set_aside == []
    finish(start)


def test_overwrite_sets_aside_what_cannot_be_read(paths: OutputPaths) -> None:
    make_run(paths, BATCHES)
    paths.journal.write_bytes(b"\0\n" + paths.journal.read_bytes())
    finish(prepare(paths, HEADER, overwrite=True))
    assert len(conversations(paths.output)) == HEADER.num


class Killed(BaseException):
    pass


def test_after_an_overwrite_killed_between_two_renames_nothing_is_mixed(
    paths: OutputPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = len(make_files_of_all_kinds(paths)) - 1
    rename = Path.rename
    for times in range(number):
        for path in paths.output.parent.iterdir():
            path.unlink()
        before = set(make_files_of_all_kinds(paths).values())
        left = times

        def rename_some(path: Path, target: Path) -> Path:
            nonlocal left
            if not left:
                raise Killed
            left -= 1
            return rename(path, target)

        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", rename_some)
            with pytest.raises(Killed):
                prepare(paths, change(seed=7), overwrite=True).open()
        assert paths.output.exists()  # the last to go: until then a new run is told of what is there
        with pytest.raises(ConfigError):
            prepare(paths, change(seed=7))
        assert before == all_contents(paths.output.parent)
        if paths.journal.exists():
            earlier = read_earlier(paths)
            assert earlier is not None
            assert earlier.lines.count_done() == 2
        finish(prepare(paths, change(seed=7), overwrite=True))
        assert len(conversations(paths.output)) == HEADER.num
        assert before - {b"process 1"} <= all_contents(paths.output.parent)


@pytest.mark.parametrize(
    ("line", "line_format"),
    [
        ('[{"role":"user","content":"a"}]', "objects with metadata"),
        ('{"messages":[{"role":"user","content":"a"}]}', "arrays of messages"),
    ],
)
def test_lines_of_another_format_are_not_adopted(paths: OutputPaths, line: str, line_format: str) -> None:
    paths.output.write_text(line + "\n")
    with pytest.raises(ConfigError, match="--save-metadata"):
        prepare(paths, change(line_format=line_format), append=True)
