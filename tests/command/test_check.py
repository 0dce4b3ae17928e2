import re
from pathlib import Path

import pytest

from asyncgen.command.main import main

RECIPE = """\
name = "shop"
knowledge = "facts.md"

[request]
model = "some/model"
temperature = 0.7

[prompt]
system = "system.md"
user = "user.md"

[[dimension]]
name = "topic"
values = ["bells", "tyres"]
"""


@pytest.fixture(autouse=True)
def _recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recipe.toml").write_text(RECIPE)
    Path("facts.md").write_text("Nobody rings twice.\n" * 100)
    Path("system.md").write_text("You speak for the shop.\n{knowledge}\nAnswer in JSON.")
    Path("user.md").write_text("On {topic}, please.")


def check(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, list[str]]:
    status = main(["check", *argv])
    out, err = capsys.readouterr()
    assert err == ""
    return status, out.splitlines()


def edit(before: str, after: str, file: str = "recipe.toml") -> None:
    text = Path(file).read_text()
    assert before in text
    Path(file).write_text(text.replace(before, after))


def test_a_recipe_without_mistakes_shows_one_scenario_with_its_request(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = check(capsys, ".", "--index", "1")
    assert status == 0
    assert lines[0] == "--- scenario 1"
    topic = lines[1].removeprefix("topic: ")
    assert topic in {"bells", "tyres"}
    assert lines[3:5] == ["--- system", "You speak for the shop."]
    assert "lines, " in lines[16]
    assert "plan --recipe . --index 1 shows them" in lines[16]
    assert "Answer in JSON." in lines
    assert lines[-6:] == [
        f"On {topic}, please.",
        "",
        "--- settings",
        '{"model":"some/model","temperature":0.7}',
        "",
        ".: nothing wrong",
    ]


def test_all_mistakes_are_told_at_once_with_file_and_line(capsys: pytest.CaptureFixture[str]) -> None:
    edit("temperature = 0.7", "temprature = 0.7\ntop_p = 1.5\nmy_own = true")
    edit('"tyres"]', '"tyres", "bells"]\npick = 2')
    edit("{knowledge}", "{knowlege}", "system.md")
    with Path("recipe.toml").open("a") as file:
        file.write('[audit]\noff = ["markdwon"]\n')
    status, lines = check(capsys, "recipe.toml")
    assert status == 2
    assert [" ".join(line.split(": ")[:2]) for line in lines[:-2]] == [
        "recipe.toml:6 request.temprature",
        "recipe.toml:7 request.top_p",
        "recipe.toml:8 warning",
        "recipe.toml:16 dimension[0].values[2]",
        "recipe.toml:17 dimension[0].pick",
        "recipe.toml:19 audit.off[0]",
    ]
    expected = "expected one of {knowledge}, {topic}; did you mean {knowledge}?"
    assert lines[-2] == f"system.md:2: unknown placeholder {{knowlege}}, {expected}"
    assert lines[0].endswith("did you mean temperature?")
    assert lines[2].endswith("warning: request.my_own: no endpoint is known to have this setting; it is sent as it is")
    assert lines[5].endswith("did you mean markdown?")
    assert lines[-1] == "recipe.toml: 6 errors, 1 warning"


def test_warnings_alone_are_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    edit("temperature = 0.7", "my_own = true")
    status, lines = check(capsys, ".")
    assert status == 0
    assert lines[-1] == ".: 1 warning"
    assert lines[-2].startswith("recipe.toml:6: warning: request.my_own")


def test_documents_that_the_built_in_prompts_are_not_about_are_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = check(capsys, "nanochat", "--knowledge", "facts.md")
    assert status == 0
    assert lines[-2].startswith("--knowledge facts.md: warning: never mentions 'nanochat'")


@pytest.mark.parametrize("command", ["generate", "plan"])
def test_a_run_is_refused_by_the_first_mistake_and_counts_the_others(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit("temperature = 0.7", "temprature = 0.7\ntop_p = 1.5")
    edit("{topic}", "topics", "user.md")
    assert main([command, "--recipe", "."]) == 2
    said = capsys.readouterr().err
    assert said.startswith("asyncgen: recipe.toml:6: request.temprature: no endpoint")
    assert re.search(r"\(and 2 more: \S*asyncgen check \.\)\n$", said)


def test_what_is_no_recipe_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "nothing"]) == 2
    assert capsys.readouterr().err.startswith("asyncgen: no recipe at nothing: expected a folder")
