import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asyncgen.audit.facts import Date, Measure, Term, read_facts, without_code


def measures(text: str) -> list[tuple[float, str]]:
    return [(each.value, each.unit) for each in read_facts(text) if isinstance(each, Measure)]


def terms(text: str) -> list[tuple[str, str]]:
    return [(each.kind, each.key) for each in read_facts(text) if isinstance(each, Term) and not each.opens]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1,384,124,976", [(1384124976, "")]),
        ("1.38B", [(1.38e9, "")]),
        ("1.4 billion", [(1.4e9, "")]),
        ("$100", [(100, "$")]),
        ("100 dollars", [(100, "$")]),
        ("one hundred and fifty dollars", [(150, "$")]),
        ("a hundred bucks", [(100, "$")]),
        ("$2.5k", [(2500, "$")]),
        ("2.5 hours", [(9000, "s")]),
        ("2h30", [(9000, "s")]),
        ("2 hours and 30 minutes", [(9000, "s")]),
        ("3-hour run", [(10800, "s")]),
        ("$40-50", [(40, "$"), (50, "$")]),
        ("20 to 30%", [(20, "%"), (30, "%")]),
        ("between 20 and 30 hours", [(72000, "s"), (108000, "s")]),
        ("$1.5-2 million", [(1.5e6, "$"), (2e6, "$")]),
        ("in 2019 and 8 hours later", [(2019, ""), (28800, "s")]),
        ("47 percent", [(47, "%")]),
        ("80 GB", [(8e10, "B")]),
        ("2^15", [(32768, "")]),
        ("1e18", [(1e18, "")]),
        ("twenty-two tasks", [(22, "")]),
        ("two billion", [(2e9, "")]),
        ("a thirty-two layer model", [(32, "")]),
        ("a two hundred and five dollar a seventeen", [(205, "$"), (17, "")]),
        ("12 of 19. Then 7 and 8 PM, 9 Oct 2025", [(12, ""), (19, ""), (7, ""), (8, "")]),
        ("600x", [(600, "")]),
        ("mid-2025", [(2025, "")]),
        ("$24/GPU-hour", [(24, "$")]),
    ],
)
def test_quantities_have_one_form(text: str, found: list[tuple[float, str]]) -> None:
    assert measures(text) == found


@pytest.mark.parametrize(
    "text",
    ["at 10:30", "5am", "the 1990s", "the 20th", "3/4", "24/7", "1. First", "a million", "GPT-2", "3D", "sixteenth"],
)
def test_what_only_looks_like_a_quantity_is_none(text: str) -> None:
    assert not measures(text)


@pytest.mark.parametrize(
    ("text", "step"),
    [("43,000", 1000), ("3.04", 0.01), ("7", 1), ("1.38 billion", 1e7), ("2h30", 60), ("100 dollars", 100)],
)
def test_the_step_is_one_in_the_last_place_that_counts(text: str, step: float) -> None:
    [measure] = [each for each in read_facts(text) if isinstance(each, Measure)]

    assert measure.step == pytest.approx(step)


@pytest.mark.parametrize("text", ["8xH100", "8XH100", "8 x H100"])
def test_a_number_of_devices_is_a_count_and_a_name(text: str) -> None:
    assert measures(text) == [(8, "")]
    assert terms(text) == [("identifier", "h100")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("October 13, 2025", (2025, 10, 13)),
        ("Oct 13", (None, 10, 13)),
        ("13 October 2025", (2025, 10, 13)),
        ("the 13th of October 2025", (2025, 10, 13)),
        ("2025-10-13", (2025, 10, 13)),
        ("October 2025", (2025, 10, None)),
        ("May 5", (None, 5, 5)),
    ],
)
def test_dates_have_one_form(text: str, found: tuple[int | None, int, int | None]) -> None:
    [date] = [each for each in read_facts(text) if isinstance(each, Date)]

    assert (date.year, date.month, date.day) == found


def test_ranges_of_days_and_pairs_of_months_are_read() -> None:
    text = "January 11 to 18, 2026, then November and December 2025"
    dates = [each for each in read_facts(text) if isinstance(each, Date)]

    assert [(each.month, each.day, each.last_day) for each in dates] == [
        (1, 11, 18),
        (11, None, None),
        (12, None, None),
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see https://www.github.com/karpathy/nanochat/.", [("url", "github.com/karpathy/nanochat")]),
        ("at deepwiki.com/karpathy", [("url", "deepwiki.com/karpathy")]),
        ("run scripts/base_train.py", [("identifier", "scripts/base_train.py")]),
        ("with --depth=24", [("identifier", "--depth")]),
        ("the `resid_lambda` scalar", [("identifier", "resid_lambda")]),
        ("a GPT-2-grade d24", [("identifier", "gpt2"), ("identifier", "d24")]),
        ("on Llama-3.1-70B", [("identifier", "llama3170b")]),
        ("with FineWeb-EDU", [("identifier", "fineweb"), ("acronym", "edu")]),
        ("by Keller Jordan", [("name", "keller"), ("name", "jordan")]),
        ("two GPUs", [("acronym", "gpu")]),
        ("mail jane@example.com", []),
        ("I think so", []),
    ],
)
def test_terms_are_read(text: str, found: list[tuple[str, str]]) -> None:
    assert terms(without_code(text)) == found


@pytest.mark.parametrize("text", ["Yes", "It ends. Yes", "- Yes", "1. Yes", '"Yes', "One:\nYes", "(Yes"])
def test_a_capital_that_opens_a_sentence_is_marked(text: str) -> None:
    assert [each.opens for each in read_facts(text) if isinstance(each, Term) and each.key == "yes"] == [True]


@pytest.mark.parametrize("text", ["```\nx = 77\n```", "`17 * 23 = 391`", "def f(x):\n    return x + 77", "x = 77"])
def test_code_holds_no_facts(text: str) -> None:
    assert not list(read_facts(without_code(text)))


@given(st.text(alphabet=string.printable, max_size=200))
def test_every_fact_stands_where_it_says(text: str) -> None:
    prose = without_code(text)

    assert len(prose) == len(text)
    for fact in read_facts(prose):
        assert prose.startswith(fact.text, fact.start)


@given(st.integers(1, 10**12))
def test_separators_and_scales_do_not_matter(number: int) -> None:
    assert measures(f"{number:,}") == measures(f"{number}") == [(number, "")]
