"""What a provider's pages tell of prices: by model, in batches, at a service tier; and what a key has left."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.money.price import Price
from asyncgen.money.price_list import Allowance, endpoints_path, read_allowance, read_price, read_tier_price

FLASH = Price.per_million(input=Decimal("0.50"), output=Decimal("3.00"), cached=Decimal("0.05"))
MODEL = "google/gemini-3-flash-preview"


def models(*listed: object) -> bytes:
    return msgspec.json.encode({"data": listed})


def listed(**pricing: object) -> bytes:
    return models({"id": "other/model"}, {"id": MODEL, "pricing": pricing})


def endpoint(tag: object, price: str) -> object:
    return {"tag": tag, "pricing": {"prompt": price, "completion": price, "input_cache_read": price}}


def endpoints(*listed: object) -> bytes:
    return msgspec.json.encode({"data": {"id": MODEL, "endpoints": listed}})


def test_listed_prices_are_strings_for_a_token() -> None:
    body = listed(prompt="0.0000005", completion="0.000003", input_cache_read="0.00000005", request="0.001")
    assert read_price(body, MODEL) == Price(FLASH.input, FLASH.output, FLASH.cached, Decimal("0.001"))
    assert read_price(listed(prompt="0.0000005", completion="0.000003"), MODEL) == Price(FLASH.input, FLASH.output)
    named = models({"id": "x", "canonical_slug": MODEL, "pricing": {"prompt": "0", "completion": "0"}})
    assert read_price(named, MODEL) == Price(Decimal(0), Decimal(0))


@each_row(
    ("asked", "price"),
    [
        ("a/model", "1"),
        ("a/model:floor", "1"),
        ("a/model:nitro", "1"),
        ("a/model:online", "1"),
        ("a/model:free", "0"),
        ("a/model-20251217", "1"),
        ("a/model-2025-12-17:floor", "1"),
        ("b/model", "2"),
        ("b/model-20250101:floor", "2"),
        ("b/model:free", None),
        ("c/model", None),
        ("c/model-20250202", "4"),
        ("d/model", None),
        ("d/model-0324", "5"),
        ("e/model:extended", "7"),
        ("e/model:beta", "6"),
    ],
)
def test_a_variant_of_a_model_has_its_price(asked: str, price: str | None) -> None:
    names = ["a/model", "a/model:free", "b/model-20250101", "c/model-20250101", "c/model-20250202", "d/model-0324"]
    names += ["e/model", "e/model:extended"]
    prices = dict(zip(names, "10234567", strict=True))
    body = models(
        *({"id": name, "pricing": {"prompt": f"0.{each}", "completion": f"0.{each}"}} for name, each in prices.items()),
    )
    found = read_price(body, asked)
    assert found == (None if price is None else Price(*[Decimal(f"0.{price}")] * 2))


@each_row(
    ("asked", "variant", "price"),
    [
        ("a/model", "batch", "2"),
        ("a/model:batch", "", "2"),
        ("a/model:floor", "batch", "2"),
        ("a/model-20251217", "batch", "2"),
        ("a/model-20251217", "", "1"),
        ("b/model", "batch", None),
        ("b/model:batch", "", None),
        ("b/model", "", "4"),
        ("b/model-20250909", "", "4"),
        ("b/model:free", "", "3"),
        ("b/model:nitro", "", "4"),
        ("c/model", "batch", "5"),
        ("c/model", "", None),
    ],
)
def test_a_batch_is_a_model_of_its_own_and_its_price_is_never_guessed(
    asked: str, variant: str, price: str | None
) -> None:
    names = ["a/model", "a/model:batch", "b/model:free", "b/model", "c/model:batch"]
    # All variants of a model share its canonical name, and the list has no order.
    canonical = {"a": "a/model-20251217", "b": "b/model-20250909", "c": "c/model"}
    entries = [
        {
            "id": name,
            "canonical_slug": canonical[name[0]],
            "pricing": {"prompt": f"0.{each}", "completion": f"0.{each}"},
        }
        for each, name in enumerate(names, 1)
    ]
    for body in (models(*entries), models(*reversed(entries))):
        assert read_price(body, asked, variant) == (None if price is None else Price(*[Decimal(f"0.{price}")] * 2))


@pytest.mark.parametrize(
    ("tier", "price"),
    [("flex", "0.2"), ("priority", "0.6"), ("batch", None)],
)
def test_a_tier_has_the_price_of_its_endpoints(tier: str, price: str | None) -> None:
    body = endpoints(
        endpoint("google-ai-studio", "0.4"),
        endpoint("google-vertex/global/flex", "0.3"),
        endpoint("google-ai-studio/flex", "0.2"),
        endpoint("openai/fast", "0.6"),
        endpoint("google-ai-studio/priority", "0.5"),
        {"tag": "openai/flex", "pricing": {"prompt": "-1", "completion": "-1"}},
        endpoint(None, "0.1"),
        endpoint(7, "0.1"),
    )
    assert read_tier_price(body, tier) == (None if price is None else Price(*[Decimal(price)] * 3))


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("google/gemini-3-flash-preview", "/models/google/gemini-3-flash-preview/endpoints"),
        ("google/gemini-3-flash-preview:floor", "/models/google/gemini-3-flash-preview/endpoints"),
        ("a/b?key=1#x y", "/models/a/b%3Fkey%3D1%23x%20y/endpoints"),
    ],
)
def test_the_endpoints_of_a_model_are_at_an_address_of_its_own(model: str, path: str) -> None:
    assert endpoints_path(model) == path


@each_row(
    "body",
    [
        b"",
        b"<html>",
        b"[" * 100_000,
        b"[]",
        b'{"data": 7}',
        b'{"data": [7, null, "x"]}',
        models({"id": MODEL}),
        models({"id": MODEL, "pricing": []}),
        models({"id": "another/model", "pricing": {"prompt": "1e-6", "completion": "1e-6"}}),
        listed(prompt="-1", completion="-1"),
        listed(prompt="0.0000005"),
        listed(prompt="0.0000005", completion="free"),
        listed(prompt="NaN", completion="0.000003"),
        listed(prompt="Infinity", completion="0.000003"),
        listed(prompt="2", completion="0.000003"),
        listed(prompt="0." + "1" * 100, completion="0.000003"),
        listed(prompt="1e-999999", completion="0.000003"),
        listed(prompt=True, completion="0.000003"),
        listed(prompt=["0.0000005"], completion="0.000003"),
    ],
)
def test_a_list_that_makes_no_sense_tells_no_price(body: bytes) -> None:
    assert read_price(body, MODEL) is None


@given(
    st.binary() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(msgspec.json.encode)
)
def test_no_bytes_break_the_reading_of_prices_and_allowances(body: bytes) -> None:
    assert read_price(body, MODEL) is None
    assert read_tier_price(body, "flex") is None
    assert read_allowance(body) is None


@each_row(
    ("data", "allowance"),
    [
        ({"limit": 20, "limit_remaining": 7.25}, Allowance(Decimal("7.25"))),
        ({"limit_remaining": "7.25"}, Allowance(Decimal("7.25"))),
        ({"limit_remaining": -0.5}, Allowance(Decimal(0))),
        ({"limit": None, "limit_remaining": None}, Allowance(None)),
        ({"limit": 20}, None),
        ({"limit_remaining": "lots"}, None),
        ({"limit_remaining": True}, None),
        (["limit_remaining"], None),
        (None, None),
    ],
)
def test_what_a_key_has_left(data: object, allowance: Allowance | None) -> None:
    assert read_allowance(msgspec.json.encode({"data": data})) == allowance
