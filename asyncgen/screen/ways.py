"""A plan's table of the ways to have its calls made: what each costs, how long it takes, what to type for it."""

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from rich.console import Group
from rich.text import Text

from asyncgen.endpoint.batches.rules import OPENROUTER, rules_of
from asyncgen.endpoint.tiers import BATCH, FLEX, SERVICE_TIER, asked_tier
from asyncgen.money.price import format_cost
from asyncgen.money.ways import LIVE, Offer, Tokens, find_best
from asyncgen.recipe.passages import count_words
from asyncgen.runs.config import RunPlan
from asyncgen.runs.forecast import seconds_in_all
from asyncgen.runs.quotes import MIXED, PriceList, Quote, chosen_way, find_quote, list_ways
from asyncgen.screen.figure_table import FigureTable
from asyncgen.screen.figures import format_duration
from asyncgen.screen.rows import labelled_grid
from asyncgen.text import estimate_tokens, printable, quantity

SECONDS_PER_CALL = 10.0
FLEX_SECONDS = (60.0, 900.0)  # of a call, from and to, where capacity is short
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
# Flags of `plan` that a run has not, and the one that chooses a way; all have a value.
_OWN_FLAGS = frozenset({"--requests", "--index", "--tier"})


def compare_ways(plan: RunPlan, tokens: Tokens, told: PriceList, *, request_bytes: int, command: str) -> Group | None:
    """A table, which way is the cheapest, and what to type for each; None where only one way is known, or no price."""
    quotes = {way: find_quote(plan, way, told) for way in list_ways(plan)}
    if len(quotes) == 1 or not any(quotes.values()):
        return None
    offers = [Offer.of(way, None if quote is None else quote.price, tokens) for way, quote in quotes.items()]
    best = find_best(offers)
    table = FigureTable("way", "warm cache", "no cache", "time", texts={"way", "time"})
    for offer in offers:
        cells = (_cell(offer.warm, is_best=offer is best.warm), _cell(offer.cold, is_best=offer is best.cold))
        time = _describe_time(plan, offer.way, request_bytes, calls_in_turn(plan, tokens))
        table.add_row(offer.way, *cells, time)
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
    words = count_words(recipe.knowledge) if recipe.sends_knowledge else 0
    if words < 2 * PASSAGE_WORDS:
        return None
    whole = estimate_tokens(len(recipe.knowledge.encode()))
    passage = round(whole * PASSAGE_WORDS / words)
    answers = calls_with_knowledge(plan, tokens)
    cached = tokens.cached - whole * answers
    fresh = tokens.fresh + passage * answers
    if cached < FEWEST_CACHED * answers:
        cached, fresh = 0, fresh + max(0, cached)
    return tokens._replace(fresh=fresh, cached=cached)


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


def calls_in_turn(plan: RunPlan, tokens: Tokens) -> int:
    """Of a conversation, each of which waits for the answer to the one before."""
    return max(1, round(tokens.calls / plan.num)) + plan.recipe.is_judged


def calls_with_knowledge(plan: RunPlan, tokens: Tokens) -> int:
    """Who plays a user is not told what there is to know."""
    talk = plan.recipe.talk
    if talk is None:
        return tokens.calls
    return plan.num if talk.users == "apart" else tokens.calls // 2


def _describe_time(plan: RunPlan, way: str, request_bytes: int, in_turn: int) -> str:
    if way == FLEX:
        least, most = (
            seconds_in_all(plan.num, ceiling=plan.concurrency, latency=each * in_turn) for each in FLEX_SECONDS
        )
        return f"{format_duration(least)} to {format_duration(most)} at 1 to 15 min a call"
    if way != BATCH:
        seconds = seconds_in_all(plan.num, ceiling=plan.concurrency, latency=SECONDS_PER_CALL * in_turn)
        return f"about {format_duration(seconds)} at {SECONDS_PER_CALL:g} s a call"
    rules = OPENROUTER if plan.endpoint.is_offline else rules_of(plan.endpoint)
    fitting = max(1, min(rules.max_requests, int(FILLED * rules.max_bytes / max(1, request_bytes))))
    number = math.ceil(plan.num / fitting)
    batches = quantity(number * in_turn, "batch", "batches") + (f", {in_turn} in turn" if in_turn > 1 else "")
    usual = "90 % take up to 1 h, " if rules is OPENROUTER else ""
    return f"{batches}: {usual}24 h at most{' each' if in_turn > 1 else ''}"


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
