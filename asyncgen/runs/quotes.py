"""What a token costs where a plan has its calls made: by flags, by what the provider lists, or by what was published.

A provider that lists its prices is asked for them, before a run and as it begins, and for what the key has left.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from asyncgen.endpoint.batches.rules import rules_of
from asyncgen.endpoint.client import Client
from asyncgen.endpoint.tiers import BATCH, FLEX, asked_tier, sells
from asyncgen.errors import ConfigError
from asyncgen.money.price import Price, mean_price
from asyncgen.money.price_list import (
    KEY,
    MODELS,
    Allowance,
    endpoints_path,
    read_allowance,
    read_price,
    read_tier_price,
)
from asyncgen.money.ways import LIVE
from asyncgen.recipe.recipe import MODEL
from asyncgen.runs.config import RunPlan
from asyncgen.runs.event_loop import in_event_loop
from asyncgen.timings import USUAL

DEFAULT_PROVIDER = "openrouter"  # whose prices are told beside the offline engine
MIXED = "mixed"  # the models of a recipe, each at its own tier
TODAY, BY_FLAGS = "today's price", "--price-in, --price-out"


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
class PriceList:
    """What a provider tells: prices by model and way, and what the key has left.

    `unlisted`: models in a way that is not among those it lists.
    """

    prices: Mapping[tuple[str, str], Price]
    unlisted: frozenset[tuple[str, str]] = frozenset()
    allowance: Allowance | None = None


def ask_provider(plan: RunPlan) -> PriceList:
    """In all ways that a plan may choose; nothing of what it does not answer in time."""
    if not plan.endpoint.provider.lists_prices:
        return PriceList({})
    models = [*(plan.models or [plan.model]), *(str(each[MODEL]) for each in plan.seats.values())]
    ways = {LIVE, BATCH, *list_ways(plan), *plan.tiers} - {MIXED}

    async def ask() -> PriceList:
        async with Client(plan.endpoint, connections=len(models) + 2, timeout=USUAL.page) as client:
            return await ask_prices(client, product(models, ways), with_allowance=plan.endpoint.key is not None)

    return in_event_loop(ask())


async def ask_prices(client: Client, wanted: Iterable[tuple[str, str]], *, with_allowance: bool = False) -> PriceList:
    """Of models, each in a way: those of service tiers are on a page of the model, all others on one page."""
    listed_at = {(model, way): MODELS if way in {LIVE, BATCH} else endpoints_path(model) for model, way in wanted}
    paths = list(dict.fromkeys([*listed_at.values(), *([KEY] if with_allowance else [])]))
    answers = await asyncio.gather(*map(client.get, paths))
    pages = {path: answer or b"" for path, answer in zip(paths, answers, strict=True)}
    prices, unlisted = {}, set()
    for (model, way), path in listed_at.items():
        page = pages[path]
        variant = "" if way == LIVE else way
        price = read_price(page, model, variant) if path == MODELS else read_tier_price(page, way)
        if price is not None:
            prices[model, way] = price
        elif page:
            unlisted.add((model, way))
    return PriceList(prices, frozenset(unlisted), read_allowance(pages.get(KEY, b"")))


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


def find_quote(plan: RunPlan, way: str, told: PriceList) -> Quote | None:
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
