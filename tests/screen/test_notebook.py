import asyncio
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from rich.text import Text

from asyncgen.runs.counts import Counts
from asyncgen.screen.notebook import NotebookDisplay, notebook_display


def test_where_no_notebook_is_there_is_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert notebook_display() is None
    for shell in (None, SimpleNamespace()):  # IPython without a session, and in a terminal
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        assert notebook_display() is None


def test_a_notebook_is_updated_in_place_and_ends_with_the_last_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Text] = []

    def display(first: Text, *, display_id: bool) -> SimpleNamespace:
        assert display_id
        return SimpleNamespace(update=shown.append)

    kernel = SimpleNamespace(kernel=object())
    ipython: Any = SimpleNamespace(get_ipython=lambda: kernel, display=SimpleNamespace(display=display))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    make = notebook_display()
    assert make is not None
    counts = Counts(num=4, scenario={"topic": "<script>alert(1)</script>"})

    async def run() -> None:
        async with make(counts):
            await asyncio.sleep(0)
            counts.written = 4

    asyncio.run(run())
    assert "0 / 4" in shown[0].plain
    assert "4 / 4" in shown[-1].plain
    html = shown[-1]._repr_mimebundle_((), ())["text/html"]
    assert "<script>" not in html


def test_a_fault_of_the_display_is_seen_when_the_run_is_over() -> None:
    def update(_: object) -> None:
        raise ValueError("cannot be shown")

    async def run() -> None:
        async with NotebookDisplay(Counts(num=1), update):
            await asyncio.sleep(0)

    with pytest.raises(ValueError, match="cannot be shown"):
        asyncio.run(run())
