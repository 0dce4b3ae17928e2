import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fake_provider import Call, FakeProvider, Reply, always_good, error, page
from quick import QUICK

from asyncgen.command.main import main
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.scenario import Scenarios

RECIPE = """\
name = "shared"
knowledge = "facts.md"
[request]
temperature = 0.5
max_tokens = 500
[[models]]
model = "maker/large"
weight = 3
[[models]]
model = "maker/small"
request = {temperature = 1.0, reasoning = {effort = "low"}}
[prompt]
user = "user.md"
[[dimension]]
name = "number"
values = ["n0", "n1", "n2", "n3", "n4", "n5", "n6"]
"""
NUM = 40
PRICES = [
    {"id": "maker/large", "pricing": {"prompt": "0.000004", "completion": "0"}},
    {"id": "maker/small", "pricing": {"prompt": "0.000001", "completion": "0"}},
]


@pytest.fixture(autouse=True)
def _recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("recipe.toml").write_text(RECIPE)
    Path("facts.md").write_text("Facts.")
    Path("user.md").write_text("{knowledge} {number}")


def as_asked(call: Call) -> Reply:
    """A good answer that names the model it was asked of, as servers do."""
    reply = always_good(call)
    return Reply(body=json.dumps({**json.loads(reply.body), "model": call.body["model"]}).encode())


def generate(provider: FakeProvider, *flags: str) -> int:
    address = ["--recipe", ".", "--base-url", provider.base_url, "-o", "x.jsonl", "--quiet"]
    return main(["generate", *address, "-n", str(NUM), "-c", "8", *flags], QUICK)


def journal() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("x.jsonl.journal").read_text().splitlines()]


def drawn() -> list[str]:
    scenarios = Scenarios(load_recipe(".").dimensions, sampling="balanced", seed=None)
    return [scenarios.draw(index)["model"] for index in range(NUM)]


def test_each_index_is_asked_of_the_model_that_is_drawn_for_it() -> None:
    with FakeProvider(as_asked) as provider:
        assert generate(provider) == 0
    assert drawn().count("maker/small") in range(8, 13)
    assert Counter(call.body["model"] for call in provider.calls) == Counter(drawn())
    settings = {
        (each.body["model"], each.body["temperature"], str(each.body.get("reasoning")), each.body["max_tokens"])
        for each in provider.calls
    }
    assert settings == {("maker/large", 0.5, "None", 500), ("maker/small", 1.0, "{'effort': 'low'}", 500)}


@pytest.mark.parametrize("names_itself", [True, False])
def test_the_journal_says_which_model_made_a_line(*, names_itself: bool) -> None:
    def silent(call: Call) -> Reply:
        body = json.loads(always_good(call).body)
        del body["model"]
        return Reply(body=json.dumps(body).encode())

    with FakeProvider(as_asked if names_itself else silent) as provider:
        assert generate(provider, "--save-metadata") == 0
    header, *entries = journal()
    assert header["request"]["model"] == "maker/large"
    assert {model: settings["temperature"] for model, settings in header["models"].items()} == {
        "maker/large": 0.5,
        "maker/small": 1.0,
    }
    made = {each["index"]: each.get("model", "maker/large") for each in entries if each["type"] == "done"}
    assert [made[index] for index in range(NUM)] == drawn()
    lines = [json.loads(line)["metadata"] for line in Path("x.jsonl").read_text().splitlines()]
    assert {each["index"]: each["model"] for each in lines} == made


def test_a_run_goes_on_with_the_same_models_and_is_refused_with_others(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(as_asked) as provider:
        assert generate(provider, "-n", "7") == 0
        assert generate(provider) == 0
        assert Counter(call.body["model"] for call in provider.calls) == Counter(drawn())
        for before, after, told in (
            ("weight = 3", "weight = 2", "dimension model has changed"),
            ("maker/small", "maker/tiny", "maker/tiny, model: none -> "),
            ("temperature = 1.0", "temperature = 0.9", "maker/small, temperature: 1.0 -> 0.9"),
        ):
            Path("recipe.toml").write_text(RECIPE.replace(before, after))
            capsys.readouterr()
            assert generate(provider) == 2
            assert told in capsys.readouterr().err
    assert len(provider.calls) == NUM


def test_each_model_finds_the_form_that_works_for_itself() -> None:
    def picky(call: Call) -> Reply:
        is_schema = call.body.get("response_format", {}).get("type") == "json_schema"
        if call.body["model"] == "maker/small" and is_schema:
            return error(400, "response_format json_schema is not supported")
        return as_asked(call)

    with FakeProvider(picky) as provider:
        assert generate(provider) == 0
    forms = {(call.body["model"], call.body.get("response_format", {}).get("type")) for call in provider.calls[-20:]}
    assert forms == {("maker/large", "json_schema"), ("maker/small", "json_object")}
    assert {each["model"] for each in journal() if each["type"] == "stepped"} == {"maker/small"}


def test_a_model_that_is_refused_for_a_while_holds_up_no_other() -> None:
    refused: list[int] = []
    large = drawn().count("maker/large")

    def busy(call: Call) -> Reply:
        if call.body["model"] == "maker/small" and len(made) < large:
            refused.append(call.number)
            return error(429, "slow down", Retry_After="0")
        made.append(call.body["model"])
        return as_asked(call)

    made: list[str] = []
    with FakeProvider(busy) as provider:
        assert generate(provider, "--retries", "200") == 0
    assert refused
    assert made[:large] == ["maker/large"] * large
    assert Counter(made) == Counter(drawn())


def test_the_places_of_all_models_together_are_no_more_than_concurrency() -> None:
    with FakeProvider(as_asked) as provider:
        assert generate(provider, "--no-adaptive") == 0
    assert provider.most_at_once <= 8


def test_each_model_has_its_price(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-none")
    with FakeProvider(as_asked, pages={"/models": page({"data": PRICES})}) as provider:
        assert generate(provider, "--provider", "openrouter") == 0
    costs = {(each.get("model", "maker/large"), each["cost"]) for each in journal() if each["type"] == "done"}
    assert costs == {("maker/large", 0.0004), ("maker/small", 0.0001)}


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--model", "x"], "--model: the work of recipe shared is shared by its [[models]]"),
        (["--param", "model=x"], "--model: the work of recipe shared is shared by its [[models]]"),
        (["-c", "1"], "--concurrency 1: expected 2 or more, one for each of [[models]]"),
        (["--rpm", "1"], "--rpm 1: expected 2 or more, one for each of [[models]]"),
    ],
)
def test_flags_that_do_not_go_with_several_models_are_refused(
    flags: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeProvider(as_asked) as provider:
        assert generate(provider, *flags) == 2
    assert told in capsys.readouterr().err


def test_a_plan_names_all_models_and_their_mean_price(capsys: pytest.CaptureFixture[str]) -> None:
    Path("recipe.toml").write_text(RECIPE.replace("maker/large", "google/gemini-3-flash-preview"))
    assert main(["plan", "--recipe", ".", "--provider", "offline"]) == 0
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "model google/gemini-3-flash-preview, maker/small (the offline engine answers instead)" in words
    assert "model 2 2 251 to 749" in words


def test_a_plan_reckons_with_the_mean_price_of_all_models(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-none")
    monkeypatch.setenv("COLUMNS", "300")
    with FakeProvider(pages={"/models": page({"data": PRICES})}) as provider:
        assert main(["plan", "--recipe", ".", "--provider", "openrouter", "--base-url", provider.base_url]) == 0
        assert "a million tokens: $3.25 in, $0.00 out; mean of 2 models, by weight" in capsys.readouterr().out
