import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quick import each_row

from asyncgen.audit.reading.facts import Date, Measure, Term, Time, read_facts, with_decimal_points, without_code


def measures(text: str) -> list[tuple[float, str]]:
    return [(each.value, each.unit) for each in read_facts(text) if isinstance(each, Measure)]


def terms(text: str) -> list[tuple[str, str]]:
    return [(each.kind, each.key) for each in read_facts(text) if isinstance(each, Term) and not each.opens]


@each_row(
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
        ("12 of 19. Then 7 and 8 PM, 9 Oct 2025", [(12, ""), (19, "")]),
        ("600x", [(600, "")]),
        ("mid-2025", [(2025, "")]),
        ("$24/GPU-hour", [(24, "$")]),
    ],
)
def test_quantities_have_one_form(text: str, found: list[tuple[float, str]]) -> None:
    assert measures(text) == found


@each_row(
    "text",
    ["at 10:30", "5am", "the 1990s", "the 20th", "3/4", "24/7", "1. First", "a million", "GPT-2", "3D", "sixteenth"],
)
def test_what_only_looks_like_a_quantity_is_none(text: str) -> None:
    assert not measures(text)


@each_row(
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


@each_row(
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


@each_row(
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
        ("mail jane@example.com", [("identifier", "jane@example.com")]),
        ("I think so", []),
    ],
)
def test_terms_are_read(text: str, found: list[tuple[str, str]]) -> None:
    assert terms(without_code(text)) == found


@each_row("text", ["Yes", "It ends. Yes", "- Yes", "1. Yes", '"Yes', "One:\nYes", "(Yes"])
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


# ---- other languages


@each_row(
    ("text", "found"),
    [
        ("1.299 €", [(1299, "€")]),
        ("1.299,50 Euro", [(1299.5, "€")]),
        ("3,9 %", [(3.9, "%")]),
        ("3,5 Prozent", [(3.5, "%")]),
        ("1.384.124.976 Parameter", [(1384124976, "")]),
        ("1,4 Milliarden", [(1.4e9, "")]),
        ("2 Mio. Euro", [(2e6, "€")]),
        ("4.5 Sterne", [(4.5, "")]),
        ("drei bis vier Werktage, dann zwanzig Minuten", [(3, ""), (345600, "s"), (1200, "s")]),
        ("12 oder 24 Monate", [(31557600, "s"), (63115200, "s")]),
        ("einundzwanzig Gänge", [(21, "")]),
        ("fünfhundert Euro", [(500, "€")]),
        ("fuenfhundert Euro", [(500, "€")]),
        ("zweitausenddreihundertfünf", [(2305, "")]),
        ("1,85 m", [(1.85, "m")]),
        ("32 Kilometer", [(32000, "m")]),
    ],
)
def test_german_quantities_have_the_same_form(text: str, found: list[tuple[float, str]]) -> None:
    facts = [each for each in read_facts(with_decimal_points(text, "de"), "de") if isinstance(each, Measure)]
    assert [each.value for each in facts] == pytest.approx([value for value, _ in found])
    assert [each.unit for each in facts] == [unit for _, unit in found]


def test_only_a_language_with_decimal_commas_has_them() -> None:
    assert with_decimal_points("1,299 or 3.9", "en") == "1,299 or 3.9"
    assert with_decimal_points("1,299 or 3.9", None) == "1,299 or 3.9"


@each_row(
    ("text", "found"),
    [
        ("3. Mai 2026", (2026, 5, 3)),
        ("am 3. Mai", (None, 5, 3)),
        ("03.05.2026", (2026, 5, 3)),
        ("3.5.26", (2026, 5, 3)),
        ("vom 24.12. an", (None, 12, 24)),
        ("im März 2026", (2026, 3, None)),
        ("17. Maerz", (None, 3, 17)),
        ("14. Okt. 2025", (2025, 10, 14)),
    ],
)
def test_german_dates_have_the_same_form(text: str, found: tuple[int | None, int, int | None]) -> None:
    [date] = [each for each in read_facts(text, "de") if isinstance(each, Date)]
    assert (date.year, date.month, date.day) == found


@each_row(
    ("text", "hours"),
    [
        ("9:30 am", [9.5]),
        ("5 pm", [17]),
        ("8.30 a.m.", [8.5]),
        ("10 am to 3 pm", [10, 15]),
        ("from 10 to 3 pm", [10, 15]),
        ("half past nine", [9.5]),
        ("a quarter to eight", [7.75]),
        ("6 o'clock", [6]),
        ("18:45", [18.75]),
        ("9:30 bis 18:30 Uhr", [9.5, 18.5]),
        ("10 bis 15 Uhr", [10, 15]),
        ("von elf bis siebzehn Uhr", [11, 17]),
        ("um 14 Uhr", [14]),
        ("halb acht", [7.5]),
        ("Viertel vor sieben", [6.75]),
        ("zehn nach zwölf", [12 + 1 / 6]),
        ("16:9 and 2:1", []),
        ("24/7", []),
    ],
)
def test_times_of_day_are_read(text: str, hours: list[float]) -> None:
    times = sorted(each.minute for each in read_facts(text, "de") if isinstance(each, Time))
    assert times == pytest.approx([60 * hour for hour in hours])


def test_a_time_that_is_told_once_a_day_is_that_time_alone() -> None:
    told = {
        each.text: each.is_half_told
        for each in read_facts("18:30, 9 am, 7:30, 7:30 Uhr, 7 Uhr")
        if isinstance(each, Time)
    }
    assert told == {"18:30": False, "9 am": False, "7:30": True, "7:30 Uhr": False, "7 Uhr": True}


@each_row(
    ("text", "names"),
    [
        ("Wir haben Ersatzteile, Kettenöl und eine Probefahrt für Kinder.", []),
        ("Bei Nässe greifen Scheibenbremsen besser.", []),
        ("Wenn Berge dabei sind, hilft ein Mittelmotor.", []),
        ("Gute Frage! Das hängt von der Rahmengröße ab.", []),
        ("Ein Tropfen Kettenöl reicht, Ende Oktober erst recht.", []),
        ("Die Werkstatt leitet Holger Brinkmann.", ["holger", "brinkmann"]),
        ("Den Verkauf leitet Frau Lohmeyer.", ["lohmeyer"]),
        ("Die zweite Filiale ist in Offenburg.", ["offenburg"]),
        ("Der Motor kommt von Bosch.", ["bosch"]),
        ("Sebastian führt die Tour.", ["sebastian"]),
        ("Hier hilft Jürgen weiter.", ["juergen"]),
    ],
)
def test_a_german_noun_is_no_name_and_a_name_is_one(text: str, names: list[str]) -> None:
    found = [each.key for each in read_facts(text, "de") if isinstance(each, Term) and not each.opens]
    assert found == names


@each_row(
    ("text", "language", "found"),
    [
        ("2€50 pour une carte", "fr", [(2.5, "€")]),
        ("38 € 50 par an", "fr", [(38.5, "€")]),
        ("12 euros et 50 centimes", "fr", [(12.5, "€")]),
        ("12 euros et cinquante centimes", "fr", [(12.5, "€")]),
        ("douze euros cinquante", "fr", [(12.5, "€")]),
        ("3 euros cinquante par mois", "fr", [(3.5, "€")]),
        ("5 Euro 50", "de", [(5.5, "€")]),
        ("12 Euro und 50 Cent", "de", [(12.5, "€")]),
        ("3 euros con 50 al mes", "es", [(3.5, "€")]),
        ("3 euros y 50 céntimos", "es", [(3.5, "€")]),
        ("$3 and 50 cents", "en", [(3.5, "$")]),
        ("three dollars and fifty cents", "en", [(3.5, "$")]),
        ("12 € 50 livres", "fr", [(12, "€"), (50, "")]),
        ("3 euros et 50 livres", "fr", [(3, "€"), (50, "")]),
        ("$3 12 times", "en", [(3, "$"), (12, "")]),
    ],
)
def test_cents_are_part_of_the_amount_before_them(text: str, language: str, found: list[tuple[float, str]]) -> None:
    facts = read_facts(with_decimal_points(text, language), language)
    assert [(each.value, each.unit) for each in facts if isinstance(each, Measure)] == found


@each_row(
    ("text", "language", "written_in", "read"),
    [
        ("68 400 livres", "en", "fr", "68,400 livres"),
        ("68\u202f400 books, 12,50 € each", "en", "fr", "68,400 books, 12.50 € each"),
        ("68 400 Bücher", "de", "fr", "68,400 Bücher"),
        ("1,250 books in 12 300", "en", "de", "1,250 books in 12 300"),
        ("68 400 books", "en", "en", "68 400 books"),
    ],
)
def test_numbers_may_stand_as_another_language_writes_them(
    text: str, language: str, written_in: str, read: str
) -> None:
    assert with_decimal_points(text, language, written_in) == read
