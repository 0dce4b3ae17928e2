"""The pages that travel with the program say what is true of it."""

import re
import shlex
from itertools import takewhile
from pathlib import Path

import pytest
from commands_page import PAGE, describe_commands
from quick import each_row

from asyncgen.command.commands import build_parser
from asyncgen.command.main import main
from asyncgen.command.pages import FOLDER, Pages
from asyncgen.command.parser import EXAMPLES, Parser

PAGES = sorted(FOLDER.glob("*.md"))
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
PARSER = build_parser()
COMMANDS = PARSER.commands


def parsed(line: str) -> None:
    """Raises SystemExit when the line, up to what is the shell's, is not understood."""
    program, *words = shlex.split(line, comments=True)
    assert program == "asyncgen"
    PARSER.parse_args([*takewhile(lambda word: word not in {"|", ">", ">>"}, words)])


def command_lines(text: str) -> list[str]:
    lines = "".join(BLOCK.findall(text)).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("asyncgen ")]


def test_the_page_of_all_commands_is_what_help_says() -> None:
    assert PAGE.read_text() == describe_commands(), "run: make pages"


def test_every_page_says_in_its_first_line_what_it_is_about() -> None:
    assert Pages().keys() == {page.stem for page in PAGES}
    assert all(Pages().values())


def test_no_page_is_read_before_somebody_asks_for_help(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unreadable.md").write_bytes(b"\xff")
    monkeypatch.setattr("asyncgen.command.pages.FOLDER", tmp_path)

    parsed("asyncgen status data/nanochat.jsonl")


@each_row("page", PAGES)
def test_every_command_on_a_page_is_understood(page: Path) -> None:
    for line in command_lines(page.read_text()):
        parsed(line)


@each_row("parser", COMMANDS.values(), ids=COMMANDS)
def test_every_example_of_a_command_is_one_of_its_own_and_is_understood(parser: Parser) -> None:
    for example in parser.closing[EXAMPLES]:
        assert f"asyncgen {example}".startswith(parser.prog)
        parsed(f"asyncgen {example}")


@each_row("page", PAGES)
def test_help_prints_a_page_as_it_is_written_where_there_is_no_terminal(
    page: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["help", page.stem]) == 0
    assert capsys.readouterr().out.endswith(page.read_text())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_on_a_terminal_a_page_is_set_without_marks_and_pictures(
    page: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert main(["help", page.stem]) == 0
    said = capsys.readouterr().out
    assert "```" not in said
    assert "![" not in said


def test_the_list_of_commands_names_every_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help"]) == 0
    said = capsys.readouterr().out
    assert [page for page in (*Pages(), *COMMANDS) if f"  {page} " not in said] == []


def test_a_command_and_a_page_of_the_same_name_are_both_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "audit"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: asyncgen audit")
    assert "# Audit" in said
