"""A plan's table of the ways to have its calls made: what each costs, how long it takes, what to type for it.

Today's prices are asked of a provider that lists them; else there are those that were published, and what flags give.
"""

import asyncio
import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rich.console import Group
from rich.table import Table
from rich.text import Text

from asyncgen.endpoint.batches.rules import OPENROUTER, rules_of
from asyncgen.endpoint.client import Client
from asyncgen.endpoint.tiers import BATCH, FLEX, SERVICE_TIER, asked_tier, sells
from asyncgen.errors import ConfigError
from asyncgen.money.price import Price, format_cost, mean_price
from asyncgen.money.price_list import (
    KEY,
    MODELS,
    Allowance,
    endpoints_path,
    read_allowance,
    read_price,
    read_tier_price,
)
from asyncgen.money.ways import LIVE, Offer, Tokens, find_best
from asyncgen.recipe.passages import count_words
from asyncgen.recipe.recipe import KNOWLEDGE, MODEL, PLACEHOLDER
from asyncgen.runs.config import RunPlan
from asyncgen.runs.event_loop import in_event_loop
from asyncgen.runs.forecast import seconds_in_all
from asyncgen.screen.figures import format_duration
from asyncgen.screen.rows import labelled_grid
from asyncgen.text import estimate_tokens, printable, quantity
from asyncgen.timings import USUAL

SECONDS_PER_CALL = 10.0
FLEX_SECONDS = (60.0, 900.0)  # of a call, from and to, where capacity is short
DEFAULT_PROVIDER = "openrouter"
MIXED = "mixed"  # the models of a recipe, each at its own tier
UNKNOWN = "not listed"
MISSES = "a batch that misses the cache is dearer than live calls that meet it, and nobody promises hits in a batch"
FLOOR = (
    "lets flex endpoints compete on price with the usual ones, which stay to fall back on: what it costs is between "
    "live and flex, each call at the tier that has served it"
)
TIMES = (
    "(times are assumed; at flex, answers take 1 to 15 minutes where capacity is short, by what Google aims at, and "
    "seconds where it is not; OpenRouter tells of its batches that half of them are done in 7 minutes)"
)
PASSAGE_WORDS = 400
WITH_PASSAGES = f"passages of {PASSAGE_WORDS} words instead of all the knowledge (asyncgen help recipes)"
FEWEST_CACHED = 1024  # tokens of a beginning that any provider caches
FILLED = 0.9  # of what a batch may hold in bytes
TODAY, BY_FLAGS = "today's price", "--price-in, --price-out"
# Flags of `plan` that a run has not, and the one that chooses a way; all have a value.
_OWN_FLAGS = frozenset({"--requests", "--index", "--tier"})


@dataclass(frozen=True, slots=True)
class Quote:
    """A price, and where it is from."""

    price: Price
    source: str


_FLASH = "google/gemini-3-flash-preview"
_FLASH_PAGE = "November 2026, openrouter.ai/google/gemini-3-flash-preview"
# By provider, model and way: another provider asks another price for the same model.
PRICES: Mapping[tuple[str, str, str], Quote] = {
    ("openrouter", _FLASH, LIVE): Quote(
        Price.per_million(input=Decimal("0.50"), cached=Decimal("0.05"), output=Decimal("3.00")), _FLASH_PAGE
    ),
    ("openrouter", _FLASH, BATCH): Quote(
        Price.per_million(input=Decimal("0.25"), cached=None, output=Decimal("1.50")), f"{_FLASH_PAGE}:batch"
    ),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a provider tells: prices by model and way, and what the key has left."""

    prices: Mapping[tuple[str, str], Price]
    allowance: Allowance | None = None


def ask_provider(plan: RunPlan) -> Told:
    """Nothing of what it does not answer in time."""
    if not plan.endpoint.provider.lists_prices:
        return Told({})
    models = list(plan.models or [plan.model])
    models += [str(each[MODEL]) for each in plan.seats.values() if each[MODEL] not in models]
    tiers = sorted({*list_ways(plan), *plan.tiers} - {LIVE, MIXED, BATCH})
    paths = [MODELS, *([] if plan.endpoint.key is None else [KEY])]
    paths += dict.fromkeys(map(endpoints_path, models)) if tiers else []

    async def ask() -> list[bytes | None]:
        async with Client(plan.endpoint, connections=len(paths), timeout=USUAL.page) as client:
            return await asyncio.gather(*[client.get(path) for path in paths])

    pages = {path: page or b"" for path, page in zip(paths, in_event_loop(ask()), strict=True)}
    prices = {
        **{(model, LIVE): read_price(pages[MODELS], model) for model in models},
        **{(model, BATCH): read_price(pages[MODELS], model, BATCH) for model in models},
        **{(model, tier): read_tier_price(pages[endpoints_path(model)], tier) for model in models for tier in tiers},
    }
    known = {key: price for key, price in prices.items() if price is not None}
    return Told(known, read_allowance(pages[KEY]) if KEY in pages else None)


def chosen_way(plan: RunPlan) -> str:
    """The way that the plan itself asks for."""
    ways = set(_ways_by_model(plan).values())
    return ways.pop() if len(ways) == 1 else MIXED


def _ways_by_model(plan: RunPlan) -> Mapping[str, str]:
    return {
        name: asked_tier(settings) or LIVE for name, settings in (plan.models or {plan.model: plan.settings}).items()
    }


def list_ways(plan: RunPlan) -> list[str]:
    """In which its calls can be had there; who has no key yet plans for what there would be with one."""
    endpoint = plan.endpoint
    ways = [LIVE]
    if endpoint.is_offline or sells(endpoint, FLEX):
        ways.append(FLEX)
    ways += [] if chosen_way(plan) in ways else [chosen_way(plan)]
    try:
        rules_of(endpoint)
    except ConfigError:
        return ways
    return [*ways, BATCH]


def find_quote(plan: RunPlan, way: str, told: Told) -> Quote | None:
    """What a token costs; with several models on average, where all their prices are known."""
    is_chosen = way == chosen_way(plan)
    if plan.price is not None and is_chosen:
        return Quote(plan.price, BY_FLAGS)
    provider = DEFAULT_PROVIDER if plan.endpoint.is_offline else plan.endpoint.provider.name
    today = {key: Quote(price, TODAY) for key, price in told.prices.items()}
    published = {} if today else {(model, way): quote for (at, model, way), quote in PRICES.items() if at == provider}
    ways = _ways_by_model(plan)
    quotes = [(today or published).get((model, own if is_chosen else way)) for model, own in ways.items()]
    known = [each for each in quotes if each is not None]
    if len(known) < len(quotes):
        return None
    if len(known) == 1:
        return known[0]
    weights = [each.weight for each in plan.recipe.models]
    return Quote(mean_price([each.price for each in known], weights), f"mean of {len(known)} models, by weight")


# ---- what is printed


def compare_ways(plan: RunPlan, tokens: Tokens, told: Told, *, request_bytes: int, command: str) -> Group | None:
    """A table, which way is the cheapest, and what to type for each; None where only one way is known, or no price."""
    quotes = {way: find_quote(plan, way, told) for way in list_ways(plan)}
    if len(quotes) == 1 or not any(quotes.values()):
        return None
    offers = [Offer.of(way, None if quote is None else quote.price, tokens) for way, quote in quotes.items()]
    best = find_best(offers)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("way", "warm cache", "no cache", "time"):
        table.add_column(heading, justify="right" if heading.endswith("cache") else "left", overflow="fold")
    for offer in offers:
        cells = (_cell(offer.warm, is_best=offer is best.warm), _cell(offer.cold, is_best=offer is best.cold))
        table.add_row(Text(offer.way), *cells, Text(_describe_time(plan, offer.way, request_bytes)))
    rows = [("*", "\n".join(_describe_best(offers))), *_describe_ways(plan, quotes, command)]
    if instead := tokens_with_passages(plan, tokens):
        offers = [Offer.of(way, None if quote is None else quote.price, instead) for way, quote in quotes.items()]
        rows.append(("lever", f"{WITH_PASSAGES}: {'; '.join(_describe_best(offers))}"))
    return Group(table, Text(), labelled_grid([*rows, ("", TIMES)]))


def _describe_ways(plan: RunPlan, quotes: Mapping[str, Quote | None], command: str) -> Iterator[tuple[str, str]]:
    """What to type for each, and its price unless it has been told as what the plan costs."""
    models = list(plan.models or [plan.model])
    for way, quote in quotes.items():
        line = printable(command_for(way, command, plan))
        if quote is None:
            line += f"\n(not listed for {' and '.join(models)})"
        elif way != chosen_way(plan):
            line += f"\n({quote.price.describe()}; {quote.source})"
        yield way, line
    if any(model.endswith(":floor") for model in models):
        yield ":floor", FLOOR


def tokens_with_passages(plan: RunPlan, tokens: Tokens) -> Tokens | None:
    """What calls would take with a passage each instead of the whole knowledge base; None where that is no lever."""
    recipe = plan.recipe
    is_sent_whole = KNOWLEDGE in PLACEHOLDER.findall(f"{recipe.system}\n{recipe.user}")
    words = count_words(recipe.knowledge) if is_sent_whole else 0
    if words < 2 * PASSAGE_WORDS:
        return None
    whole = estimate_tokens(len(recipe.knowledge.encode()))
    passage = round(whole * PASSAGE_WORDS / words)
    cached = tokens.cached // tokens.calls - whole
    fresh = tokens.fresh // tokens.calls + passage
    if cached < FEWEST_CACHED:
        cached, fresh = 0, fresh + max(0, cached)
    return tokens._replace(fresh=fresh * tokens.calls, cached=cached * tokens.calls)


def _cell(cost: Decimal | None, *, is_best: bool) -> Text:
    if cost is None:
        return Text(f"{UNKNOWN} ", style="dim")
    return Text(f"{format_cost(cost)}{'*' if is_best else ' '}", style="bold" if is_best else "")


def _describe_best(offers: Sequence[Offer]) -> Iterator[str]:
    warm, cold = find_best(offers)
    if warm is None or cold is None or warm.most is None or cold.cold is None:
        return
    if warm.most == cold.cold:
        yield f"the cheapest, cache or not: {cold.way}, {format_cost(cold.cold)}"
    else:
        yield f"the cheapest where the cache is met: {warm.way}, {format_cost(warm.most)}"
        yield f"the cheapest where it is not: {cold.way}, {format_cost(cold.cold)}"
    live, batch = offers[0], offers[-1]
    if batch.way == BATCH and batch.cold is not None and live.warm is not None and batch.cold > live.warm:
        yield MISSES


def _describe_time(plan: RunPlan, way: str, request_bytes: int) -> str:
    if way == FLEX:
        least, most = (seconds_in_all(plan.num, ceiling=plan.concurrency, latency=each) for each in FLEX_SECONDS)
        return f"{format_duration(least)} to {format_duration(most)} at 1 to 15 min a call"
    if way != BATCH:
        seconds = seconds_in_all(plan.num, ceiling=plan.concurrency, latency=SECONDS_PER_CALL)
        return f"about {format_duration(seconds)} at {SECONDS_PER_CALL:g} s a call"
    rules = OPENROUTER if plan.endpoint.is_offline else rules_of(plan.endpoint)
    fitting = max(1, min(rules.max_requests, int(FILLED * rules.max_bytes / max(1, request_bytes))))
    number = math.ceil(plan.num / fitting)
    batches = quantity(number, "batch", "batches")
    usual = "90 % take up to 1 h, " if rules is OPENROUTER else ""
    return f"{batches}: {usual}24 h at most"


def command_for(way: str, command: str, plan: RunPlan) -> str:
    """The line of `plan` as one of `generate`, in that way."""
    words = shlex.split(command)
    place = words.index("plan") if "plan" in words else 0
    kept: list[str] = []
    rest = iter(words[place + 1 :])
    for word in rest:
        if word in _OWN_FLAGS:
            next(rest, None)
        elif word.partition("=")[0] not in _OWN_FLAGS:
            kept.append(word)
    if way == BATCH:
        kept.append("--batch")
    elif way not in (LIVE, MIXED):
        kept += ["--tier", way]
    elif way == LIVE and any(map(asked_tier, [plan.recipe.request, *(each.request for each in plan.recipe.models)])):
        kept += ["--param", f"{SERVICE_TIER}=null"]
    return shlex.join([*words[:place], "generate", *kept])
