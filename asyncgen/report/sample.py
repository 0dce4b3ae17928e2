"""The conversations that a report carries with it: some of every finding, the rest drawn at random.

A report must stay a file that a browser opens at once, so each conversation has an allowance of characters; what
passes it is left out, and counted. The JSON stands inside a script element, where "</script" and "<!--" would end or
change it: no angle bracket is written as itself.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import TypeAlias

import msgspec

from asyncgen.conversation import Conversation
from asyncgen.data.dataset import Dataset
from asyncgen.recipe.scenario import Drawn

ALLOWANCE = 4_000_000  # characters of all conversations together
LEAST_ALLOWANCE = 2_000  # characters of one, however many were asked for
LONGEST_ROLE = 20  # characters; also what a message without content takes of the allowance

Scenario: TypeAlias = Mapping[str, Drawn]

_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_UNSAFE = str.maketrans(_ESCAPES)


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule found: the lines, and those of its examples."""

    severity: str
    lines: Sequence[int]
    examples: Sequence[int]


class SampledMessage(msgspec.Struct, omit_defaults=True, frozen=True):
    """`cut`: how many characters were left out at the end."""

    role: str
    content: str
    cut: int = 0


class SampledConversation(msgspec.Struct, omit_defaults=True, frozen=True, kw_only=True):
    """`scenario` and `findings` are positions in the lists of `Sample`. `omitted`: messages left out at the end."""

    line: int
    scenario: list[int | None]
    findings: list[int]
    messages: list[SampledMessage]
    omitted: int = 0


class Value(msgspec.Struct, frozen=True):
    group: str
    value: str


class SampledDimension(msgspec.Struct, frozen=True):
    name: str
    values: list[Value]


class SampledRule(msgspec.Struct, frozen=True):
    name: str
    severity: str


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What report.js reads."""

    dimensions: list[SampledDimension]
    rules: list[SampledRule]
    conversations: list[SampledConversation]

    @property
    def lines(self) -> frozenset[int]:
        return frozenset(each.line for each in self.conversations)


def draw_sample(dataset: Dataset, found: Mapping[str, Found], size: int) -> Sample:
    """So many lines, or all, in the order of the file; the same for the same file."""
    chosen = choose_lines(found, lines=len(dataset), size=size)
    records = list(islice((each for each in dataset.records() if each.number in chosen), len(chosen)))
    scenarios: list[Scenario] = [{} if each.index is None else dataset.scenario(each.index) for each in records]
    dimensions = () if dataset.header is None else dataset.header.dimensions
    places: dict[str, dict[tuple[str, str], int]] = {}  # by dimension its values in the sample, and where each stands
    for name in [each.name for each in dimensions if each.pick is None]:
        drawn = sorted({scenario[name][0] for scenario in scenarios if name in scenario})
        places[name] = {each: place for place, each in enumerate(drawn)}
    broken = {rule: lines for rule, each in found.items() if (lines := chosen.intersection(each.lines))}
    allowance = max(ALLOWANCE // max(len(chosen), 1), LEAST_ALLOWANCE)
    conversations = []
    for record, scenario in zip(records, scenarios, strict=True):
        messages = cut_messages(record.conversation, allowance)
        conversations.append(
            SampledConversation(
                line=record.number,
                scenario=[values[scenario[name][0]] if name in scenario else None for name, values in places.items()],
                findings=[number for number, lines in enumerate(broken.values()) if record.number in lines],
                messages=messages,
                omitted=len(record.conversation) - len(messages),
            )
        )
    return Sample(
        dimensions=[SampledDimension(name, [Value(*each) for each in values]) for name, values in places.items()],
        rules=[SampledRule(rule, found[rule].severity) for rule in broken],
        conversations=conversations,
    )


def choose_lines(found: Mapping[str, Found], *, lines: int, size: int) -> frozenset[int]:
    """Half of them examples of findings, one of each rule in turn; the rest at random."""
    if lines <= size:
        return frozenset(range(1, lines + 1))
    in_turn = chain.from_iterable(zip_longest(*(each.examples for each in found.values())))
    examples = list(dict.fromkeys(line for line in in_turn if line is not None and line <= lines))[: size // 2]
    drawn = random.Random(0).sample(range(1, lines + 1), size)  # noqa: S311 - to be repeated, not to be secret
    return frozenset(list(dict.fromkeys([*examples, *drawn]))[:size])


def encode_sample(sample: Sample) -> str:
    """JSON that may stand in a script element."""
    return msgspec.json.encode(sample).decode().translate(_UNSAFE)


def cut_messages(conversation: Conversation, allowance: int) -> list[SampledMessage]:
    """As many messages as the allowance of characters holds, the last of them perhaps not whole."""
    messages = []
    for message in conversation:
        if allowance <= 0:
            break
        role, content = message.role[:LONGEST_ROLE], message.content[:allowance]
        messages.append(SampledMessage(role, content, len(message.content) - len(content)))
        allowance -= len(content) + LONGEST_ROLE
    return messages
