import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from fake_provider import FakeProvider, Reply, error, page
from quick import each_row

from asyncgen.command.main import main
from asyncgen.endpoint.presets import PROVIDERS
from asyncgen.output.journal import Done, Entry, Header, Kept, Unused, encode_entry
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.prompt import build_messages
from asyncgen.recipe.recipe import Dimension, Group, Recipe, Rules
from asyncgen.recipe.scenario import Scenarios
from asyncgen.screen.prompt_size import PromptSample

FLASH = "google/gemini-3-flash-preview"
KEY = "sk-or-v1-marker-0a1b2c3d"

TOPICS = {"crust": ["rye", "wheat", "spelt"], "crumb": ["open", "dense"], "heat": ["steam"]}
PERSONAS = ["a baker", "a miller", "a guest", "a child", "a critic"]
MOODS = [("calm", 3.0), ("hurried", 1.0), ("merry", 0.5)]
OPENERS = {
    "short": ["hi", "yo"],
    "polite": ["Good day.", "Good evening.", "Dear baker,"],
    "loud": ["BREAD!!", "HEY"],
    "sleepy": ["mornin", "zzz", "hm", "what"],
}

BREAD = f"""
name = "bread"
knowledge = "facts.md"
sampling = "random"
request = {{model = "some/model"}}
prompt = {{user = "user.md"}}

[[dimension]]
name = "topic"
groups = {{{", ".join(f"{name} = {json.dumps(values)}" for name, values in TOPICS.items())}}}

[[dimension]]
name = "persona"
values = {json.dumps(PERSONAS)}

[[dimension]]
name = "mood"
values = [{", ".join(f'{{value = "{value}", weight = {weight}}}' for value, weight in MOODS)}]

[[dimension]]
name = "openers"
pick = 3
groups = {{{", ".join(f"{name} = {json.dumps(values)}" for name, values in OPENERS.items())}}}
"""
BREAD_FILES = {
    "recipe.toml": BREAD,
    "facts.md": "Bread is baked.\n",
    "user.md": "{knowledge}\nOn {topic}, by {persona}, {mood}:\n{openers}\n",
}


def write_recipe(folder: Path, files: dict[str, str]) -> str:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return str(folder)


def small_recipe(
    folder: Path,
    *,
    model: str = FLASH,
    system: str = "{knowledge}",
    user: str = "{topic}",
    knowledge: str = "x" * 4000,
    topics: Sequence[str] = (),
) -> str:
    """Unless told otherwise: 4,000 bytes that never vary, then 40 that differ from the first on."""
    values = topics or [letter * 40 for letter in "abcd"]
    table = (
        f'name = "small"\nknowledge = "facts.md"\nrequest = {{model = {json.dumps(model)}}}\n'
        'prompt = {system = "system.md", user = "user.md"}\n'
        f'[[dimension]]\nname = "topic"\nvalues = {json.dumps(values)}\n'
    )
    files = {"recipe.toml": table, "facts.md": knowledge, "system.md": system, "user.md": user}
    return write_recipe(folder, files)


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def pages() -> dict[str, Reply]:
    """What OpenRouter answers to GET; nothing but errors unless a test says otherwise."""
    return {}


@pytest.fixture
def openrouter(monkeypatch: pytest.MonkeyPatch, pages: dict[str, Reply]) -> Iterator[FakeProvider]:
    """A key, and OpenRouter on loopback."""
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    with FakeProvider(pages=pages) as provider:
        preset = replace(PROVIDERS["openrouter"], base_url=provider.base_url)
        monkeypatch.setitem(PROVIDERS, "openrouter", preset)
        yield provider


def summary(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The words of the summary, without frames and line breaks."""
    assert main(["plan", *arguments]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return " ".join(captured.out.replace("│", " ").split())


def read_requests(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


# ---- requests


def draw_as_documented(index: int, seed: int | None) -> dict[str, str]:
    """The draws that `sampling = "random"` promises for the bread recipe, written down once more."""
    rng = random.Random(index) if seed is None else random.Random(f"{seed}:{index}")
    topic = rng.choice(TOPICS[rng.choice(list(TOPICS))])
    persona = rng.choice(PERSONAS)
    mood = rng.choices([value for value, _ in MOODS], [weight for _, weight in MOODS])[0]
    openers = [rng.choice(OPENERS[group]) for group in rng.sample(list(OPENERS), 3)]
    return {"topic": topic, "persona": persona, "mood": mood, "openers": "\n".join(f"- {each}" for each in openers)}


@pytest.mark.parametrize(
    ("num", "seed"), [pytest.param(10_000, None, marks=pytest.mark.slow), (200, None), (200, 7), (200, -1)]
)
def test_random_requests_are_exactly_the_documented_draws(tmp_path: Path, num: int, seed: int | None) -> None:
    recipe = write_recipe(tmp_path / "mine", BREAD_FILES)
    seeded = [] if seed is None else ["--seed", str(seed)]
    assert main(["plan", "--recipe", recipe, "--requests", "req.jsonl", "-n", str(num), *seeded]) == 0
    expected = []
    for index in range(num):
        scenario = draw_as_documented(index, seed)
        prompt = "Bread is baked.\nOn {topic}, by {persona}, {mood}:\n{openers}".format(**scenario)
        expected.append({"index": index, "scenario": scenario, "messages": [{"role": "user", "content": prompt}]})
    assert read_requests(tmp_path / "req.jsonl") == expected


def test_requests_are_the_messages_a_run_would_send(tmp_path: Path) -> None:
    assert main(["plan", "--requests", "req.jsonl", "-n", "30", "--seed", "5"]) == 0
    recipe = load_recipe("nanochat")
    scenarios = Scenarios(recipe.dimensions, sampling="balanced", seed=5)
    written = read_requests(tmp_path / "req.jsonl")
    assert [list(each) for each in written] == [["index", "scenario", "messages"]] * 30
    assert [each["index"] for each in written] == list(range(30))
    assert [each["scenario"] for each in written] == [scenarios.draw(index) for index in range(30)]
    assert [each["messages"] for each in written] == [
        build_messages(recipe, scenarios.draw(index)) for index in range(30)
    ]


def test_more_requests_begin_with_the_same_bytes(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path / "mine", BREAD_FILES)
    for num in ("20", "50"):
        assert main(["plan", "--recipe", recipe, "--requests", f"{num}.jsonl", "-n", num]) == 0
    few, many = (tmp_path / "20.jsonl").read_bytes(), (tmp_path / "50.jsonl").read_bytes()
    assert many.startswith(few)
    assert many.count(b"\n") == 50


def test_the_summary_follows_on_stdout_and_the_note_goes_to_stderr(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = small_recipe(tmp_path / "mine", knowledge="x")
    assert main(["plan", "--recipe", recipe, "--requests", "req.jsonl", "-n", "1200"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "1,200 requests written to req.jsonl\n"
    assert "coverage" in captured.out


@pytest.mark.parametrize("target", ["nowhere/req.jsonl", "."])
def test_requests_that_cannot_be_written_are_one_sentence(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--requests", target, "-n", "2"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"asyncgen: --requests: {target} cannot be written: ")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.journal", "recipe.toml"])
def test_requests_replace_nothing_but_requests(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_text("paid for")
    assert main(["plan", "--requests", name, "-n", "2"]) == 2
    assert "holds something else" in capsys.readouterr().err
    assert (tmp_path / name).read_text() == "paid for"


def test_requests_do_not_go_into_a_file_of_an_output_that_is_still_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "x.jsonl.journal").touch()
    for name in ("x.jsonl", "x.jsonl.rejects", "x.jsonl.lock"):
        (tmp_path / name).touch()
        assert main(["plan", "--requests", name, "-n", "2"]) == 2
        assert "holds something else" in capsys.readouterr().err
        assert (tmp_path / name).read_bytes() == b""
    assert main(["plan", "--requests", "new.jsonl", "-n", "2"]) == 0
    assert main(["plan", "--requests", "new.jsonl", "-n", "1"]) == 0
    assert len((tmp_path / "new.jsonl").read_text().splitlines()) == 1


def test_without_requests_nothing_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary(capsys, "-n", "3")
    assert list(tmp_path.iterdir()) == []


# ---- one request


def test_index_shows_one_request_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    system, bread = "Facts:\n[b]{knowledge}[/b]", "Bread is baked."
    recipe = small_recipe(tmp_path / "r", system=system, user="Now: {topic}", knowledge=bread, topics=["[i]rye"])
    assert main(["plan", "--recipe", recipe, "--index", "123456"]) == 0
    assert capsys.readouterr().out == (
        "--- scenario 123456\ntopic:\n  [i]rye\n\n--- system\nFacts:\n[b]Bread is baked.[/b]\n\n--- user\nNow: [i]rye\n"
    )


def test_index_shows_no_control_characters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = small_recipe(tmp_path / "r", system="\x1b[2J\r{knowledge}", user="{topic}\u202e", topics=["a\x9bb\tc"])
    assert main(["plan", "--recipe", recipe, "--index", "0"]) == 0
    shown = capsys.readouterr().out
    assert "?[2J" in shown
    assert "a?b\tc" in shown
    assert all(character.isprintable() or character in "\n\t" for character in shown)


def test_index_shows_the_line_that_requests_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--requests", "req.jsonl", "-n", "40", "--index", "39"]) == 0
    shown = capsys.readouterr().out
    messages = read_requests(tmp_path / "req.jsonl")[39]["messages"]
    assert isinstance(messages, list)
    assert shown.endswith("".join(f"\n--- {each['role']}\n{each['content']}\n" for each in messages))


# ---- coverage


def test_the_summary_tells_the_coverage_for_num(capsys: pytest.CaptureFixture[str]) -> None:
    words = summary(capsys, "-n", "120")
    assert "topic 58 58 2 to 3" in words
    assert "persona 12 12 10 " in words
    assert "first_message_examples, groups 8 8 45 " in words
    assert "persona x dynamic 120 " in words


def test_a_single_dimension_has_no_pairs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "share" not in summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "4")


# ---- prompt size


def recipe_with(system: str | None, user: str, values: Sequence[str]) -> Recipe:
    return Recipe(
        name="small",
        description="",
        source="small",
        sampling="balanced",
        knowledge="Bread.",
        system=system,
        user=user,
        request={"model": "some/model"},
        headers=(),
        dimensions=(Dimension("topic", (Group("", tuple(values)),)),),
        rules=Rules(),
    )


@each_row(
    ("system", "user", "values", "sizes", "cacheable"),
    [
        ("x" * 60, "y" * 20 + "{topic}", ["a" * 20, "b" * 20], (60, 40, 80), 0.8),
        ("x" * 50, "{topic}", ["a" * 10, "b" * 50], (50, 30, 50), 0.5),
        ("{topic}" + "x" * 80, "y", ["a", "b"], (81, 1, 0), 0),
        (None, "{knowledge}{topic}", ["aa", "bb"], (0, 8, 6), 0.75),
        (None, "é{topic}", ["a", "b"], (0, 3, 2), 2 / 3),
        (None, "{topic}", ["ab", "abcd"], (0, 3, 2), 0.5),
        (None, "{topic}", ["abcd", "ab"], (0, 3, 2), 0.5),
    ],
)
def test_what_requests_begin_with_alike_is_cacheable(
    system: str | None, user: str, values: list[str], sizes: tuple[int, int, int], cacheable: float
) -> None:
    recipe = recipe_with(system, user, values)
    size = PromptSample(Scenarios(recipe.dimensions, sampling="balanced", seed=None)).measure(recipe)
    assert (size.system, size.user, size.shared) == sizes
    assert size.cacheable == cacheable


def test_one_request_is_not_cacheable_to_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "1")
    assert "request 4,040 bytes, about 1,010 tokens" in words
    assert "cacheable 99.0 % at least: 4,000 bytes" in words


def test_the_built_in_prompt_is_cacheable_to_95_percent() -> None:
    recipe = load_recipe("nanochat")
    size = PromptSample(Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=None)).measure(recipe)
    assert size.cacheable >= 0.95


# ---- tokens, cost and time


@pytest.mark.usefixtures("openrouter")
def test_a_known_model_has_a_cost_with_and_without_a_warm_cache(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "2000")
    assert "about 2,020,000 tokens, of which 2,000,000 from a warm cache and 20,000 not" in words
    assert "about 1,800,000 tokens: 900 a conversation (assumed)" in words
    assert "about $5.51 with a warm cache, $6.41 without caching" in words
    assert "November 2026, openrouter.ai/google/gemini-3-flash-preview" in words


@pytest.mark.usefixtures("openrouter")
def test_an_unknown_model_has_no_price(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "2000", "--model", "some/model")
    assert "no price known for some/model" in words
    assert "$" not in words
    assert "about 2,020,000 tokens" in words


def test_a_price_is_not_carried_to_another_provider(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "--provider", "ollama")
    assert f"no price known for {FLASH} at ollama" in words


@pytest.mark.parametrize(("model", "is_priced"), [(FLASH, True), ("some/model", False)])
def test_offline_is_free_and_tells_what_a_key_would_cost_where_that_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, *, is_priced: bool
) -> None:
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r", model=model), "-n", "2000")
    assert "free: the offline engine answers" in words
    assert ("would be about $5.51 with a warm cache" in words) is is_priced


PASSAGES = f"""
name = "small"
knowledge = "facts.md"
request = {{model = {json.dumps(FLASH)}}}
prompt = {{user = "user.md"}}
[[dimension]]
name = "passage"
passages = 40
"""


@pytest.mark.parametrize(
    ("user", "saves"), [("{passage}", True), ("{knowledge} {passage}", False)], ids=["instead", "beside"]
)
def test_a_plan_tells_what_passages_save(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], user: str, *, saves: bool
) -> None:
    facts = "\n\n".join("word " * 39 + "end." for _ in range(100))
    recipe = write_recipe(tmp_path / "small", {"recipe.toml": PASSAGES, "facts.md": facts, "user.md": user})
    words = summary(capsys, "--recipe", recipe, "--provider", "openai", "--price-in", "10", "--price-out", "0")
    assert ("saves" in words) == saves
    if saves:  # 199 bytes of a passage, 20,098 of them all; priced at ten dollars a million tokens, cached or not
        assert "passages about 50 tokens a request instead of 5,024 of all the knowledge" in words
        assert "saves 4,974,000 tokens and about $49.74 with a warm cache, about $49.74 without" in words


def test_only_pairs_that_bindings_allow_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bound = """
name = "small"
knowledge = "facts.md"
language = ["de", "en"]
request = {model = "some/model"}
prompt = {user = "user.md"}
[[dimension]]
name = "opener"
values = [{value = "Moin", only_with = {language = "de"}}, {value = "hi", only_with = {language = "en"}}, "ok"]
"""
    files = {"recipe.toml": bound, "facts.md": "x", "user.md": "{knowledge} {language} {opener}"}
    assert "opener x language 4 4 100.0 %" in summary(capsys, "--recipe", write_recipe(tmp_path / "bound", files))


@pytest.mark.parametrize(
    ("num", "concurrency", "told"),
    [
        ("1", "64", "about 10s: one call, then up to 64 at a time"),
        ("3", "64", "about 20s: one"),
        ("1000", "256", "about 50s: one call"),
        ("7200", "10", "about 2h 00m"),
    ],
)
def test_time_follows_from_num_and_concurrency(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], num: str, concurrency: str, told: str
) -> None:
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", num, "-c", concurrency)
    assert told in words
    assert "10 s a call (assumed)" in words


@pytest.fixture
def few_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asyncgen.screen.preview.MOST_COUNTED", 1000)


@pytest.mark.usefixtures("few_counted")
@pytest.mark.parametrize(
    ("num", "concurrency", "told"),
    [
        ("1000", "256", None),
        ("1000000", "256", "machines one is enough: a cluster would save hours at most"),
        ("10m", "256", "machines one is enough: -c 2000 takes about 13h 53m where the endpoint serves that many"),
        ("100m", "256", "machines one process with -c 2000 takes about"),
        ("10m", "8000", None),
    ],
)
def test_a_cluster_is_advised_against_when_one_process_will_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], num: str, concurrency: str, told: str | None
) -> None:
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", num, "-c", concurrency)
    assert told in words if told else "machines" not in words
    assert (f", of its first {1000:,}" in words) == (num != "1000")


# ---- money


def priced(**pricing: str) -> Reply:
    return page({"data": [{"id": FLASH, "pricing": pricing}]})


def left(limit_remaining: object) -> Reply:
    return page({"data": {"label": f"{KEY[:12]}...{KEY[-3:]}", "limit_remaining": limit_remaining}})


TODAY = priced(prompt="0.000001", completion="0.000006", input_cache_read="0.0000001")  # twice the published one


def test_todays_price_stands_over_the_published_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], openrouter: FakeProvider, pages: dict[str, Reply]
) -> None:
    pages["/models"] = TODAY
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "2000")
    assert "about $11.02 with a warm cache, $12.82 without caching" in words
    assert "(a million tokens: $1.00 in, $0.10 cached, $6.00 out; today's price)" in words
    assert sorted(openrouter.asked) == ["/key", "/models"]


@pytest.mark.usefixtures("openrouter")
def test_a_price_given_by_flags_stands_over_all_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pages: dict[str, Reply]
) -> None:
    pages["/models"] = TODAY
    flags = ["--price-in", "0.50", "--price-out", "3", "--price-cached", "0.05"]
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "2000", *flags)
    assert "about $5.51 with a warm cache, $6.41 without caching" in words
    assert "--price-in, --price-out)" in words


@pytest.mark.parametrize("provider", ["ollama", "offline"])
def test_a_price_by_flags_is_one_for_any_provider(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], provider: str
) -> None:
    flags = ["--price-in", "0.50", "--price-out", "3", "--provider", provider]
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "2000", *flags)
    assert "cost about $6.41 with a warm cache, $6.41 without caching" in words


@pytest.mark.parametrize(
    ("limit_remaining", "told"),
    [
        (100, "key $100.00 left: enough"),
        (6, "key $6.00 left: enough with a warm cache, NOT ENOUGH without"),
        (2.755, "key $2.76 left: NOT ENOUGH: it pays for about 1,000 of 2,000 with a warm cache"),
        (0, "key $0.00 left: NOT ENOUGH: it pays for about 0 of 2,000"),
        (None, "key no limit of its own"),
    ],
)
@pytest.mark.usefixtures("openrouter")
def test_what_the_key_has_left_is_compared_with_the_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pages: dict[str, Reply], limit_remaining: object, told: str
) -> None:
    pages["/key"] = left(limit_remaining)
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "2000")
    assert told in words
    assert "marker" not in words
    assert KEY[:12] not in words


@pytest.mark.usefixtures("openrouter")
def test_without_a_price_the_key_still_tells_what_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pages: dict[str, Reply]
) -> None:
    pages["/key"] = left(7.5)
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "2000", "--model", "some/model")
    assert "key $7.50 left time" in words


@pytest.mark.parametrize("answer", [error(401), Reply(body=b"<html>"), Reply(abort=True), page([])], ids=str)
@pytest.mark.usefixtures("openrouter")
def test_a_provider_that_tells_nothing_stops_no_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pages: dict[str, Reply], answer: Reply
) -> None:
    pages.update({"/models": answer, "/key": answer})
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "2000")
    assert "about $5.51 with a warm cache" in words
    assert "key" not in words


def test_without_a_key_nobody_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], openrouter: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENROUTER_API_KEY")
    summary(capsys, "--recipe", small_recipe(tmp_path / "r"))
    assert openrouter.asked == []


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        ("6.41", "$6.41: enough"),
        ("6", "$6.00: enough with a warm"),
        ("0.551", "$0.5510: NOT ENOUGH: it pays for about 200 of"),
    ],
)
@pytest.mark.usefixtures("openrouter")
def test_a_budget_is_compared_with_the_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], budget: str, told: str
) -> None:
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "2000", "--budget", budget)
    assert f"budget {told}" in words


def write_journal(
    path: Path, model: str, calls: Sequence[Entry], tail: bytes = b"", provider: str = "openrouter"
) -> None:
    header = Header(
        version=1,
        asyncgen="1.0",
        started="2026-01-01T00:00:00Z",
        num=10,
        provider=provider,
        base_url="https://openrouter.ai/api/v1",
        recipe="small",
        dimensions=(),
        sampling="balanced/1",
        seed=None,
        request={"model": model},
        line_format="arrays of messages",
        digests={},
    )
    path.parent.mkdir()
    path.write_bytes(b"".join(encode_entry(entry) for entry in (header, *calls)) + tail)


DIGEST = "00" * 16
CALLS: list[Entry] = [
    Kept(digest=DIGEST),
    Done(index=0, digest=DIGEST, completion_tokens=1000, cost=Decimal(1)),
    Unused(index=1, reason="not-json", completion_tokens=600),
    Done(index=1, digest=DIGEST, completion_tokens=1400),
]


@pytest.mark.usefixtures("openrouter")
def test_output_tokens_are_learned_from_the_journal_of_the_default_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_journal(tmp_path / "data" / "small.jsonl.journal", FLASH, CALLS, tail=b'{"type":"done"')
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "10")
    assert "about 15,000 tokens: 1,500 a conversation (the average of 2 made before, in small.jsonl.journal)" in words


@pytest.mark.usefixtures("openrouter")
@pytest.mark.parametrize(
    ("model", "calls", "tail"),
    [
        ("another/model", CALLS, b""),
        (FLASH, [], b""),
        (FLASH, [Done(index=0, digest=DIGEST)], b""),
        (FLASH, CALLS, b'damage\n{"type":"mark","output":0,"journal":OFFSET,"rejects":0}\n'),
    ],
    ids=["another model", "nothing made", "no usage", "damaged"],
)
def test_output_tokens_are_assumed_when_the_journal_cannot_tell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], model: str, calls: list[Entry], tail: bytes
) -> None:
    journal = tmp_path / "data" / "small.jsonl.journal"
    write_journal(journal, model, calls)
    offset = journal.stat().st_size + len(b"damage\n")
    with journal.open("ab") as file:
        file.write(tail.replace(b"OFFSET", b"%d" % offset))
    assert "900 a conversation (assumed)" in summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "10")


@pytest.mark.parametrize("flags", [[], ["--price-in", "1", "--price-out", "1"]])
def test_the_length_of_quotations_tells_nothing_of_a_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str]
) -> None:
    write_journal(tmp_path / "data" / "small.offline.jsonl.journal", FLASH, CALLS, provider="offline")
    words = summary(capsys, "--recipe", small_recipe(tmp_path / "r"), "-n", "10", *flags)
    assert "900 a conversation (assumed)" in words


# ---- the summary as a whole


def test_the_summary_names_recipe_sampling_seed_num_provider_and_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], openrouter: FakeProvider
) -> None:
    recipe = write_recipe(tmp_path / "mine", BREAD_FILES)
    words = summary(capsys, "--recipe", recipe, "--seed", "7", "-n", "1234")
    for told in (
        "recipe bread (",
        "sampling random/1",
        "seed 7",
        "num 1,234",
        f"provider openrouter ({openrouter.base_url})",
        "model some/model",
        "system none",
    ):
        assert told in words


def test_without_a_seed_the_summary_says_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert "seed none" in summary(capsys, "-n", "1")


@pytest.mark.parametrize("num", ["1", "10000"])
def test_the_summary_fits_80_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str], num: str) -> None:
    recipe = small_recipe(tmp_path / ("long" * 30), model="vendor/" + "name" * 40)
    assert main(["plan", "--recipe", recipe, "-n", num]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.mark.usefixtures("openrouter")
def test_names_move_no_cursor_and_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = small_recipe(tmp_path / "\x1b[31m[red]", model="\x1b[2J[b]m[/b][/]:smile:")
    assert main(["plan", "--recipe", recipe, "-n", "1"]) == 0
    shown = capsys.readouterr().out
    assert "?[2J[b]m[/b][/]:smile:" in shown
    assert all(character.isprintable() or character == "\n" for character in shown)
