"""What a provider tells of its prices, and of what a key may spend, at OpenRouter's addresses and in its words.

One model is sold in several ways, each at a price of its own, and none is half of another by rule. A batch is a model
of its own in the list of models, and a service tier an endpoint of its own among the model's. What a server says is
untrusted, and what makes no sense is unknown.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from urllib.parse import quote

from asyncgen.endpoint.body import JsonObject, decode_object, object_of
from asyncgen.endpoint.tiers import BATCH, FLEX, name_tier
from asyncgen.money.price import ZERO, Price

MODELS = "/models"
KEY = "/key"
PRICED_APART = frozenset({BATCH, "free"})  # other variants only choose who serves the model
MAX_DIGITS = 40  # characters of a price as it was sent; more is damage
DEAREST_TOKEN = Decimal(1)  # US dollars; more is damage
DATE = re.compile(r"-20\d\d-?[01]\d-?[0-3]\d$")  # at the end of a model's name


def read_price(body: bytes, model: str, variant: str = "") -> Price | None:
    """The price of a model in the answer to GET /models, whose prices are decimal strings; None when it has none.

    `variant`: the model sold otherwise, as in a batch. A variant that is not listed has the price of its model, but for
    those that are priced apart, which are never guessed. A dated name stands for the undated one and the other way
    round, where only one fits.
    """
    plain, _, own = model.partition(":")
    variant = variant or own
    models = _objects((decode_object(body) or {}).get("data"))
    for each in [variant] if variant in PRICED_APART else [variant, ""]:
        # A canonical name is shared by all variants, so that the variant is read from the other one.
        named = [(name, entry) for entry in models if (name := _split(entry.get("id")))[1] == each]
        exact = [entry for name, entry in named if name[0] == plain]
        exact += [entry for _, entry in named if _split(entry.get("canonical_slug"))[0] == plain]
        alike = [entry for name, entry in named if DATE.sub("", name[0]) == DATE.sub("", plain)]
        if exact or len(alike) == 1:
            return _price_of((exact or alike)[0])
    return None


def _split(name: object) -> tuple[str, str]:
    plain, _, variant = name.partition(":") if isinstance(name, str) else ("", "", "")
    return plain, variant


def endpoints_path(model: str) -> str:
    """Where the endpoints of a model are listed, those of its service tiers among them."""
    return f"{MODELS}/{quote(model.partition(':')[0])}/endpoints"


def read_tier_price(body: bytes, tier: str) -> Price | None:
    """The price of a service tier among the endpoints of a model; None when none of them is of that tier.

    Of several, the cheapest for flex, which is asked first, and the dearest of any other tier, to be safe.
    """
    listed = _objects(object_of((decode_object(body) or {}).get("data")).get("endpoints"))
    prices = []
    for each in listed:
        tag = each.get("tag")  # its end names the tier, as in `google-vertex/global/flex`
        last = tag.rpartition("/")[2] if isinstance(tag, str) else ""
        if name_tier(last) == tier and (price := _price_of(each)):
            prices.append(price)
    choose = min if tier == FLEX else max
    return choose(prices, key=lambda each: each.input + each.output, default=None)


def _price_of(listed: JsonObject) -> Price | None:
    pricing = object_of(listed.get("pricing"))
    prompt, completion = _token_price(pricing.get("prompt")), _token_price(pricing.get("completion"))
    if prompt is None or completion is None:
        return None
    cached, request = _token_price(pricing.get("input_cache_read")), _token_price(pricing.get("request"))
    return Price(prompt, completion, cached, request or ZERO)


def _token_price(value: object) -> Decimal | None:
    """None also for a price below 0, which means that it varies."""
    price = _decimal(value)
    return price if price is not None and 0 <= price <= DEAREST_TOKEN else None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key may still spend; `left` is None for a key without a limit of its own."""

    left: Decimal | None


def read_allowance(body: bytes) -> Allowance | None:
    """What the answer to GET /key says; None when it says nothing. Its `label` shows a part of the key: never read."""
    data = object_of((decode_object(body) or {}).get("data"))
    if "limit_remaining" not in data:
        return None
    if data["limit_remaining"] is None:
        return Allowance(None)
    left = _decimal(data["limit_remaining"])
    return None if left is None else Allowance(max(left, ZERO))


def _decimal(value: object) -> Decimal | None:
    if type(value) not in {int, float, str} or len(text := str(value)) > MAX_DIGITS:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and abs(amount.adjusted()) <= MAX_DIGITS else None


def _objects(value: object) -> Sequence[JsonObject]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
