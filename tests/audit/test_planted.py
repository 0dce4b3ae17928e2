"""How well each rule of the audit finds what was planted, and how well it leaves the rest alone.

`pytest -n0 -s` prints the table.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import closing

import pytest
from planted import FILES, PAIRS, PER_LINE
from planted_german import GERMAN
from planting import RECIPE, TRUE_TALKS, Case, PlantedFile, PlantedPairs, talk
from quick import each_row
from sweep import at_least

from asyncgen.audit.checks import line_checks
from asyncgen.audit.grounding.grounding import Grounding
from asyncgen.audit.judged import RULE as JUDGED
from asyncgen.audit.lints.wrong_language import WrongLanguage
from asyncgen.audit.measures.diversity import Diversity, StockCheck, Wordings
from asyncgen.audit.measures.near_duplicates import NearDuplicates
from asyncgen.audit.rules import RULES
from asyncgen.audit.subject import Check, Subject
from asyncgen.conversation import Conversation
from asyncgen.data.dataset import Record
from asyncgen.data.text import answers_text, whole_text
from asyncgen.offline.author import Author, digest_request
from asyncgen.offline.brief import Message
from asyncgen.recipe.prompt import build_messages
from asyncgen.recipe.scenario import Scenarios

RECALL, PRECISION = 0.9, 0.95
TEXTS: dict[str, Callable[[Conversation], str]] = {
    "near-duplicate": whole_text,
    "near-duplicate-answers": answers_text,
}
SINGLE = [each.name for each in RECIPE.dimensions if each.pick is None]
HONEST = at_least(100, 300)  # lines of the offline engine, which quotes the knowledge base word by word


@pytest.fixture(scope="module")
def checks() -> list[Check]:
    return [
        *line_checks(RECIPE.system, single=SINGLE, knowledge=RECIPE.knowledge, examples=["first_message_examples"]),
        Grounding(RECIPE.knowledge).check,
        WrongLanguage(("de", "en")).check,
    ]


def subject(case: Case, number: int = 1) -> Subject:
    return Subject(Record(number, 0, case.conversation, None), case.scenario, case.charset)


def find_rules(checks: Sequence[Check], case: Case) -> set[str]:
    return {finding.rule for check in checks for finding in check(subject(case))}


def finds(rule: str, checks: Sequence[Check], case: Case) -> bool:
    return any(finding.rule == rule for check in checks for finding in check(subject(case)))


def show(row: str) -> None:
    print(f"\n{row}", end="")  # noqa: T201 - the table that -s asks for


def judge(rule: str, missed: Collection[object], false: Collection[object], positives: int) -> None:
    """Prints a row of the table and fails below the floors, naming every case that is wrong."""
    found = positives - len(missed)
    recall = found / positives
    precision = found / (found + len(false)) if found else 0.0
    show(f"{rule:24}{positives:4} planted   recall {recall:5.3f}   precision {precision:5.3f}")
    wrong = "\n".join([*(f"missed: {each}" for each in missed), *(f"false: {each}" for each in false)])
    assert recall >= RECALL, wrong
    assert precision >= PRECISION, wrong


def test_every_rule_that_looks_by_itself_has_a_planted_set() -> None:
    assert {*PER_LINE, *PAIRS, *FILES} == RULES.keys() - {JUDGED}


@pytest.mark.parametrize("rule", PER_LINE)
def test_a_rule_finds_the_planted_lines_and_no_near_miss(rule: str, checks: list[Check]) -> None:
    cases = PER_LINE[rule]
    assert min(len(cases.positives), len(cases.near_misses)) >= 25
    missed = [each for each in cases.positives if not finds(rule, checks, each)]
    false = [each for each in cases.near_misses if finds(rule, checks, each)]
    judge(rule, list(map(_spell, missed)), list(map(_spell, false)), len(cases.positives))


@pytest.mark.parametrize("rule", GERMAN)
def test_a_rule_about_words_reads_german_too(rule: str, checks: list[Check]) -> None:
    cases = GERMAN[rule]
    missed = [each for each in cases.positives if not finds(rule, checks, each)]
    false = [each for each in cases.near_misses if finds(rule, checks, each)]
    judge(f"{rule}, German", list(map(_spell, missed)), list(map(_spell, false)), len(cases.positives))


def _spell(case: Case) -> str:
    drawn = {} if case.scenario is None else {name: [text for _, text in each] for name, each in case.scenario.items()}
    return " => ".join(repr(each.content) for each in case.conversation) + (f" {drawn}" if drawn else "")


@each_row("host", TRUE_TALKS)
def test_the_conversations_that_things_are_planted_in_are_clean(host: Conversation, checks: list[Check]) -> None:
    assert find_rules(checks, Case(host)) == set()


@pytest.mark.parametrize("rule", PAIRS)
def test_lines_are_paired_that_belong_together_and_no_others(rule: str) -> None:
    pairs = PAIRS[rule]
    assert min(len(pairs.alike), len(pairs.apart)) >= 25
    clusters = find_clusters(pairs, TEXTS[rule])
    together = {(first, other) for first, *others in clusters for other in others}
    missed = [each for each in pairs.alike if each not in together]
    false = [each for each in together if each not in pairs.alike]
    judge(rule, missed, false, len(pairs.alike))


def find_clusters(pairs: PlantedPairs, text_of: Callable[[Conversation], str]) -> list[list[int]]:
    near = NearDuplicates(0.8)
    texts = list(map(text_of, pairs.conversations))
    for offset, text in enumerate(texts):  # a place in the list stands for a place in the file
        near.add(offset + 1, offset, text)
    return near.clusters(texts.__getitem__)


@pytest.mark.parametrize("rule", FILES)
def test_what_many_lines_share_is_found_and_no_variety(rule: str) -> None:
    files = FILES[rule]
    assert sum(len(each.repeated) for each in files) >= 25
    found = {each.name: FINDERS[rule](_subjects(each)) for each in files}
    missed = [(each.name, line) for each in files for line in each.repeated - found[each.name]]
    false = [(each.name, line) for each in files for line in each.innocent & found[each.name]]
    judge(rule, missed, false, sum(len(each.repeated) for each in files))


def _subjects(file: PlantedFile) -> list[Subject]:
    return [subject(Case(each), number) for number, each in enumerate(file.conversations, start=1)]


def _read_all(subjects: Sequence[Subject]) -> Diversity:
    diversity, wordings = Diversity(), Wordings(RECIPE.knowledge)
    for each in subjects:
        diversity.add(each, wordings.read(each))
    return diversity


def find_repeated_openers(subjects: Sequence[Subject]) -> set[int]:
    return {finding.line for finding in _read_all(subjects).repeated_openers()}


def find_stock_phrases(subjects: Sequence[Subject]) -> set[int]:
    check = StockCheck(_read_all(subjects).stock()).check
    return {finding.line for each in subjects for finding in check(each)}


FINDERS: dict[str, Callable[[Sequence[Subject]], set[int]]] = {
    "repeated-opener": find_repeated_openers,
    "stock-phrase": find_stock_phrases,
}


# Rates that an honest file stays below. Its answers are quotations, so an error in them is the rule's; that they recite
# the knowledge base, which tells of nanochat in the third person, and open as the examples do, is theirs.
HONEST_RATES = {
    "prompt-leak": 0.0,
    "control-token": 0.0,
    "secret": 0.0,
    "non-ascii": 0.0,
    "role-confusion": 0.0,
    "ai-disclaimer": 0.0,
    "email": 0.0,
    "markdown": 0.0,
    "third-person": 0.25,
    "verbatim": 1.0,
    "wrong-turns": 0.0,
    "copied-opener": 0.5,
    "wrong-language": 0.0,
    "truncated": 0.0,
    "ungrounded": 0.01,
    "derived-number": 0.01,
}


@pytest.fixture(scope="module")
def honest() -> list[Case]:
    scenarios = Scenarios(RECIPE.dimensions, sampling=RECIPE.sampling, seed=None)
    with closing(Author()) as author:
        return [
            Case(_write(author, scenarios.draw(index)), scenarios.draw_values(index), RECIPE.rules.charset)
            for index in range(HONEST)
        ]


def _write(author: Author, scenario: dict[str, str]) -> Conversation:
    request = [Message(each["role"], each["content"]) for each in build_messages(RECIPE, scenario)]
    return talk(*(each.content for each in author.write(request, digest_request(request, None))))


def test_every_rule_about_single_lines_is_held_to_a_rate_on_honest_ones() -> None:
    assert HONEST_RATES.keys() == PER_LINE.keys()


def test_honest_lines_are_left_alone(honest: list[Case], checks: list[Check]) -> None:
    flagged: dict[str, list[str]] = {rule: [] for rule in HONEST_RATES}
    for case in honest:
        for rule in find_rules(checks, case):
            flagged[rule].append(_spell(case))
    for rule, lines in flagged.items():
        show(f"{rule:24}{len(lines) / HONEST:7.4f} of {HONEST} honest lines")
    assert [rule for rule, lines in flagged.items() if len(lines) > HONEST_RATES[rule] * HONEST] == [], flagged
