"""Service tiers: the same call sold at another price for another wait, where a provider does that.

A tier is a setting of the request like any other, and says nothing about what is written: who asks at another tier
gets the same conversations. Which tier has served a call, and is billed, is for the answer to say.
"""

from collections import Counter
from collections.abc import Mapping

from asyncgen.endpoint.address import host_of
from asyncgen.endpoint.body import JsonObject, Path, at, clean, lowered
from asyncgen.endpoint.presets import Endpoint

SERVICE_TIER = "service_tier"
FLEX, PRIORITY, DEFAULT, BATCH = "flex", "priority", "default", "batch"
TIERS = (FLEX, PRIORITY)
# By host, those below it included; elsewhere nobody knows.
SOLD_AT: Mapping[str, tuple[str, ...]] = {
    "openrouter.ai": (FLEX, PRIORITY),
    "api.openai.com": (FLEX, PRIORITY),
    "generativelanguage.googleapis.com": (FLEX, PRIORITY),
    "openai.azure.com": (FLEX, PRIORITY),
    "services.ai.azure.com": (FLEX, PRIORITY),
    "api.groq.com": (FLEX,),
    "api.doubleword.ai": (FLEX,),
    "api.x.ai": (PRIORITY,),
}
_WITHOUT = frozenset({"ollama", "vllm", "llamacpp"})
_NAMES = {
    **{each: each for each in (FLEX, PRIORITY, DEFAULT, BATCH)},
    **dict.fromkeys(("auto", "standard", "standard_only", "on_demand"), DEFAULT),
    **dict.fromkeys(("on_demand_flex",), FLEX),
    **dict.fromkeys(("fast", "on_demand_priority"), PRIORITY),
}
_LONGEST = 40  # characters of a tier's name
_MOST = 16  # names that are told apart
OTHERS = "others"
_PLACES: tuple[Path, ...] = (
    (SERVICE_TIER,),
    ("usage", SERVICE_TIER),
    ("usageMetadata", "serviceTier"),
    ("usageMetadata", "trafficType"),
)
TIER_HEADER = "x-gemini-service-tier"


def asked_tier(settings: Mapping[str, object]) -> str | None:
    """The tier that a request asks for; None for the usual one."""
    told = settings.get(SERVICE_TIER)
    named = name_tier(told) if isinstance(told, str) and told else DEFAULT
    return None if named == DEFAULT else named


def name_tier(told: str) -> str:
    """One name for a tier, whatever a provider calls it."""
    name = told.strip().lower()
    return _NAMES.get(name) or clean(name, _LONGEST)


def read_tier(document: JsonObject, headers: Mapping[str, str]) -> str | None:
    """The tier at which an answer says that it was served."""
    told = next((word for path in _PLACES if isinstance(word := at(document, path), str) and word), None)
    told = told or lowered(headers).get(TIER_HEADER)
    return name_tier(told) if told else None


def count_tier(calls: Counter[str | None], tier: str | None) -> None:
    """Add a call that is billed at it; a server that makes up ever new names fills no memory."""
    calls[tier if tier in calls or len(calls) < _MOST else OTHERS] += 1


def describe_tiers(calls: Mapping[str | None, int], *, is_asked: bool) -> str:
    """At which tiers so many calls are billed; empty where all of that is usual and nobody has asked."""
    told = [tier for tier in calls if tier is not None]
    if not told or not (is_asked or set(told) - {DEFAULT}):
        return ""
    number = sum(calls.values())
    shares = sorted(calls.items(), key=lambda each: -each[1])
    return "billed at " + ", ".join(f"{tier or 'a tier not told'}: {each / number:.1%}" for tier, each in shares)


def sells(endpoint: Endpoint, tier: str) -> bool | None:
    """Whether calls are sold at that tier there; None where nobody knows."""
    if endpoint.is_offline or endpoint.provider.name in _WITHOUT:
        return endpoint.is_offline  # it answers at any
    hosts = f".{endpoint.host}", f".{host_of(endpoint.provider.base_url)}"
    sold = next((tiers for end, tiers in SOLD_AT.items() if any(host.endswith(f".{end}") for host in hosts)), None)
    return None if sold is None else tier in sold
