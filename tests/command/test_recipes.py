"""Every built-in recipe runs as it is, and so does a copy of it."""

from pathlib import Path

import pytest
from quick import first

from asyncgen.command.main import main
from asyncgen.recipe.load import BUILT_IN


def test_every_recipe_is_listed_with_what_it_is_about(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith(" ")]
    assert [line.split()[0] for line in lines] == list(BUILT_IN)
    assert all(len(line.split()) > 4 for line in lines)


@pytest.mark.parametrize("name", first(1, BUILT_IN))
def test_a_copy_of_a_recipe_runs_as_the_recipe_does(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["init", "mine", "--like", name]) == 0
    assert main(["check", "mine"]) == 0
    assert capsys.readouterr().out.endswith("mine: nothing wrong\n")
    for recipe in (name, "mine"):
        assert main(["generate", "--recipe", recipe, "-n", "20", "--quiet"]) == 0
    made, copied = (Path(f"data/{each}.offline.jsonl").read_text() for each in (name, "mine"))
    assert len(made.splitlines()) == 20
    assert set(made.splitlines()) == set(copied.splitlines())


@pytest.mark.parametrize("name", first(1, BUILT_IN))
def test_what_is_quoted_from_its_knowledge_is_neither_invented_nor_a_leak(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert main(["generate", "--recipe", name, "-n", "40", "--quiet"]) == 0
    output = f"data/{name}.offline.jsonl"
    rules = ["ungrounded", "derived-number", "prompt-leak"]
    assert main(["audit", output, *(f"--fail-on={rule}=0" for rule in rules)]) == 0
    capsys.readouterr()
    assert main(["show", output, "--limit", "1"]) == 0
    assert all(len(line) < 300 and "?#" not in line for line in capsys.readouterr().out.splitlines()[:5])
