"""`draft` through the command line: what a scripted model is asked, and what of its answers a recipe has afterwards."""

import json
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from fake_provider import Call, FakeProvider, Reply, completion, error

from asyncgen.command.main import main
from asyncgen.recipe.load import BUILT_IN, load_recipe

RECIPE = """\
# Mine.
name = "shop"
description = "the assistant of a bicycle shop"
knowledge = "knowledge.md"
{top}
[request]
model = "recipe/model"
temperature = 0.9
[prompt]
user = "user.md"

[[dimension]]
name = "topic"
values = ["what a repair costs"]

[[dimension]]
name = "opener"
pick = 2
[dimension.groups]
greetings = ["hi", "Hello there!"]  # short
questions = [
    "how much is a repair",  # asked most
]
{more}
"""
FACTS = '[[dimension]]\nname = "facts"\nstatements = "facts.md"\n'
STATEMENTS = "## Money\n- [10] A repair costs 20 euros.\n\n## People\n- Ann runs the shop.\n"


def write(more: str = "", top: str = "", user: str = "{topic} {opener} {knowledge}", folder: str = "shop") -> Path:
    Path(folder).mkdir()
    Path(folder, "knowledge.md").write_text("A repair costs 20 euros.\n")
    Path(folder, "facts.md").write_text(STATEMENTS)
    Path(folder, "user.md").write_text(user)
    path = Path(folder, "recipe.toml")
    path.write_text(RECIPE.replace("{top}", top).replace("{more}", more))
    return path


def suggest(*answers: object) -> Callable[[Call], Reply]:
    """Each a reply, or candidates: a text, or a group and a text; the last one again and again."""
    replies = list(answers)

    def reply(call: Call) -> Reply:
        answer = replies[min(call.number, len(replies) - 1)]
        if isinstance(answer, Reply):
            return answer
        assert isinstance(answer, Sequence)
        given = [
            {"text": each} if isinstance(each, str) else dict(zip(("group", "text", "probability"), each, strict=False))
            for each in answer
        ]
        return completion(f"Sure:\n{json.dumps(given)}\nThat is all.", cost=0.01)

    return reply


def draft(
    capsys: pytest.CaptureFixture[str], script: Callable[[Call], Reply], *argv: str, status: int = 0
) -> tuple[str, list[Call]]:
    with FakeProvider(script) as provider:
        flags = ["--recipe", "shop", "--base-url", provider.base_url, "--yes", *argv]
        assert main(["draft", *flags]) == status, capsys.readouterr()
        calls = list(provider.calls)
    out, err = capsys.readouterr()
    return err if status else out, calls


def values(name: str) -> Mapping[str, list[str]]:
    dimension = next(each for each in load_recipe("shop").dimensions if each.name == name)
    return {group.name: list(group.values) for group in dimension.groups}


def test_new_values_stand_behind_those_of_their_group_and_nothing_else_changes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    toml = write()
    before = toml.read_text()
    answer = [
        ("Greetings ", "good day to you", 0.05),
        ("questions", 'my "wheel" is bent', 0.01),
        ("other", "lost", 0.01),
    ]
    out, calls = draft(capsys, suggest(answer), "openers", "-n", "2")
    assert out.splitlines()[0].startswith("at most 2 calls to recipe/model at ")
    assert re.findall(r"^(?:opener|  ).*", out, re.MULTILINE) == [
        "opener greetings",
        "  good day to you",
        "opener questions",
        '  my "wheel" is bent',
    ]
    assert "cost $0.0100" in out
    assert "2 more in shop/recipe.toml" in out
    assert toml.read_text() == before.replace(
        '"Hello there!"]  # short', '"Hello there!",\n    "good day to you",\n]  # short'
    ).replace("# asked most\n", '# asked most\n    "my \\"wheel\\" is bent",\n')
    assert len(calls) == 1
    assert calls[0].body["model"] == "recipe/model"
    assert calls[0].body["temperature"] == 0.9
    assert "response_format" not in calls[0].body
    for told in ("greetings:\n- hi\n- Hello there!", "- how much is a repair", "what a repair costs", "below 0.10"):
        assert told in calls[0].scenario
    assert "20 euros" not in calls[0].scenario  # users have not read the documents
    assert [path.name for path in toml.parent.iterdir() if path.name.startswith(".")] == []


def test_what_is_there_already_or_nearly_is_left_out_and_named_in_the_next_call(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write()
    first = ["What a repair COSTS?!", "how to lock a bike", "How to lock a bike!", "which tyres fit", "{} \u202e"]
    second = ["which tyres fit", "how to lock a bike well", "what a repair of 2 costs", "rain clothes"]
    out, calls = draft(capsys, suggest(first, second, ["never asked for"]), "topics", "-n", "4")
    assert values("topic")[""] == [
        "what a repair costs",
        *("how to lock a bike", "which tyres fit"),
        *("what a repair of 2 costs", "rain clothes"),
    ]
    assert len(calls) == 2
    assert "- how to lock a bike\n- which tyres fit\n" in calls[1].scenario
    assert calls[0].scenario.partition("- ")[0] == calls[1].scenario.partition("- ")[0]
    assert "<knowledge>\nA repair costs 20 euros.\n</knowledge>" in calls[0].scenario
    assert "4 more" in out


def test_of_more_than_is_wanted_the_least_likely_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    write()
    answer = [("", "rain", 0.3), ("", "snow", 0.01), ("", "wind", "much"), ("", "hail", 0.02), ("", "sun", 10**400)]
    draft(capsys, suggest(answer), "topic", "-n", "2")
    assert values("topic")[""] == ["what a repair costs", "snow", "hail"]


@pytest.mark.parametrize(
    "mood",
    [
        'groups = {a = ["glad"], b = [{value = "sad", weight = 2.0}]}',
        'groups.a = ["glad"]\ngroups.b = [\n"sad" ]',
        '[dimension.groups]\n"a" = [ "glad" ] # ]\n\'b\' = ["""sad"""]',
    ],
)
def test_a_list_is_found_however_the_recipe_is_written(capsys: pytest.CaptureFixture[str], mood: str) -> None:
    write(f'[[dimension]]\nname = "mood"\n{mood}\n', user="{topic} {opener} {mood} {knowledge}")
    draft(capsys, suggest([("b", "tired"), ("a", "keen")]), "mood", "-n", "2")
    assert values("mood") == {"a": ["glad", "keen"], "b": ["sad", "tired"]}


def test_many_calls_are_foreseen_with_what_they_will_name(capsys: pytest.CaptureFixture[str]) -> None:
    write()
    sizes = []
    for number in ("20", "2000"):
        out, calls = draft(capsys, suggest([f"rain of {number}"]), "topics", "-n", number)
        (told,) = re.findall(r"at most ([\d,]+) calls .* about ([\d,]+) tokens in", out)
        sizes.append([int(each.replace(",", "")) for each in told])
        assert len(calls) == 2  # the second one has brought nothing
    (few, short), (many, long) = sizes
    assert (few, many) == (2, 200)
    assert long / many > 3 * short / few


def test_statements_go_to_their_file_into_a_section_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    write(FACTS, user="{topic} {opener} {facts} {knowledge}")
    answer = [("Money", "[10] A tyre costs 30 euros."), ("Prices", "Lost."), ("Money", "A repair costs 20 euros")]
    _, calls = draft(capsys, suggest(answer, ["x"]), "statements", "-n", "1")
    assert Path("shop/facts.md").read_text() == STATEMENTS.replace("euros.\n", "euros.\n- A tyre costs 30 euros.\n")
    assert "single facts from the documents" in calls[0].scenario
    assert values("facts")["Money"] == ["A repair costs 20 euros.", "A tyre costs 30 euros."]


def test_values_of_a_file_go_to_that_file(capsys: pytest.CaptureFixture[str]) -> None:
    write('[[dimension]]\nname = "persona"\nfrom = "people.csv"\n', user="{topic} {opener} {persona} {knowledge}")
    Path("shop/people.csv").write_text("who\na child\n")
    out, _ = draft(capsys, suggest(["a courier, in a hurry"]), "personas", "-n", "1")
    assert Path("shop/people.csv").read_text() == 'who\na child\n"a courier, in a hurry"\n'
    assert "1 more in shop/people.csv" in out


LANGUAGES = (
    '[[dimension]]\nname = "mood"\n[dimension.groups]\ngerman = ["froh"]\nenglish = ["glad"]\nany = ["ok"]\n'
    '[dimension.only_with]\ngerman = {language = "de"}\nenglish = {language = "en"}\n'
)
SPOKEN = "{topic} {opener} {mood} {language} {knowledge}"


def test_each_language_is_asked_for_where_groups_are_bound_to_theirs(capsys: pytest.CaptureFixture[str]) -> None:
    write(LANGUAGES, 'language = ["de", "en"]', SPOKEN)
    _, calls = draft(capsys, suggest(["traurig"], ["sad"]), "mood", "-n", "2")
    assert [re.findall(r"and are in (\w+)\.", call.scenario) for call in calls] == [["German"], ["English"]]
    assert values("mood") == {"german": ["froh", "traurig"], "english": ["glad", "sad"], "any": ["ok"]}


def test_a_language_that_is_named_is_asked_for_alone_and_its_values_are_bound_to_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    toml = write(LANGUAGES, 'language = ["de", "en"]', SPOKEN)
    draft(capsys, suggest(["traurig"]), "mood", "-n", "1", "--language", "de")
    draft(capsys, suggest([("greetings", "Moin")]), "openers", "-n", "1", "--language", "de")
    assert values("mood")["german"] == ["froh", "traurig"]
    assert '{value = "Moin", only_with = {language = "de"}},' in toml.read_text()


def test_without_languages_it_is_that_of_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    write()
    _, calls = draft(capsys, suggest(["rain"]), "topics", "-n", "1")
    assert "and are in the language of what is there." in calls[0].scenario


@pytest.mark.parametrize(
    ("argv", "wrong"),
    [
        (("personas",), "the recipe has no personas: expected topics, openers, or one of its dimensions, topic,"),
        (("opners",), "did you mean openers?"),
        (("statements",), "the recipe has no statements: write a dimension of them first, as asyncgen help recipes"),
        (("topcis",), "did you mean topics?"),
        (("topics", "--language", "german"), "--language: expected a code of ISO 639-1"),
        (("topics", "--language", "fr"), "--language fr: expected de, en, as shop has it"),
        (("language",), "the values of language are the recipe's languages, and no model makes more of these"),
        (("passage",), "the values of passage are passages of the documents, and no model"),
        (
            ("topics", "--recipe", "nanochat"),
            "init my-nanochat --like nanochat, then asyncgen draft topics --recipe my-",
        ),
        (("topics", "--recipe", "nowhere"), "no recipe at nowhere"),
    ],
)
def test_what_cannot_be_widened_is_said_in_a_sentence_before_anything_is_sent(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], wrong: str
) -> None:
    more = '[[dimension]]\nname = "language"\nvalues = ["de", "en"]\n[[dimension]]\nname = "passage"\npassages = 9\n'
    write(more, 'language = ["de", "en"]', "{topic} {opener} {language} {passage}")
    err, calls = draft(capsys, suggest(["x"]), *argv, status=2)
    assert wrong in err
    assert calls == []


@pytest.mark.parametrize(
    ("flags", "wrong"),
    [
        (
            ["--provider", "offline"],
            "the offline engine is no model: name a --provider other than",
        ),
        ([], "suggestions need a model, and the offline engine is no model"),
        (["--provider", "openai"], "--provider openai needs a key"),
        (["--base-url", "http://127.0.0.1:9/v1"], "nobody can be asked; add --yes"),
    ],
)
def test_a_model_and_somebody_to_agree_are_needed(
    capsys: pytest.CaptureFixture[str], flags: list[str], wrong: str
) -> None:
    write()
    assert main(["draft", "topics", "--recipe", "shop", *flags]) == 2
    assert wrong in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "wrong", "status", "asked"),
    [
        (suggest(completion("I would rather not.")), "the model gave no list of values; try again, or another", 1, 2),
        (suggest([]), "the model suggests nothing that is not in the recipe", 2, 1),
        (suggest(completion("[{")), "the model gave no list of values", 1, 2),
        (
            suggest(completion('[{"text": 1}, {"words": "x"}, 3]')),
            "the model gave no list of values",
            1,
            2,
        ),
        (
            suggest(["What a repair costs?"]),
            "the model suggests nothing that is not in the recipe already, or nearly so",
            2,
            1,
        ),
        (suggest(error(401)), "401", 1, 1),
    ],
)
def test_an_answer_of_no_use_writes_nothing(
    capsys: pytest.CaptureFixture[str], script: Callable[[Call], Reply], wrong: str, status: int, asked: int
) -> None:
    before = write().read_text()
    err, calls = draft(capsys, script, "topics", status=status)
    assert wrong in err
    assert len(calls) == asked
    assert Path("shop/recipe.toml").read_text() == before
    kept = Path("shop/draft.answers")
    assert kept.exists() == ("401" not in wrong) == ("the model has answered" in err)
    assert not kept.exists() or len(kept.read_text().split("\n\n")) == asked + 1


@pytest.mark.parametrize(
    "text",
    [
        '{"text": "rain clothes"}\n{"text": "lights"}',
        '["rain clothes", "lights"]',
        '{"topic": ["rain clothes", "lights",]}',
        '```json\n[{"text": "rain clothes", "probability": 0.01},\n {"text": "lights"},\n {"text": "bel',
        '[{"text": "rain clothes",}, // seldom\n{"text": "lights"}',
    ],
)
def test_of_an_answer_in_another_form_or_cut_off_all_is_used_that_is_whole(
    capsys: pytest.CaptureFixture[str], text: str
) -> None:
    write()
    draft(capsys, suggest(completion(text), []), "topics", "-n", "5")
    assert values("topic")[""] == ["what a repair costs", "rain clothes", "lights"]
    assert not Path("shop/draft.answers").exists()


def test_an_answer_that_could_not_be_read_stays_beside_what_a_second_one_has_brought(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write()
    draft(capsys, suggest(completion("Rain clothes, for example.", cost=0.02), ["lights"]), "topics", "-n", "1")
    assert Path("shop/draft.answers").read_text().startswith("Rain clothes, for example.\n\n")


def test_where_an_answer_could_not_be_kept_nobody_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    write()
    Path("shop/draft.answers").mkdir()
    err, calls = draft(capsys, suggest(["lights"]), "topics", status=2)
    assert "shop/draft.answers, for what the model answers, cannot be written: Is a directory" in err
    assert calls == []


def test_what_was_found_before_a_call_fails_is_of_use(capsys: pytest.CaptureFixture[str]) -> None:
    write(LANGUAGES, 'language = ["de", "en"]', SPOKEN)
    out, _ = draft(capsys, suggest(["traurig"], error(402, "no money left")), "mood", "-n", "2")
    assert "fewer than wanted, because a further call failed: " in out
    assert "1 more in shop/recipe.toml" in out
    assert values("mood")["german"] == ["froh", "traurig"]


def answering(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: Callable[[str], str], status: int
) -> str:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", answer)
    with FakeProvider(suggest(["rain clothes"])) as provider:
        argv = ["draft", "topics", "--recipe", "shop", "-n", "1", "--base-url", provider.base_url, "--model", "m"]
        assert main(argv) == status
        assert provider.calls[0].body["model"] == "m"
    return capsys.readouterr().err


@pytest.mark.parametrize(("answer", "is_written"), [("y", True), ("", False), ("n", False)])
def test_a_person_is_asked_before_anything_is_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: str, *, is_written: bool
) -> None:
    toml = write()
    answering(capsys, monkeypatch, lambda _: answer, 0 if is_written else 2)
    assert ("rain clothes" in toml.read_text()) == is_written


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_during_the_question_changes_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def interrupt(_: str) -> str:
        signal.raise_signal(number)
        return "y"

    toml = write()
    before = {path: path.read_bytes() for path in toml.parent.iterdir()}
    old = signal.signal(number, lambda *_: None)  # as a process that would end at once, by way of nothing
    try:
        answering(capsys, monkeypatch, interrupt, 130)
    finally:
        signal.signal(number, old)
    after = {path: path.read_bytes() for path in toml.parent.iterdir()}
    assert b"rain clothes" in after.pop(toml.with_name("draft.answers"))
    assert after == before


def test_an_end_while_it_is_written_leaves_the_old_file_or_the_new_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> int:
        raise KeyboardInterrupt

    toml = write()
    before = {path: path.read_bytes() for path in toml.parent.iterdir()}
    monkeypatch.setattr(Path, "write_bytes", interrupted)
    draft(capsys, suggest(["rain clothes"]), "topics", "-n", "1", status=130)
    after = {path: path.read_bytes() for path in toml.parent.iterdir()}
    assert b"rain clothes" in after.pop(toml.with_name("draft.answers"))
    assert after == before


def test_what_was_edited_while_the_question_stood_stays(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = write()

    def edit(_: str) -> str:
        moved = toml.read_text().replace("[[dimension]]", "# By hand.\n[[dimension]]")
        toml.write_text(moved.replace('"what a repair costs"]', '"what a repair costs", "by hand"]'))
        return "y"

    answering(capsys, monkeypatch, edit, 0)
    assert values("topic")[""] == ["what a repair costs", "by hand", "rain clothes"]
    assert "# By hand." in toml.read_text()


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_copy_of_each_built_in_recipe_can_be_widened(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["init", "shop", "--like", name]) == 0
    for what in ("openers", "personas"):
        out, _ = draft(capsys, lambda call: fitting(call.scenario), what, "-n", "1")
        assert "1 more in shop/recipe.toml" in out


def fitting(request: str) -> Reply:
    """A candidate for the first group that is named, if any is."""
    groups = re.findall(r"^([\w -]+):\n- ", request, re.MULTILINE) or [""]
    return completion(json.dumps([{"group": groups[0], "text": "zebra crossings and xylophones", "probability": 0.01}]))


def test_values_of_groups_that_are_not_there_are_told_as_such(capsys: pytest.CaptureFixture[str]) -> None:
    write()
    err, _ = draft(capsys, suggest([("farewells", "so long"), ("\x1b[31m", "bye")]), "openers", status=1)
    assert "the model names groups that the list has not (farewells, " in err
    assert "\x1b" not in err
