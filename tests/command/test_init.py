"""`init` through the command line, and what it makes through the commands that come next."""

import json
import signal
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest
from fake_provider import Call, FakeProvider, Reply, completion, error
from quick import each_row

from asyncgen.command.main import main
from asyncgen.recipe.language import NAMES
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.scenario import Scenarios
from asyncgen.scaffold.recipe import KNOWN

DRAFT = {
    "topics": ["how long a battery lasts", "what an inspection costs"],
    "personas": ["a courier in a hurry"],
    "misconceptions": ["that e-bikes need a licence"],
    "openers": ["yo, my bike is broken", "{hi}"],
}


@pytest.fixture(autouse=True)
def _documents() -> None:
    Path("docs").mkdir()
    Path("docs/rental.md").write_text("# Rental\n\n## Prices of the rental\n\nA bike costs 15 euros a day.\n")
    Path("docs/shop.html").write_text("<title>Shop</title><nav>Menu</nav><p>Open until six &lt;b&gt;.</p>")


def init(capsys: pytest.CaptureFixture[str], *argv: str, status: int = 0) -> str:
    assert main(["init", *argv]) == status
    out, err = capsys.readouterr()
    return err if status else out


def files(folder: str = "shop") -> Mapping[str, str]:
    return {path.name: path.read_text() for path in Path(folder).iterdir()}


def test_documents_become_a_recipe_that_runs_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    out = init(capsys, "shop", "--from", "docs", "--about", "the assistant of a bicycle shop.")
    assert "documents  2: docs/rental.md, docs/shop.html" in out
    assert "topics     2, from the headings" in out
    assert "1,000 conversations about $" in out
    assert "markup is left in knowledge.md, 1 time: <b>" in out
    assert [line.split()[-1] for line in out.splitlines() if "asyncgen" in line][-1] == "data/shop.offline.jsonl"
    texts = files()
    assert texts["knowledge.md"] == (
        "# Rental\nSource: docs/rental.md\n\n## Prices of the rental\n\nA bike costs 15 euros a day.\n\n"
        "# Shop\nSource: docs/shop.html\n\nOpen until six <b>.\n"
    )
    assert "with shop, the assistant of a bicycle shop. From reading" in " ".join(texts["system.md"].split())
    assert main(["check", "shop"]) == 0
    assert capsys.readouterr().out.endswith("shop: nothing wrong\n")
    assert main(["generate", "--recipe", "shop", "-n", "20", "--quiet"]) == 0
    lines = Path("data/shop.offline.jsonl").read_text().splitlines()
    assert len(lines) == 20
    assert any("A bike costs 15 euros a day." in line for line in lines)
    assert "Source:" not in "".join(lines)


def test_remarks_in_prompts_are_not_sent(capsys: pytest.CaptureFixture[str]) -> None:
    init(capsys, "shop", "--from", "docs")
    assert "<!--" in files()["system.md"]
    recipe = load_recipe("shop")
    assert recipe.system is not None
    assert "<!--" not in recipe.system + recipe.user
    assert "\n\n\n" not in recipe.system


@pytest.mark.parametrize("codes", [*KNOWN, "de,en", "en,sv,fr"])
def test_users_of_each_language_are_of_that_language(capsys: pytest.CaptureFixture[str], codes: str) -> None:
    init(capsys, "shop", "--from", "docs", "--language", codes)
    recipe = load_recipe("shop")
    assert recipe.language == tuple(codes.split(","))
    scenarios = Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=None)
    seen = set()
    for index in range(200):
        drawn = scenarios.draw(index)
        seen.add((drawn.get("language", codes), drawn["persona"]))
    by_language = {code: {persona for each, persona in seen if each == code} for code in recipe.language}
    if set(recipe.language) <= set(KNOWN):
        assert all(not one & other for one, other in pairwise(by_language.values()))
    assert all(len(personas) == 10 for personas in by_language.values())


@each_row(
    ("argv", "wrong"),
    [
        (("shop",), "--from PATH makes a recipe from documents, --like RECIPE copies an example: give one of them"),
        (("shop", "--from", "docs", "--like", "nanochat"), "give one of them"),
        (("my shop", "--from", "docs"), "'my shop' cannot name a recipe"),
        (("Öl", "--from", "docs"), "'Öl' cannot name a recipe: expected up to 80 letters from a to z, digits"),
        (
            ("docs", "--update", "--language", "en,de"),
            "takes no --language: change language in docs/recipe.toml, and for",
        ),
        (("docs", "--update", "--about", "a shop"), "takes no --about: who the assistant is stands in docs/system.md"),
        (("docs", "--update", "--like", "persona"), "--update renews the knowledge alone, and takes no --like: "),
        (("shop", "--like", "persona", "--language", "de"), "--like copies a recipe as it stands, and takes no"),
        (
            ("shop", "--like", "persona", "--base-url", "http://x"),
            "takes no --base-url: what a model suggests is added",
        ),
        (
            ("shop", "--from", "docs", "--language", "german"),
            "--language: expected a code of ISO 639-1 such as de or en",
        ),
        (("shop", "--from", "docs", "--language", ","), "--language: expected codes"),
        (("shop", "--from", "nowhere"), "--from nowhere: no such file or folder"),
        (("docs", "--from", "docs"), "docs: is there already; --update renews its knowledge"),
        (("shop", "--update"), "shop: no such folder; without --update it is made"),
        (("shop", "--from", "docs", "--model", "m"), "the offline engine is no model"),
        (("shop", "--from", "docs", "--provider", "openai"), "--provider openai needs a key"),
        (("shop", "--from", "docs", "--about", "a {topic} bot"), "--about goes into a prompt"),
        (("shop", "--like", "nanochatt"), "did you mean nanochat?"),
    ],
)
def test_what_cannot_be_made_is_said_in_a_sentence_and_leaves_nothing(
    capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], wrong: str
) -> None:
    err = init(capsys, *argv, status=2)
    assert wrong in err
    assert len(err.splitlines()) == 1
    assert {path.name for path in Path().iterdir()} == {"docs"}


GERMAN = "Die Inspektion kostet 79 Euro und dauert zwei Tage. Wir prüfen dabei auch die Bremsen und das Licht."
ENGLISH = "We rent bikes by the day and by the week, and you can bring them back at any time of the day."


@pytest.mark.parametrize(
    ("texts", "argv", "language", "warnings"),
    [
        ([GERMAN], [], "de", []),
        ([ENGLISH], [], "en", []),
        (
            [GERMAN, GERMAN, ENGLISH],
            [],
            "de",
            ["some documents in English: docs/2.md; a recipe of another name, made with --language de,en"],
        ),
        ([GERMAN, ENGLISH], ["--language", "en,de"], "en, de", []),
        (
            [GERMAN],
            ["--language", "en"],
            "en",
            ["some documents in German: docs/0.md; a recipe of another name, made with --language en,de"],
        ),
        ([ENGLISH], ["--language", "sv,en"], "sv, en", ["how users of Swedish write is not known here"]),
        (["1234"], [], "en", ["what language the documents are in cannot be told"]),
        (["1234"], ["--language", "es"], "es", []),
        (["El taller no abre los sábados, pero se puede dejar la bicicleta en la estación."], [], "es", []),
        (["自転車の修理は三日かかります。"], [], "ja", ["how users of Japanese write is not known here"]),
        ([ENGLISH, "| 12 | 34 |"], [], "en", []),
        (
            [ENGLISH, "1234 5678 " * 20],
            [],
            "en",
            ["what language some documents (docs/1.md) are in cannot be told, and conversations are in English"],
        ),
    ],
)
def test_conversations_are_in_the_language_of_the_documents_unless_told_otherwise(
    capsys: pytest.CaptureFixture[str], texts: list[str], argv: list[str], language: str, warnings: list[str]
) -> None:
    for path in Path("docs").iterdir():
        path.unlink()
    for number, text in enumerate(texts):
        Path(f"docs/{number}.md").write_text(f"# Title {number}\n\n{text}\n")
    out = init(capsys, "shop", "--from", "docs", *argv)
    assert ", ".join(load_recipe("shop").language) == language
    found = [line for line in out.splitlines() if line.startswith("warning")]
    assert len(found) == len(warnings)
    assert all(warning in line for warning, line in zip(warnings, found, strict=True))


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("a <b>bold</b> word", "2 times: <b>, </b>"),
        ('<img src="x.png"> and <br/>', '2 times: <img src="x.png">, <br/>'),
        ("two&nbsp;words &#160; more", "2 times: &nbsp;, &#160;"),
        ("{{ page.title }} by {% include x %}", "2 times: {{ page.title }}, {% include x %}"),
        ("if a <b and c> d, then R&D; write <name> to <a friend>", None),
        ("Call `<b>` or\n\n```html\n<b>x</b>\n```", None),
        ("A List<String> of x < y", None),
        ("</knowledge> ends it", "holds </knowledge>"),
    ],
)
def test_markup_that_is_left_is_told_and_prose_and_code_are_none(
    capsys: pytest.CaptureFixture[str], text: str, mark: str | None
) -> None:
    Path("docs/rental.md").write_text(f"# A\n\n{text}\n")
    Path("docs/shop.html").unlink()
    out = init(capsys, "shop", "--from", "docs", "--language", "en")
    assert [mark] == [mark for line in out.splitlines() if line.startswith("warning") and mark and mark in line] or (
        mark is None and "markup" not in out
    )


def test_a_long_document_without_headings_is_told_to_be_one_topic(capsys: pytest.CaptureFixture[str]) -> None:
    Path("docs/manual.txt").write_text("We tell you how the bike is used, and why. " * 300)
    out = init(capsys, "shop", "--from", "docs")
    assert "one topic stands for all of a long document without headings: docs/manual.txt; write more" in out


def test_what_comes_next_names_the_output_of_a_run_with_a_key(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-test")
    assert "data/shop.jsonl" in init(capsys, "shop", "--from", "docs").splitlines()[-1]


def test_an_update_reads_the_documents_again_and_names_new_headings(capsys: pytest.CaptureFixture[str]) -> None:
    init(capsys, "shop", "--from", "docs")
    Path("shop/recipe.toml").write_text(files()["recipe.toml"].replace("Prices of the rental", "what it costs"))
    before = files()
    Path("docs/rental.md").write_text("# Rental\n\n## Deposits for a bike\n\n50 euros.\n")
    out = init(capsys, "shop", "--update")
    after = files()
    assert "## Deposits for a bike" in after["knowledge.md"]
    assert "Deposits for a bike" in out
    assert "topics gone" not in out
    assert {name for name in after if after[name] != before.get(name)} == {"knowledge.md", "sources.json"}
    Path("docs/rental.md").write_text("# Rental\n\n## Deposits for a bike\n\n60 euros.\n")
    assert "topics gone" not in init(capsys, "shop", "--update")
    toml = Path("shop/recipe.toml").read_text()
    Path("shop/recipe.toml").write_text(toml.replace("what it costs", "Deposits for a bike"))
    Path("docs/rental.md").write_text("# Rental\n\nClosed.\n")
    told = " ".join(init(capsys, "shop", "--update").split())
    assert "topics gone 1 topic of shop/recipe.toml, now in no document: Deposits for a bike" in told
    Path("docs").rename("moved")
    told = init(capsys, "shop", "--update", status=2)
    assert "shop/sources.json, which --from PATH replaces, names docs: no such file or folder" in told


def test_knowledge_that_was_edited_stays_and_the_new_one_lies_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    init(capsys, "shop", "--from", "docs")
    edited = files()["knowledge.md"] + "\nBy hand.\n"
    Path("shop/knowledge.md").write_text(edited)
    Path("docs/rental.md").write_text("# Rental\n\nClosed.\n")
    out = init(capsys, "shop", "--update")
    assert "shop/knowledge.md was edited and stays as it is; take from knowledge.new.md what you want" in out
    assert files()["knowledge.md"] == edited
    assert "Closed." in files()["knowledge.new.md"]
    Path("more.md").write_text("# More\n\nOpen again.\n")
    for _ in range(2):  # other documents, or nothing that says what was written, make no edit less one
        init(capsys, "shop", "--update", "--from", "more.md")
        assert files()["knowledge.md"] == edited
        assert "Open again." in files()["knowledge.new.md"]
        Path("shop/sources.json").unlink()
    init(capsys, "shop", "--update", "--from", "more.md")
    Path("shop/knowledge.new.md").replace("shop/knowledge.md")  # taken
    Path("more.md").write_text("# More\n\nSold.\n")
    assert "edited" not in init(capsys, "shop", "--update")
    assert "Sold." in files()["knowledge.md"]


def test_a_recipe_made_among_its_documents_is_none_of_them(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("docs")
    init(capsys, "shop", "--from", ".")
    Path("data").mkdir()
    Path("data/shop.jsonl.report.html").write_text("<h1>Audit</h1><p>All is well.</p>")
    before = files()["knowledge.md"]
    out = init(capsys, "shop", "--update")
    assert files()["knowledge.md"] == before
    assert "data/shop.jsonl.report.html is a report of an audit" in out
    assert "shop/knowledge.md" in out.partition(": each belongs to a recipe")[0]
    assert "3: shop/knowledge.md" in init(capsys, "other", "--from", "shop")


def test_an_update_that_was_cut_off_stands_in_nobodys_way(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    init(capsys, "shop", "--from", "docs")
    before = files()
    Path("docs/rental.md").write_text("# Rental\n\nClosed.\n")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        err = init(capsys, "shop", "--update", status=2)
    assert err == "asyncgen: shop/knowledge.md: cannot be written: No space left on device\n"
    assert files() == before
    Path("shop/.knowledge.md.partial").mkdir()  # as a kill leaves it
    init(capsys, "shop", "--update")
    assert "Closed." in files()["knowledge.md"]


def test_a_recipe_made_elsewhere_finds_its_documents_again(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    init(capsys, "recipes/shop", "--from", "docs")
    monkeypatch.chdir("recipes")
    assert "knowledge  shop/knowledge.md" in init(capsys, "shop", "--update")


# ---- suggestions of a model

FACTS = {
    "Money": ["[10] A bike costs 15 euros a day.", "A tyre costs 30 euros.", "[x] [2] A bell {is} 5 <!--euros.", 7],
    "## Shop": ["It is open until six.", "A tyre costs 30 euros.", ""],
    "{}": ["Lost, without a heading."],
    "Empty": "It is open until six.",
}


def drafting(*drafts: object) -> Callable[[Call], Reply]:
    replies = iter(drafts)

    def reply(_: Call) -> Reply:
        draft = next(replies)
        return draft if isinstance(draft, Reply) else completion(f"Here:\n{json.dumps(draft)}", cost=0.01)

    return reply


def ask(capsys: pytest.CaptureFixture[str], provider: FakeProvider, *argv: str, status: int = 0) -> str:
    flags = ("--base-url", provider.base_url, "--model", "m", *argv)
    return init(capsys, "shop", "--from", "docs", *flags, status=status)


@pytest.mark.slow
def test_a_model_reads_the_documents_once_a_language_and_its_suggestions_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with FakeProvider(drafting(error(503), DRAFT, DRAFT)) as provider:
        out = ask(capsys, provider, "--language", "de,en", "--yes")
        _, german, english = (call.scenario for call in provider.calls)
    assert "2 calls to m at" in out.splitlines()[0]
    assert "  how long a battery lasts" in out
    assert ", 2 of them from the headings" in out
    assert "cost $0.0200" in out
    assert "A bike costs 15 euros a day." in german
    assert german.replace("German", "English") == english
    recipe = load_recipe("shop")
    scenarios = Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=None)
    drawn = [scenarios.draw(index) for index in range(200)]
    assert {each["persona"] for each in drawn} == {"a courier in a hurry"}
    assert "what an inspection costs" in {each["topic"] for each in drawn}
    for each in drawn:
        is_mistaken = each["dynamic"].startswith(("misunderstanding", "Missverständnis"))
        assert (each["misconception"] == "that e-bikes need a licence") == is_mistaken
    assert any("yo, my bike is broken" in each["opener"] for each in drawn)


def test_statements_of_a_model_are_a_file_to_edit_and_a_dimension_of_the_recipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with FakeProvider(drafting({**DRAFT, "statements": FACTS})) as provider:
        out = ask(capsys, provider, "--yes")
        assert '"statements": 40 single facts from the documents' in provider.calls[0].scenario
    assert "  Money: [10] A bike costs 15 euros a day." in out
    assert files()["statements.md"].partition("-->\n")[2] == (
        "\n## Money\n- [10] A bike costs 15 euros a day.\n- A tyre costs 30 euros.\n- A bell is 5 euros.\n"
        "\n## Shop\n- It is open until six.\n"
    )
    recipe = load_recipe("shop")
    facts = next(each for each in recipe.dimensions if each.name == "facts")
    assert facts.pick == 2
    assert [each.weights for each in facts.groups] == [(10.0, 1.0, 1.0), (1.0,)]
    assert "believes: {misconception}\nWhat has to come up, in words of the conversation:\n{facts}\n" in recipe.user
    assert main(["check", "shop"]) == 0
    assert capsys.readouterr().out.endswith("shop: nothing wrong\n")
    assert main(["generate", "--recipe", "shop", "-n", "20", "--quiet"]) == 0


@pytest.mark.parametrize("statements", [None, {}, ["A bike costs 15 euros."], {"Money": []}, {"Money": ["{}", 1]}])
def test_without_statements_there_is_no_such_dimension(capsys: pytest.CaptureFixture[str], statements: object) -> None:
    with FakeProvider(drafting({**DRAFT, "statements": statements})) as provider:
        assert "statements" not in ask(capsys, provider, "--yes").partition("cost")[0]
    assert "statements.md" not in files()
    assert "{facts}" not in files()["user.md"]
    assert "facts" not in {each.name for each in load_recipe("shop").dimensions}


def test_statements_are_told_in_the_language_that_they_are_drafted_in(capsys: pytest.CaptureFixture[str]) -> None:
    german = {"Shop": ["Offen bis sechs.", "NanoBike 3"], "Geld": ["Ein Rad kostet 15 Euro."], "Rest": ["NanoBike 3"]}
    english = {"Shop": ["Open until six.", "NanoBike 3"], "Money": ["[5] A bike costs 15 euros."]}
    drafts = [{**DRAFT, "statements": each} for each in (german, english)]
    with FakeProvider(drafting(*drafts)) as provider:
        ask(capsys, provider, "--language", "de,en", "--yes")
    recipe = load_recipe("shop")
    scenarios = Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=None)
    seen: dict[str, set[str]] = {}
    for index in range(100):
        drawn = scenarios.draw(index)
        seen.setdefault(drawn["language"], set()).update(drawn["facts"].splitlines())
    told = {code: {each.lstrip("- ").strip("'\"") for each in lines} for code, lines in seen.items()}
    assert told == {
        "de": {"Offen bis sechs.", "NanoBike 3", "Ein Rad kostet 15 Euro."},
        "en": {"Open until six.", "A bike costs 15 euros."},
    }


def test_statements_of_one_language_of_two_are_not_told_in_the_other_one(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(drafting({**DRAFT, "statements": FACTS}, DRAFT)) as provider:
        ask(capsys, provider, "--language", "de,en", "--yes")
    assert "statements.md" not in files()


@pytest.mark.parametrize(
    ("reply", "wrong"),
    [
        (completion("I would rather not."), "the model's draft is no JSON object; try again, or another --model"),
        ({"personas": "many", "openers": [1]}, "the model's draft has no topics, personas, misconceptions, openers, "),
        (error(401), "401"),
    ],
)
def test_a_draft_that_cannot_be_read_writes_nothing(
    capsys: pytest.CaptureFixture[str], reply: object, wrong: str
) -> None:
    with FakeProvider(drafting(reply, reply)) as provider:
        err = ask(capsys, provider, "--yes", status=1)
        is_answered = len(provider.calls) == 2
    assert wrong in err
    assert not Path("shop").exists()
    assert Path("shop.answers").exists() == is_answered == ("kept in shop.answers: copy what you" in err)


def test_a_draft_that_cannot_be_read_is_asked_for_once_more_and_stays(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.answers").write_text("Of another day.\n")
    with FakeProvider(drafting(completion("Gladly!\x1b[2J\nFacts: a tyre.", cost=0.02), DRAFT, DRAFT)) as provider:
        ask(capsys, provider, "--yes")
        kept = Path("shop.answers").read_text()
        assert kept.startswith("Of another day.\nGladly!?[2J\nFacts: a tyre.\n\nHere:\n")
        Path("shop").rename("other")
        ask(capsys, provider, "--yes")
    assert Path("shop.answers").read_text() == kept
    assert len(provider.calls) == 3


@pytest.mark.parametrize("wrap", ["[%s]", '{"draft": %s}', "<think>{so}</think>%s ```", "%s\n}, and so on"])
def test_a_draft_is_found_whatever_stands_around_it(capsys: pytest.CaptureFixture[str], wrap: str) -> None:
    with FakeProvider(drafting(completion(wrap % json.dumps(DRAFT)))) as provider:
        ask(capsys, provider, "--yes")
    assert "what an inspection costs" in files()["recipe.toml"]
    assert not Path("shop.answers").exists()


def test_of_a_draft_that_is_cut_off_all_is_used_that_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    whole = json.dumps(DRAFT)
    with FakeProvider(drafting(completion(whole[: whole.index(" in a hurry")], finish_reason="length"))) as provider:
        out = ask(capsys, provider, "--yes")
        assert len(provider.calls) == 1
    assert "the model's draft (en) has no personas, misconceptions, openers, statements; later: " in out
    assert "draft personas --recipe shop" in out
    toml = files()["recipe.toml"]
    assert "what an inspection costs" in toml
    assert "courier" not in toml
    assert "misconception" not in toml
    assert main(["check", "shop"]) == 0


@pytest.mark.parametrize("second", [error(402, "no money left"), {"topics": ["Fahrräder"], "openers": ["moin"]}])
def test_the_draft_of_one_language_is_of_use_without_that_of_the_other(
    capsys: pytest.CaptureFixture[str], second: object
) -> None:
    with FakeProvider(drafting(DRAFT, second)) as provider:
        out = ask(capsys, provider, "--yes", "--language", "en,de")
    assert ("fewer than wanted, because a further call failed: " in out) == isinstance(second, Reply)
    recipe = load_recipe("shop")
    scenarios = Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=None)
    drawn = [scenarios.draw(index) for index in range(100)]
    german = {each["misconception"] for each in drawn if each["language"] == "de"}
    assert german == {"nothing in particular"}
    assert any(each["misconception"] == "that e-bikes need a licence" for each in drawn)
    assert any(each["persona"] == "a courier in a hurry" for each in drawn)


def test_lines_of_a_draft_of_which_nothing_is_left_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    odd = [
        "{}",
        " { } ",
        "\x1b[31m red",
        "\u202eright to left",
        "x" * 900,
        "{knowledge}",
        'a "quoted\\ one"',
        "[dimension]",
    ]
    with FakeProvider(drafting({**DRAFT, "topics": odd})) as provider:
        ask(capsys, provider, "--yes")
    topics = next(each for each in load_recipe("shop").dimensions if each.name == "topic")
    assert list(topics.groups[-1].values) == ["knowledge", 'a "quoted\\ one"', "[dimension]"]


def test_who_closes_the_question_has_not_agreed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def close(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", close)
    with FakeProvider(drafting(DRAFT)) as provider:
        assert "nothing was written" in ask(capsys, provider, status=2)
    assert not Path("shop").exists()
    assert "what an inspection costs" in Path("shop.answers").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_during_the_question_leaves_nothing_half_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def interrupt(_: str) -> str:
        signal.raise_signal(number)
        return "y"

    before = signal.signal(number, lambda *_: None)  # as a process that would end at once, by way of nothing
    try:
        monkeypatch.setattr("sys.stdin.isatty", lambda: True)
        monkeypatch.setattr("builtins.input", interrupt)
        with FakeProvider(drafting(DRAFT)) as provider:
            ask(capsys, provider, status=130)
    finally:
        signal.signal(number, before)
    assert {path.name for path in Path().iterdir()} == {"docs", "shop.answers"}


def test_nobody_is_asked_where_nobody_can_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(drafting()) as provider:
        err = ask(capsys, provider, status=2)
        assert provider.calls == []
    assert "nobody can be asked; add --yes" in err


@pytest.mark.parametrize(
    ("answers", "is_made"),
    [("y", True), ("Yes ", True), ("", False), ("n", False), ("t y", True), ("sure\u00a0 nein", False)],
)
def test_a_person_is_asked_before_suggestions_are_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answers: str, *, is_made: bool
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    answering = iter(answers.split(" "))
    monkeypatch.setattr("builtins.input", lambda _: next(answering))
    with FakeProvider(drafting(DRAFT)) as provider:
        ask(capsys, provider, status=0 if is_made else 2)
    assert Path("shop").exists() == is_made


def test_a_request_names_the_language_in_words() -> None:
    assert {NAMES[each] for each in KNOWN} == {"English", "German", "French", "Spanish", "Italian"}
