"""Names of service tiers: as they are asked for, as answers tell them, and in a sentence."""

import re
from collections import Counter
from pathlib import Path

from quick import each_row

from asyncgen.endpoint.tiers import OTHERS, SOLD_AT, TIERS, asked_tier, count_tier, describe_tiers


@each_row(
    ("told", "tier"),
    [
        ("flex", "flex"),
        (" Flex ", "flex"),
        ("fast", "priority"),
        ("auto", None),
        ("default", None),
        ("standard", None),
        ("", None),
        (7, None),
        (None, None),
        ("scale", "scale"),
    ],
)
def test_the_usual_tier_is_none(told: object, tier: str | None) -> None:
    assert asked_tier({"service_tier": told}) == tier


@each_row(
    ("calls", "is_asked", "told"),
    [
        ({}, True, ""),
        ({None: 9}, True, ""),
        ({"default": 9}, False, ""),
        ({"default": 8, None: 1}, False, ""),
        ({"default": 9}, True, "billed at default: 100.0%"),
        ({"default": 1, "flex": 3}, False, "billed at flex: 75.0%, default: 25.0%"),
        ({None: 3, "batch": 1}, False, "billed at a tier not told: 75.0%, batch: 25.0%"),
    ],
)
def test_shares_are_told_where_they_are_unusual_or_asked_for(
    calls: dict[str | None, int], told: str, *, is_asked: bool
) -> None:
    assert describe_tiers(calls, is_asked=is_asked) == told


def test_ever_new_names_fill_no_memory() -> None:
    calls: Counter[str | None] = Counter()
    for number in range(1000):
        count_tier(calls, f"tier {number}")
    assert len(calls) < 20
    assert calls.total() == 1000
    assert calls[OTHERS] > 900


def test_the_page_of_endpoints_names_who_sells_which_tier() -> None:
    page = Path(__file__).parents[2] / "asyncgen" / "pages" / "endpoints.md"
    rows = [line.strip("|").split("|") for line in page.read_text().partition("## Service tiers")[2].splitlines()]
    told = {
        host: tuple(tier for tier, cell in zip(TIERS, cells[1:], strict=True) if cell.strip())
        for cells in rows
        for host in re.findall("`([^`]+)`", cells[0])
        if len(cells) == 3
    }
    assert told == SOLD_AT
