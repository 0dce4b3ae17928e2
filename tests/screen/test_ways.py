"""The table of a plan: live, at tier flex, in batches, with and without the cache, by the prices that are listed."""

import re
from decimal import Decimal
from pathlib import Path

import pytest
from fake_provider import FakeProvider, Reply, page

from asyncgen.command.main import main
from asyncgen.money.price import Price
from asyncgen.money.ways import Offer, Tokens, find_best

FLASH = "google/gemini-3-flash-preview"
ENDPOINTS = f"/models/{FLASH}/endpoints"
LIVE = {"prompt": "0.0000005", "completion": "0.000003", "input_cache_read": "0.00000005"}
HALF = {"prompt": "0.00000025", "completion": "0.0000015"}
LIVE_CACHE, HALF_CACHE = {"input_cache_read": "0.00000005"}, {"input_cache_read": "0.000000025"}


# A beginning of 7,983 tokens that all requests share, 105 more of each, and a reply of 900 (assumed).
RECIPE = f"""
name = "large"
knowledge = "facts.md"
request = {{model = "{FLASH}"}}
prompt = {{system = "system.md", user = "user.md"}}
[[dimension]]
name = "topic"
values = ["{"a" * 420}", "{"b" * 420}"]
"""
FILES = {
    "recipe.toml": RECIPE,
    "facts.md": f"{'word ' * 6386}.",
    "system.md": "{knowledge}.",
    "user.md": "{topic}",
}


def listed(**pricing: dict[str, str]) -> dict[str, Reply]:
    """`batch` and `flex`: what these cost; what is not named is not listed."""
    models = [{"id": FLASH, "canonical_slug": f"{FLASH}-20251217", "pricing": pricing.get("live", LIVE)}]
    if "batch" in pricing:
        batch = {"id": f"{FLASH}:batch", "canonical_slug": f"{FLASH}-20251217", "pricing": pricing["batch"]}
        models.insert(0, batch)
    endpoints: list[object] = [{"tag": "google-vertex/global", "pricing": LIVE}]
    if "flex" in pricing:
        endpoints.append({"tag": "google-vertex/global/flex", "pricing": pricing["flex"]})
    return {"/models": page({"data": models}), ENDPOINTS: page({"data": {"endpoints": endpoints}})}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Shown":
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-none")
    monkeypatch.setenv("COLUMNS", "250")
    for name, text in FILES.items():
        Path(name).write_text(text)
    return Shown(capsys)


class Shown:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def plan(self, pages: dict[str, Reply], *argv: str, num: str = "200") -> str:
        with FakeProvider(pages=pages) as provider:
            address = ["--provider", "openrouter", "--base-url", provider.base_url]
            return self.of("-n", num, *address, *argv).replace(provider.base_url, "URL")

    def of(self, *argv: str) -> str:
        self._capsys.readouterr()
        assert main(["plan", "--recipe", ".", *argv]) == 0
        return self._capsys.readouterr().out


def row(text: str, way: str) -> list[str]:
    """The costs of a row, the warm one first."""
    line = next(line for line in text.partition("ways to ask")[2].splitlines() if re.match(rf"│ {way} ", line))
    return re.findall(r"not listed|\$[0-9.,]+\*?", line)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("batch", "costs"),
    [
        (HALF, ["not listed", "$67.44*"]),
        ({**HALF, **LIVE_CACHE}, ["$35.51*", "$67.44*"]),
        ({**HALF, **HALF_CACHE}, ["$31.52*", "$67.44*"]),
    ],
    ids=["no cache price", "the live cache price", "half of it"],
)
def test_twenty_thousand_calls_of_eight_thousand_tokens(shown: Shown, batch: dict[str, str], costs: list[str]) -> None:
    text = shown.plan(listed(batch=batch), num="20000")
    assert row(text, "live") == ["$63.03*" if costs[0] == "not listed" else "$63.03", "$134.88"]
    assert row(text, "batch") == costs
    assert row(text, "flex") == ["not listed", "not listed"]
    assert "4 batches: 90 % take up to 1 h, 24 h at most" in text


def test_flex_has_the_price_of_its_endpoints(shown: Shown) -> None:
    text = shown.plan(listed(flex={**HALF, **HALF_CACHE}, batch=HALF), num="20000")
    assert row(text, "flex") == ["$31.52*", "$67.44*"]
    assert "the cheapest where the cache is met: flex, $31.52" in text
    assert "asyncgen generate --recipe . -n 20000 --provider openrouter --base-url URL --tier flex" in text
    assert "1h 19m to 19h 46m at 1 to 15 min a call" in text


def test_a_tier_without_a_price_costs_nobody_knows_how_much(shown: Shown) -> None:
    text = shown.plan(listed(), "--tier", "flex")
    assert f"no price known for {FLASH} at openrouter, tier flex" in text
    assert row(text, "live") == ["$0.6303*", "$1.35*"]


def test_a_batch_that_misses_the_cache_may_be_dearer_than_live_calls(shown: Shown) -> None:
    warning = "a batch that misses the cache is dearer than live calls that meet it"
    assert warning in shown.plan(listed(batch=HALF))
    cheap = {"prompt": "0.0000001", "completion": "0.0000015"}
    assert warning not in shown.plan(listed(batch=cheap))
    assert warning not in shown.plan(listed())


def test_a_batch_may_be_dearer_by_its_card_and_is_never_taken_for_half(shown: Shown) -> None:
    text = shown.plan(listed(batch={"prompt": "0.00000225", "completion": "0.000003"}))
    assert row(text, "batch")[1] == "$4.18"
    assert "the cheapest where it is not: live, $1.35" in text


def test_several_models_are_summed_by_their_shares(shown: Shown, tmp_path: Path) -> None:
    recipe = """
name = "two"
knowledge = "facts.md"
prompt = {user = "user.md"}
[[models]]
model = "a/one"
weight = 3
[[models]]
model = "b/two"
[[dimension]]
name = "topic"
values = ["bread", "salt"]
"""
    for name, text in {"recipe.toml": recipe, "facts.md": "Bread.", "user.md": "{knowledge} {topic}"}.items():
        (tmp_path / name).write_text(text)
    names = {"a/one": "0.000001", "b/two": "0.000005", "a/one:batch": "0.0000005", "b/two:batch": "0.000001"}
    models = [{"id": name, "pricing": {"prompt": "0", "completion": price}} for name, price in names.items()]
    text = shown.plan({"/models": page({"data": models})}, "--recipe", str(tmp_path))
    assert row(text, "live")[-1] == "$0.3600"  # 180,000 tokens out at a mean of two dollars a million
    assert row(text, "batch")[-1] == "$0.1125*"
    text = shown.plan({"/models": page({"data": models[:3]})}, "--recipe", str(tmp_path))
    assert row(text, "batch") == ["not listed", "not listed"]
    assert "(not listed for a/one and b/two)" in text


def test_models_at_tiers_of_their_own_are_priced_each_at_its_own(shown: Shown, tmp_path: Path) -> None:
    recipe = """
name = "two"
knowledge = "facts.md"
prompt = {user = "user.md"}
[[models]]
model = "a/one"
request = {service_tier = "flex"}
[[models]]
model = "b/two"
[[dimension]]
name = "topic"
values = ["bread", "salt"]
"""
    for name, text in {"recipe.toml": recipe, "facts.md": "Bread.", "user.md": "{knowledge} {topic}"}.items():
        (tmp_path / name).write_text(text)
    usual, flex = {"prompt": "0", "completion": "0.000004"}, {"prompt": "0", "completion": "0.000002"}
    pages = {
        "/models": page({"data": [{"id": name, "pricing": usual} for name in ("a/one", "b/two")]}),
        "/models/a/one/endpoints": page({"data": {"endpoints": [{"tag": "x/flex", "pricing": flex}]}}),
    }
    text = shown.plan(pages, "--recipe", str(tmp_path))
    assert row(text, "live")[-1] == "$0.7200"
    assert row(text, "mixed")[-1] == "$0.5400*"
    assert row(text, "flex") == ["not listed", "not listed"], "b/two has none"


def test_a_price_by_flags_is_that_of_the_way_asked_for_and_of_no_other(shown: Shown) -> None:
    flags = ["--provider", "openai", "-n", "200", "--price-in", "0.25", "--price-out", "1.5"]
    text = shown.of(*flags, "--tier", "flex")
    assert (row(text, "live"), row(text, "flex")) == (["not listed"] * 2, ["not listed", "$0.6744*"])
    text = shown.of(*flags, "--price-cached", "0.025")
    assert (row(text, "live"), row(text, "flex")) == (["$0.3152*", "$0.6744*"], ["not listed"] * 2)


def test_the_lines_to_type_are_those_of_a_run(shown: Shown) -> None:
    flags = ["-n", "200", "--provider", "openai", "--price-in", "1", "--price-out", "2"]
    text = shown.of(*flags, "--tier", "flex", "--requests", "requests.jsonl", "--seed", "7")
    typed = r"generate --recipe \. -n 200 --provider openai --price-in 1 --price-out 2 --seed 7"
    for way in ("", " --tier flex", " --batch"):
        assert re.search(rf"asyncgen {typed}{way} +│", text)
    assert "--requests" not in text.partition("ways to ask")[2]


def test_a_recipe_that_asks_for_a_tier_is_asked_for_none_by_a_flag(shown: Shown, tmp_path: Path) -> None:
    recipe = f"""
name = "cheap"
knowledge = "facts.md"
request = {{model = "{FLASH}", service_tier = "flex"}}
prompt = {{user = "user.md"}}
[[dimension]]
name = "topic"
values = ["bread", "salt"]
"""
    for name, text in {"recipe.toml": recipe, "facts.md": "Bread.", "user.md": "{knowledge} {topic}"}.items():
        (tmp_path / name).write_text(text)
    text = shown.plan(listed(flex=HALF), "--recipe", str(tmp_path))
    assert "--param service_tier=null" in text
    assert "cost    about $0.27" in text, "what the recipe asks for"


def test_without_a_key_the_published_prices_stand(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENROUTER_API_KEY")
    text = shown.of("-n", "200")
    assert (row(text, "live"), row(text, "batch")) == (["$0.6303*", "$1.35"], ["not listed", "$0.6744*"])


@pytest.mark.parametrize("argv", [["--provider", "ollama"], ["--provider", "openai"], ["--model", "no/price"]])
def test_there_is_no_table_where_there_is_nothing_to_compare(shown: Shown, argv: list[str]) -> None:
    assert "ways to ask" not in shown.of("-n", "200", *argv)


def test_a_floor_is_explained(shown: Shown) -> None:
    text = shown.plan(listed(flex=HALF), "--model", f"{FLASH}:floor")
    assert row(text, "live") == ["$0.6303*", "$1.35"]
    assert "lets flex endpoints compete on price with the usual ones" in text


def test_the_lever_of_passages_is_reckoned_for_a_recipe_that_sends_all_its_knowledge(shown: Shown) -> None:
    text = shown.plan(listed(batch=HALF))
    lever = "passages of 400 words instead of all the knowledge (asyncgen help recipes)"
    assert f"{lever}: the cheapest, cache or not: batch, $0.30" in text


def test_calls_of_a_talk_wait_for_one_another_and_only_answers_are_told_what_there_is_to_know(shown: Shown) -> None:
    together = shown.plan(listed(flex=HALF, batch=HALF))
    with Path("recipe.toml").open("a") as file:
        file.write('[talk]\nusers = "apart"\n')
    apart = shown.plan(listed(flex=HALF, batch=HALF))
    live = re.search(r"time +about (.*?):", apart)
    assert live is not None
    assert f"about {live[1]} at 10 s a call" in apart
    assert f"about {live[1]} at 10 s a call" not in together
    assert "1 batch: 90 % take up to 1 h, 24 h at most " in together
    assert "2 batches, 2 in turn: 90 % take up to 1 h, 24 h at most each" in apart
    cheapest = [float(amount) for text in (together, apart) for amount in re.findall(r"lever.*?\$([\d.]+)", text)]
    assert cheapest[0] < cheapest[1] < 1.5 * cheapest[0], "a short call more, and no passage more"


def test_the_table_fits_80_columns(shown: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = shown.plan(listed(batch=HALF, flex=HALF))
    assert max(map(len, text.splitlines())) <= 80


def test_the_best_is_among_those_that_are_known() -> None:
    tokens = Tokens(fresh=100, cached=900, output=100, calls=1)
    price = Price(Decimal(2), Decimal(3))
    live, unknown = Offer.of("live", price, tokens), Offer.of("flex", None, tokens)
    assert (live.warm, live.cold) == (None, Decimal(2300))
    assert find_best([unknown, live]) == (live, live), "at most what it costs without the cache"
    dear = Offer("batch", cold=Decimal(2000))
    assert find_best([Offer("live", warm=Decimal(1900), cold=Decimal(2300)), dear])[1] == dear
    assert find_best([Offer("live", warm=Decimal(2100), cold=Decimal(2300)), dear]) == (dear, dear)
    assert find_best([unknown]) == (None, None)
    uncached = Offer.of("live", price, tokens._replace(cached=0))
    assert uncached.warm == uncached.cold == Decimal(500), "where nothing is cached, no price of it is missed"
