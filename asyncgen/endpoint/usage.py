"""What an answer says of its tokens and of money, wherever it stands: places, spellings and units as tables.

What is not said is unknown and never 0, and neither is a 0 that cannot be true: a text that was written out of nothing,
or for nothing, is one whose usage nobody counted.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation

from asyncgen.answered import Usage
from asyncgen.endpoint.body import JsonObject, Path, at, lowered, object_of
from asyncgen.endpoint.tiers import read_tier

MAX_NUMBER = 64  # characters of a cost; more is none
MAX_TOKENS = 2**53  # a larger count is damage
# Outside these two a cost is damage, and may be a million digits long.
SMALLEST_COST = Decimal("1e-18")
LARGEST_COST = Decimal("1e9")
FEWEST_DOLLARS, MOST_DOLLARS = 1e-4, 1e9  # between these a float is written without an exponent
ZERO, DOLLAR, TICK = Decimal(0), Decimal(1), Decimal("1e-10")
SAME = Decimal("1e-6")  # two sums that differ by less, as a share of them, are one that was rounded

# Where the counts stand, and what they are called there.
HOMES = (("usage",), ("usageMetadata",), ("usage_metadata",), ("usage", "tokens"), ("meta", "tokens"), ())
PROMPT = (
    *("prompt_tokens", "input_tokens", "promptTokens", "inputTokens", "promptTokenCount", "inputTokenCount"),
    "prompt_eval_count",
)
COMPLETION = (
    *("completion_tokens", "output_tokens", "completionTokens", "outputTokens", "candidatesTokenCount"),
    *("outputTokenCount", "eval_count"),
)
COUNTED = frozenset({*PROMPT, *COMPLETION})
TOTAL = ("total_tokens", "totalTokens", "totalTokenCount")
CACHED = (
    ("prompt_tokens_details", "cached_tokens"),
    ("input_tokens_details", "cached_tokens"),
    ("prompt_cache_hit_tokens",),
    ("cache_read_input_tokens",),
    ("cacheReadInputTokens",),
    ("cachedContentTokenCount",),
    ("cached_tokens",),
)
CACHE_WRITTEN = (("cache_creation_input_tokens",), ("cacheWriteInputTokens",))
# Whoever uses these names counts cached tokens beside the prompt's, the others among them.
CACHE_BESIDE = frozenset(
    {"cache_read_input_tokens", "cache_creation_input_tokens", "cacheReadInputTokens", "cacheWriteInputTokens"}
)
THINKING = (
    ("completion_tokens_details", "reasoning_tokens"),
    ("output_tokens_details", "reasoning_tokens"),
    ("reasoning_tokens",),
    ("thoughtsTokenCount",),
)

# Where gateways put what a call has cost, and in which unit.
COSTS: tuple[tuple[Path, Decimal], ...] = (
    (("usage", "cost"), DOLLAR),
    (("usage", "total_cost"), DOLLAR),
    (("usage", "cost_usd"), DOLLAR),
    (("usage", "total_cost_usd"), DOLLAR),
    (("usage", "cost_usd_total"), DOLLAR),
    (("usage", "estimated_cost"), DOLLAR),
    (("usage", "cost_details", "total_cost"), DOLLAR),
    (("usage", "cost_in_usd_ticks"), TICK),
    (("cost",), DOLLAR),
    (("cost_usd",), DOLLAR),
    (("total_cost",), DOLLAR),
    (("_hidden_params", "response_cost"), DOLLAR),
    (("meta", "usage", "usd_spent"), DOLLAR),
    (("provider_metadata", "gateway", "cost"), DOLLAR),
    (("choices", 0, "message", "provider_metadata", "gateway", "cost"), DOLLAR),
    (("x_nanogpt_pricing", "costUsd"), DOLLAR),
    (("x_nanogpt_pricing", "cost"), DOLLAR),
    (("x_nanogpt_pricing", "amount"), DOLLAR),
)
COST_HEADER = "x-litellm-response-cost"
SUMS = ("total_cost", "total", "total_cost_usd", "usd")  # of a cost that is an object
CURRENCIES = ("currency", "cost_currency")
UPSTREAM = "upstream_inference_cost"
UPSTREAM_PARTS = (
    ("upstream_inference_prompt_cost", "upstream_inference_completions_cost"),
    ("upstream_inference_input_cost", "upstream_inference_output_cost"),
)
CACHE_STATUS_HEADER = "x-openrouter-cache-status"


def read_usage(document: JsonObject, headers: Mapping[str, str], *, has_text: bool) -> Usage:
    """What a body, or its headers, say that the call took; `has_text`: something was written for it."""
    homes = (object_of(at(document, home)) for home in HOMES)
    counts = next((each for each in homes if not COUNTED.isdisjoint(each)), {})
    prompt, completion = _first(counts, PROMPT), _first(counts, COMPLETION)
    cached = _first_at(counts, CACHED)
    prompt, completion = _with_the_rest(counts, prompt, completion, cached)
    costs = []
    for path, unit in COSTS:
        home = object_of(at(document, path[:-1]))
        value = at(home, path[-1:])
        if isinstance(value, dict):
            home, value = value, next((value[key] for key in SUMS if key in value), None)
        amount = _amount(value)
        currencies = (currency for key in CURRENCIES if isinstance(currency := home.get(key), str))
        if amount is not None and all(currency.upper() == "USD" for currency in currencies):
            costs.append(amount if unit is DOLLAR else amount * unit)
    if (amount := _amount(lowered(headers).get(COST_HEADER))) is not None:
        costs.append(amount)
    charged = next(filter(None, costs), costs[0] if costs else None)  # a zero, where no other place says more
    cost = _with_upstream(object_of(document.get("usage")), charged)
    is_sent_again = lowered(headers).get(CACHE_STATUS_HEADER, "").lower() == "hit"  # then zeros are true
    if has_text and not (prompt and completion) and not is_sent_again:
        if prompt == 0 or completion == 0:
            cost = cost or None
        prompt, completion = prompt or None, completion or None
    return Usage(
        prompt, cached, completion, None if cost is None else _checked(cost), tier=read_tier(document, headers)
    )


def read_cost(value: object) -> Decimal | None:
    """A cost in dollars, exactly as it was written; None for what is none."""
    if type(value) is float and FEWEST_DOLLARS <= value <= MOST_DOLLARS:
        return Decimal(str(value))
    amount = _amount(value)
    return None if amount is None else _checked(amount)


# ---- tokens


def _count(value: object) -> int | None:
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MAX_TOKENS else None


def _first(counts: JsonObject, keys: Sequence[str]) -> int | None:
    return next((number for key in keys if (number := _count(counts.get(key))) is not None), None)


def _first_at(counts: JsonObject, paths: Sequence[Path]) -> int | None:
    return next((number for path in paths if (number := _count(at(counts, path))) is not None), None)


def _with_the_rest(
    counts: JsonObject, prompt: int | None, completion: int | None, cached: int | None
) -> tuple[int | None, int | None]:
    """Prompt and completion with what some vendors count beside them: cached tokens, and thinking."""
    if prompt is None or completion is None:
        return prompt, completion
    total = _first(counts, TOTAL)
    read, written = cached or 0, _first_at(counts, CACHE_WRITTEN) or 0
    is_named_beside = "prompt_tokens" not in counts and not CACHE_BESIDE.isdisjoint(counts)
    has_place_beside = total is None or total >= prompt + read + written + completion
    if read > prompt or (is_named_beside and has_place_beside):
        prompt += read + written
    thinking = _first_at(counts, THINKING) or 0
    if total is not None:
        completion = max(completion, total - prompt)
    elif thinking > completion or "thoughtsTokenCount" in counts:
        completion += thinking
    return prompt, completion


# ---- money


def _with_upstream(usage: JsonObject, charged: Decimal | None) -> Decimal | None:
    """What was charged, and beside it what the provider behind a gateway bills to the user's own key.

    The same sum in both places is one cost told twice. Who pays the provider is not always said; then it is the larger.
    """
    details = object_of(usage.get("cost_details"))
    upstream = _amount(details.get(UPSTREAM))
    for keys in UPSTREAM_PARTS:
        parts = [part for key in keys if (part := _amount(details.get(key))) is not None]
        if upstream is None and parts:
            upstream = sum(parts, ZERO)
    is_byok = usage.get("is_byok")
    if is_byok is True:
        if upstream is None:  # what is charged is only the gateway's fee
            return None
        is_told_twice = charged is not None and abs(charged - upstream) <= SAME * max(charged, upstream)
        return upstream if charged is None or is_told_twice else charged + upstream
    if upstream is None or (is_byok is False and charged is not None):
        return charged
    return upstream if charged is None else max(charged, upstream)


def _amount(value: object) -> Decimal | None:
    """An amount as it was written, between zero and what is damage; exact."""
    if type(value) not in {int, float, str}:
        return None
    text = str(value)
    if len(text) > MAX_NUMBER:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        return None
    if amount.is_nan() or amount.is_signed():
        return None
    return amount if not amount or SMALLEST_COST <= amount <= LARGEST_COST / TICK else None


def _checked(amount: Decimal) -> Decimal | None:
    if not amount:
        return ZERO
    # Without an exponent above the point: a journal shows it as people write it.
    return Decimal(format(amount, "f")) if SMALLEST_COST <= amount <= LARGEST_COST else None
