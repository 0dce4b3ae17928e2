import io
import sys

import pytest

from asyncgen.screen.bar import shown_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pass_shows_what_it_does_and_its_share_and_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with shown_progress() as advance:
        advance("reading", 1, 4)
        advance("reading", 2, 4)
        advance("comparing", 0, 0)
    shown = terminal.getvalue()
    assert "comparing" in shown
    assert shown.endswith("\x1b[2K"), "the line is wiped"


def test_without_a_terminal_a_pass_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress() as advance:
        advance("reading", 1, 4)
    assert capsys.readouterr() == ("", "")
