"""What the calls of a run are reckoned at: a tariff for each who is asked, with what earlier runs have learnt of it.

Calls at another service tier, or in batches, cost otherwise: what those have cost says nothing of these.
"""

from collections.abc import Mapping
from itertools import product

from asyncgen.answered import Usage
from asyncgen.endpoint.client import Client
from asyncgen.endpoint.tiers import BATCH, DEFAULT, asked_tier
from asyncgen.money.account import Tariff
from asyncgen.money.ways import LIVE
from asyncgen.output.batches import Batches
from asyncgen.output.ledger import IN_BATCHES, Totals
from asyncgen.recipe.recipe import JsonValue, Recipe
from asyncgen.runs.config import RunPlan
from asyncgen.runs.quotes import ask_prices

SURE_AFTER = 20  # costs: a batch multiplies what was learnt of a few


def make_tariffs(
    plan: RunPlan, prompts: Mapping[str, Recipe], totals: Totals
) -> tuple[dict[str, Tariff], list[Tariff]]:
    """By seat; and those of calls that earlier runs have made otherwise.

    Which seat of several an earlier call was made for, the journal does not say: the first of its tier has them all.
    """
    is_free = plan.endpoint.is_offline and plan.price is None
    tariffs: dict[str, Tariff] = {}
    first_of_tier: dict[str, Tariff] = {}
    for seat, recipe in prompts.items():
        settings = plan.settings_of(seat)
        tariffs[seat] = Tariff(plan.price, most_tokens(recipe, settings), is_free)
        tier = asked_tier(settings) or DEFAULT
        first_of_tier.setdefault(tier, tariffs[seat])
        alike = (each.dearest for tiers, each in totals.uncertain.items() if tier in tiers)
        tariffs[seat].dearest = max((each for each in alike if each is not None), default=None)
    earlier = []
    for tiers, each in totals.uncertain.items():
        tariff = next((first for tier, first in first_of_tier.items() if tier in tiers), None)
        if tariff is None:
            earlier.append(tariff := Tariff(is_free=is_free, dearest=each.dearest))
        tariff.unpriced += 0 if is_free else each.unpriced
        tariff.lost += each.lost
    return tariffs, earlier


def most_tokens(recipe: Recipe, settings: Mapping[str, JsonValue]) -> tuple[int, int] | None:
    """What a prompt and a reply take at most, two bytes a token; None where the reply has no limit."""
    limits = (settings.get(key) for key in ("max_tokens", "max_completion_tokens"))
    limit = next((each for each in limits if type(each) is int and each > 0), None)
    return None if limit is None else (prompt_bytes(recipe) // 2, limit)


def prompt_bytes(recipe: Recipe) -> int:
    return len(f"{recipe.system}{recipe.user}{recipe.knowledge}".encode())


def make_batch_tariffs(tariffs: Mapping[str, Tariff], totals: Totals, batches: Batches) -> dict[str, Tariff]:
    """Of the same calls in batches, by seat, with money held for all that are under way."""
    earlier = totals.uncertain.get(IN_BATCHES)
    dearest = None if earlier is None else earlier.dearest
    in_batches = {
        seat: Tariff(
            each.price,
            each.most_tokens,
            each.is_free,
            dearest,
            sure_after=SURE_AFTER,
            sample=batches.samples.get(seat, Usage()),
        )
        for seat, each in tariffs.items()
    }
    for batch in batches.open.values():
        tariff, held = in_batches[batch.intent.seat], batch.intent.held
        tariff.reserved += batch.untold
        if held is not None:
            tariff.assumed = held if tariff.assumed is None else max(held, tariff.assumed)
    return in_batches


async def look_up_prices(
    client: Client, plan: RunPlan, tariffs: Mapping[str, Tariff], batch_tariffs: Mapping[str, Tariff]
) -> list[str]:
    """Give tariffs the prices that the provider lists; what should be known of them."""
    asked = {seat: (plan.model_of(seat), asked_tier(plan.settings_of(seat)) or LIVE) for seat in tariffs}
    models = [model for model, _ in asked.values()]
    told = await ask_prices(client, [*product(models, [LIVE, BATCH] if batch_tariffs else [LIVE]), *asked.values()])
    for seat, (model, way) in asked.items():
        usual = told.prices.get((model, LIVE))
        tariffs[seat].price = told.prices.get((model, way), usual)
        if seat in batch_tariffs:
            batch_tariffs[seat].price = told.prices.get((model, BATCH), usual)
    return [
        f"{model} is not listed at tier {tier}: its calls may be served, and billed, at the usual one"
        for model, tier in dict.fromkeys(asked.values())
        if tier != LIVE and (model, tier) in told.unlisted
    ]
