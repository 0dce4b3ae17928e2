"""Any command line ends with an exit status and a sentence, whatever its arguments, files and journals are."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from audited import conversation, write_output
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from quick import each_row

import asyncgen.offline.process
import asyncgen.screen.terminal
import asyncgen.viewer.server
from asyncgen.command.commands import build_parser
from asyncgen.command.main import main

READ_WITHOUT = ", or move it away: the conversations can be read without it"
COMMANDS = ("generate", "plan", "status", "audit", "filter", "export", "show", "report", "view", "serve", "help")
FLAGS = sorted(
    {flag for parser in build_parser().commands.values() for action in parser.actions for flag in action.option_strings}
)
NOT_UTF_8 = os.fsdecode(b"x\xff\xfe")
FILES = ("x.jsonl", "empty.jsonl", "odd.jsonl", "folder", "pipe", "link", "recipe", "new.jsonl", "nowhere/x", NOT_UTF_8)
VALUES = (
    *("", "-", "--", "0", "1", "-1", "7", "20k", "9" * 400, "1e308", "-1e308", "nan", "inf", "1e400", "0x1", "\u0663"),
    *("/dev/zero", "/dev/null", "/dev/full", "/", ".", "..", "~", "x" * 300, "x/" * 3000, "a\0b", "a\nb", "\x1b[2J"),
    *("nanochat", "http://127.0.0.1:1/v1", "http://[::1", "http://x:99999999", "offline", "custom", "ollama"),
    *("email=0", "email=1%", "near-duplicate", "topic=fish", "=", "a=", "=b", "stock-phrase=0.5"),
    *("a=1", "a.b=null", "a=" + "[" * 3000 + "]" * 3000, ".".join("a" * 3000) + "=1", 'a="' + NOT_UTF_8 + '"', "n=2"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where all of FILES are, as far as they are anywhere, and no command serves or sends."""
    folder = tmp_path_factory.mktemp("lines")
    write_output(folder / "x.jsonl", [conversation(number) for number in range(12)])
    write_output(folder / NOT_UTF_8, [conversation(0)])
    (folder / "empty.jsonl").touch()
    (folder / "odd.jsonl").write_bytes(b'\xff\xfe\n\n[]\n{"torn":' + b"[" * 5000)
    (folder / "folder").mkdir()
    (folder / "link").symlink_to("link")
    (folder / "recipe").mkdir()
    (folder / "recipe" / "recipe.toml").write_text('name = "a"\nknowledge = "a\\u0000b"\n')
    os.mkfifo(folder / "pipe")
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(folder):
        patch.setattr(asyncgen.screen.terminal, "generate", lambda *_, **__: 0)
        patch.setattr(asyncgen.viewer.server, "_serve", _serve_nothing)
        patch.setattr(asyncgen.offline.process, "run_server", lambda *_, **__: None)
        yield folder


async def _serve_nothing(viewer: asyncgen.viewer.server.Viewer, _: int) -> None:
    viewer._catalogue.close()


def end(*argv: str) -> int:
    """The exit status of a command line; whatever else is raised is a trace on the user's screen."""
    try:
        return main(argv)
    except SystemExit as stop:
        return int(str(stop.code))


_word = st.one_of(st.sampled_from(FLAGS), st.sampled_from(FILES), st.sampled_from(VALUES), st.text(max_size=5))
_line = st.tuples(st.sampled_from(COMMANDS), st.one_of(st.sampled_from(FILES), _word), st.lists(_word, max_size=5))


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(_line)
def test_any_command_line_ends_with_an_exit_status(folder: Path, line: tuple[str, str, list[str]]) -> None:
    command, first, rest = line
    before = set(folder.iterdir())
    assert end(command, first, *rest) in {0, 1, 2, 3, 130}
    for made in set(folder.iterdir()) - before:
        if made.is_file():
            made.unlink()


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(COMMANDS[:-1]), st.sampled_from(FLAGS), st.sampled_from((*VALUES, *FILES)))
def test_any_value_of_a_flag_is_taken_or_refused(folder: Path, command: str, flag: str, value: str) -> None:
    test = [command, *([] if command in {"generate", "plan", "serve"} else ["x.jsonl"]), f"{flag}={value}"]
    assert end(*test) in {0, 1, 2, 3}
    for name in ("new.jsonl", "x.jsonl.audit.json", "x.jsonl.report.html"):
        (folder / name).unlink(missing_ok=True)


_odd: st.SearchStrategy[Any] = st.sampled_from(
    [None, 0, -1, 1, 10**30, 1e300, "", "x", [], {}, True, [[]], [{}], "balanced/1", "random"]
)


def _places(value: object, above: tuple[object, ...] = ()) -> Iterator[tuple[object, ...]]:
    yield above
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from _places(each, (*above, key))


def _put(value: object, place: tuple[object, ...], odd: object) -> object:
    if not place:
        return odd
    changed = dict(value) if isinstance(value, dict) else list(value)  # type: ignore[call-overload]
    changed[place[0]] = _put(changed[place[0]], place[1:], odd)
    return changed


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.data(), st.sampled_from(["status", "audit", "show", "report", "filter", "view"]))
def test_a_journal_of_any_content_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, folder: Path, data: st.DataObject, command: str
) -> None:
    assert folder.exists()
    paths = write_output(tmp_path_factory.mktemp("journal") / "y.jsonl", [conversation(number) for number in range(3)])
    lines = paths.journal.read_bytes().splitlines(keepends=True)
    number = data.draw(st.sampled_from([0, 0, *range(len(lines))]))
    entry = msgspec.json.decode(lines[number])
    place = data.draw(st.sampled_from(list(_places(entry))))
    changed = msgspec.json.encode(_put(entry, place, data.draw(_odd)))
    lines[number] = changed.ljust(len(lines[number]) - 1) + b"\n"  # so that marks still fit, where that is possible
    paths.journal.write_bytes(b"".join(lines))
    flags = ["-o", str(paths.output.with_name("clean"))] if command == "filter" else []
    assert end(command, str(paths.output), *flags) in {0, 1, 2, 3}


FLAT: dict[str, Any] = {"name": "topic", "groups": [{"name": "", "values": ["a"]}]}


@each_row(
    "dimensions",
    [
        [{**FLAT, "groups": []}],
        [{**FLAT, "groups": [{"name": "", "values": []}]}],
        [{**FLAT, "groups": [{"name": "", "values": ["a", "a"]}]}],
        [{**FLAT, "groups": [{"name": "", "values": ["a"], "weights": []}]}],
        [{**FLAT, "groups": [{"name": "", "values": ["a"], "weights": [0]}]}],
        [{**FLAT, "groups": FLAT["groups"] * 2}],
        [{**FLAT, "pick": 0, "grouped": True}],
        [{**FLAT, "pick": 1}],
        [FLAT, FLAT],
    ],
)
@each_row("command", ["status", "audit", "show", "report"])
def test_a_journal_with_dimensions_that_nothing_can_be_drawn_from_is_damaged(
    tmp_path: Path, dimensions: object, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = write_output(tmp_path / "x.jsonl", [conversation(0)])
    first, _, rest = paths.journal.read_bytes().partition(b"\n")
    changed = msgspec.json.encode({**msgspec.json.decode(first), "dimensions": dimensions})
    paths.journal.write_bytes(changed.ljust(len(first)) + b"\n" + rest)  # so that its marks still fit
    assert end(command, str(paths.output)) == 2
    assert "line 1 (byte 0) is damaged" in capsys.readouterr().err


@each_row(
    ("argv", "advice"),
    [
        ("status x.jsonl", ""),
        ("audit x.jsonl", READ_WITHOUT),
        ("show x.jsonl", READ_WITHOUT),
        ("report x.jsonl", READ_WITHOUT),
        ("export x.jsonl -o y.jsonl --overwrite", READ_WITHOUT),
        ("filter x.jsonl -o y.jsonl --overwrite --dedup", READ_WITHOUT),
        ("judge x.jsonl --provider offline", READ_WITHOUT),
        ("repair x.jsonl --provider offline", ""),
    ],
)
def test_what_helps_where_a_journal_is_damaged_is_what_the_command_can_do(
    tmp_path: Path, argv: str, advice: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    paths = write_output(tmp_path / "x.jsonl", [conversation(0)])
    lines = paths.journal.read_bytes().splitlines(keepends=True)
    paths.journal.write_bytes(b"".join([lines[0], b"x" * (len(lines[1]) - 1) + b"\n", *lines[2:]]))
    status = end(*argv.split())
    told = capsys.readouterr().err
    assert status == 2, told
    assert "is damaged; restore the file from a backup" + advice in told
    assert "--overwrite" not in told
