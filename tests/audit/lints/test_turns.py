from collections.abc import Mapping
from math import inf

from quick import each_row

from asyncgen.audit.lints.turns import TurnsCheck, find_lengths
from asyncgen.audit.rules import Finding
from asyncgen.audit.subject import Subject
from asyncgen.conversation import Conversation, Message
from asyncgen.data.dataset import Record
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.recipe import Dimension, Group
from asyncgen.recipe.scenario import Drawn

DIMENSIONS = (
    Dimension("topic", (Group("", ("rye", "wheat")),)),
    Dimension("dynamic", (Group("", ("a short chat (2 messages)", "a long one (4 messages)")),)),
)
FOUR = {"dynamic": (("", "a long one (4 messages)"),)}


def messages(number: int) -> Conversation:
    return tuple(Message("assistant" if place % 2 else "user", "x") for place in range(number))


def check(found: Conversation, scenario: Mapping[str, Drawn] | None, *dimensions: Dimension) -> list[Finding]:
    subject = Subject(Record(7, 0, found, 0), scenario, "any")
    return list(TurnsCheck([each.name for each in dimensions or DIMENSIONS if each.pick is None]).check(subject))


@each_row(
    ("text", "ranges"),
    [
        ("short 2-turn exchange (2 messages): one question, one answer", {(2, 2)}),
        ("deep 6-turn discussion (6 messages)", {(6, 6)}),
        ("a chat of four messages", {(4, 4)}),
        ("4-6 messages", {(4, 6)}),
        ("Four to six messages", {(4, 6)}),
        ("4-turn chat in which one message is a joke", {(4, 4), (8, 8)}),
        ("3-turn arc", {(3, 3), (6, 6)}),
        ("2 or 3 turns", {(2, 3), (4, 6)}),
        ("at least 4 messages", {(4, inf)}),
        ("4+ messages", {(4, inf)}),
        ("4 or more messages", {(4, inf)}),
        ("up to six messages", {(1, 6)}),
        ("6-turn arc: after two messages the user gets angry", {(6, 6), (12, 12)}),
        ("about 4 messages", set()),
        ("multi-turn, relaxed", set()),
        ("the context length of 2,048 tokens", set()),
        ("the user returns to it 3 times", set()),
        ("a mailbox of 1,000 messages", set()),
        ("doubtful in the first two messages", set()),
        ("the user wants one message answered", set()),
        ("a limit of 90 messages", set()),
    ],
)
def test_a_number_of_messages_is_read_from_a_value(text: str, ranges: set[tuple[float, float]]) -> None:
    assert set(find_lengths(text)) == ranges


def test_another_number_of_messages_than_the_scenario_names_is_a_finding() -> None:
    (finding,) = check(messages(2), FOUR)
    assert finding == Finding("wrong-turns", 7, None, "2 messages, asked: a long one (4 messages)")
    assert check(messages(4), FOUR) == []


def test_no_number_named_and_no_scenario_mean_no_finding() -> None:
    assert check(messages(2), {"dynamic": (("", "relaxed"),), "topic": (("", "rye"),)}) == []
    assert check(messages(2), None) == []


def test_a_number_in_a_pick_is_not_a_number_of_messages() -> None:
    pick = Dimension("phrases", (Group("a", ("send 8 messages",)),), grouped=True, pick=1)
    assert check(messages(2), {"phrases": (("a", "send 8 messages"),)}, pick) == []


def test_every_dynamic_of_the_built_in_recipe_names_one_number() -> None:
    (dynamic,) = [each for each in load_recipe("nanochat").dimensions if each.name == "dynamic"]
    found = [find_lengths(value) for group in dynamic.groups for value in group.values]
    assert len(found) == 10
    assert {length for lengths in found for length in lengths} == {(2, 2), (4, 4), (6, 6)}
    assert all(len(set(lengths)) == 1 for lengths in found)
