"""How well each rule does on lines about several subjects, in four languages, half of them right and half not.

`blind` was written from pages/audit.md alone, by two who had not read the rules, and no rule was mended on its lines.
`worked_on` are lines that the rules were mended on; more than half of them were blind before. `natural` are right
conversations alone, as a good model writes them when it is asked for them, and blind as well. Each line names the
rules it breaks, and those it may break as well; some have the scenario that they were written for.
`pytest -n0 -s` prints the table.
"""

import json
from collections import Counter
from functools import cache
from pathlib import Path

import msgspec
import pytest

from asyncgen.audit.checks import line_checks
from asyncgen.audit.grounding.grounding import Grounding
from asyncgen.audit.subject import Check, Subject
from asyncgen.conversation import Message
from asyncgen.data.dataset import Record
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.recipe import Charset

KINDS = Path(__file__).parent / "kinds"
NAMES = {
    "ferry": "Gully",
    "bike": "Spokey",
    "halle": "Bocki",
    "sky": "Nova",
    "ofen": "Laib",
    "camp": "Willa",
    "mill": "Wheely",
    "werk": "Ritzel",
    "yard": "Sprocket",
    "toollibrary": "Tilly",
    "driftbox": "Ferry",
    "tierpark": "Fips",
    "skarrow": "Halyard",
    "papertide": "Inkling",
    "weingut": "Vinzenz",
    "wexley": "Marlow",
    "tarnvalley": "Vega",
    "lindhorst": "Lindi",
    "thornlea": "Tansy",
    "solvane": "Juno",
    "kranichau": "Mela",
    "suds": "Pip",
    "buoys": "Orla",
    "garten": "Minna",
    "plover": "Plover",
    "tussock": "Clover",
    "krahe": "Thermo",
    "alder": "Wren",
    "orrin": "Zenny",
    "ciboule": "Ciboulette",
    "marlbrook": "Pip",
    "dado": "Lola",
    "burrow": "Moley",
    "greenmoor": "Sorrel",
    "paywell": "Penny",
    "belleetoile": "Hulotte",
    "tidewater": "Wren",
    "ashgrove": "Ivy",
    "mapmill": "Quill",
    "hut": "Fenn",
    "lindtone": "Otto",
    "auenbad": "Paula",
    "bellwick": "Maltby",
    "parlanto": "Tessa",
    "hiveplot": "Wilf",
}
PRECISION = 0.9
RECALL = {
    **dict.fromkeys(("control-token", "non-ascii", "email", "secret", "markdown", "truncated", "ai-disclaimer"), 0.9),
    **dict.fromkeys(("prompt-leak", "role-confusion", "third-person"), 0.9),
    **dict.fromkeys(("ungrounded", "derived-number"), 0.9),
}
MOST_FALSE = 0.1  # of right lines
SHORT_ON_BLIND = {"role-confusion": 0.85}
OFTEN_BOTH = "derived-number"  # an invention may be a sum as well
SLOW = (pytest.mark.slow, pytest.mark.timeout(300, method="thread"))  # ten thousand lines, twice as slow with coverage


class Line(msgspec.Struct):
    rules: frozenset[str]
    knowledge: str
    talk: list[str]
    may: frozenset[str] = frozenset()
    charset: Charset = "any"
    scenario: dict[str, str] = {}


@cache
def checks(subject: str) -> list[Check]:
    if subject == "nanochat":
        recipe = load_recipe("nanochat")
        naming = [recipe.system or ""]
        return [
            *line_checks(recipe.system, knowledge=recipe.knowledge),
            Grounding(recipe.knowledge, naming=naming).check,
        ]
    knowledge, name = (KINDS / f"{subject}.md").read_text(encoding="utf-8"), NAMES.get(subject, "Biblo")
    prompt = f"A user talks with {name}, the assistant. {name} is kind. {name} knows its subject."
    return [*line_checks(prompt, knowledge=knowledge), Grounding(knowledge, naming=[prompt]).check]


def find_rules(line: Line) -> set[str]:
    talk = tuple(Message(("user", "assistant")[place % 2], each) for place, each in enumerate(line.talk))
    scenario = {name: (("", value),) for name, value in line.scenario.items()}
    subject = Subject(Record(1, 0, talk, None), scenario or None, line.charset)
    return {finding.rule for check in checks(line.knowledge) for finding in check(subject)} - {"verbatim"}


@pytest.mark.parametrize("name", ["blind", pytest.param("worked_on", marks=SLOW)])
def test_what_is_wrong_is_found_and_the_rest_left_alone(name: str) -> None:
    planted, found, false = Counter[str](), Counter[str](), Counter[str]()
    wrong: list[str] = []
    for row in (KINDS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        line = msgspec.convert(json.loads(row), Line)
        rules = find_rules(line)
        planted.update(line.rules)
        found.update(line.rules & rules)
        others = rules - line.rules - line.may - ({OFTEN_BOTH} if "ungrounded" in line.rules else set())
        false.update(others)
        wrong += [f"missed {sorted(line.rules - rules)}, false {sorted(others)}: {line.talk}"] * (
            not line.rules <= rules or bool(others)
        )
    short = SHORT_ON_BLIND if name == "blind" else {}
    for rule in sorted(planted):
        recall, precision = found[rule] / planted[rule], found[rule] / (found[rule] + false[rule])
        row = f"{name:10} {rule:16}{planted[rule]:4} planted   recall {recall:4.2f}   precision {precision:4.2f}"
        print(f"\n{row}", end="")  # noqa: T201 - the table that -s asks for
        assert recall >= short.get(rule, RECALL[rule]), "\n".join(wrong) if name == "worked_on" else rule
        assert precision >= PRECISION, rule
    assert planted.keys() | false.keys() <= RECALL.keys()


def test_of_natural_conversations_few_are_found_wrong() -> None:
    rows = (KINDS / "natural.jsonl").read_text(encoding="utf-8").splitlines()
    found = Counter(rule for row in rows for rule in find_rules(msgspec.convert(json.loads(row), Line)))
    del found[OFTEN_BOTH]  # a note, and what is right may be a sum
    for rule, count in found.items():
        print(f"\nnatural    {rule:16}{count:4} of {len(rows)} right lines", end="")  # noqa: T201 - as above
        assert count <= MOST_FALSE * len(rows), rule
