"""A recipe as values: dimensions, prompts, settings, rules. Frozen and checked; `load` reads them from files."""

import hashlib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

from asyncgen.recipe.listed import Listed

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"
Sampling: TypeAlias = Literal["balanced", "random"]
Charset: TypeAlias = Literal["ascii", "any"]
LastRole: TypeAlias = Literal["assistant", "any"]

# Of each dimension named, one of these values, or a value of one of these groups.
Condition: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]

PLACEHOLDER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
KNOWLEDGE = "knowledge"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")  # of a recipe; it names files
JUDGE = "[judge]"  # the seat of who reads a conversation before it is written to the output
MODEL = "model"  # the dimension of a recipe whose work several models share


@dataclass(frozen=True, slots=True)
class Group:
    """Values drawn together; `weights` is None unless the recipe gives one for at least one of them.

    `only_with`: by the place of a value, or None for all of them, what has to be drawn for it to be drawn beside.
    """

    name: str
    values: tuple[str, ...] | Listed
    weights: tuple[float, ...] | None = None
    only_with: tuple[tuple[int | None, Condition], ...] | UnsetType = UNSET  # left out where nothing is bound

    def __post_init__(self) -> None:
        """A journal is read into these too, and what it holds nobody has checked."""
        if isinstance(self.values, tuple) and not 0 < len(set(self.values)) == len(self.values):
            raise ValueError(f"group {self.name!r}: expected values, each of them once")
        weights = self.weights
        if weights is None:
            return
        if len(weights) != len(self.values) or min(weights) <= 0 or not math.isfinite(sum(weights)):
            raise ValueError(f"group {self.name!r}: expected a weight above 0 for each value, with a finite sum")


@dataclass(frozen=True, slots=True)
class Dimension:
    """One axis of diversity.

    A flat dimension is a single group and `grouped` is False. `pick`: how many groups give one value each to
    a scenario, None for the ordinary one value. `by_weight`: groups are picked as often as their values weigh, which
    else are picked alike.
    """

    name: str
    groups: tuple[Group, ...]
    grouped: bool = False
    pick: int | None = None
    by_weight: bool | UnsetType = UNSET  # left out where it is not so

    def __post_init__(self) -> None:
        names = [each.name for each in self.groups]
        if not names or len(set(names)) < len(names) or not (self.grouped or len(names) == 1):
            raise ValueError(f"dimension {self.name!r}: expected groups, each of them once")
        if self.pick is not None and (self.pick < 1 or not self.grouped):
            raise ValueError(f"dimension {self.name!r}: expected groups to pick from, and to pick 1 or more")

    @property
    def size(self) -> int:
        return sum(len(each.values) for each in self.groups)

    @property
    def values(self) -> Iterator[str]:
        """Of all groups, in their order."""
        return chain.from_iterable(each.values for each in self.groups)

    @property
    def is_of_passages(self) -> bool:
        """Whether its values are pieces of the knowledge base."""
        return any(isinstance(each.values, Listed) and each.values.words is not None for each in self.groups)


@dataclass(frozen=True, slots=True)
class Rules:
    """What a reply must satisfy to be a conversation."""

    min_messages: int = 2
    charset: Charset = "any"
    ends_with: LastRole = "assistant"


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """What an audit does otherwise: rules that are off, and further phrases to look for, by rule.

    They shape no data, and which names are rules is the audit's own knowledge.
    """

    off: tuple[str, ...] = ()
    phrases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """Who judges conversations, and the recipe's own questions by name. They shape no data.

    An empty question stands for a built-in one that is not asked.
    """

    model: str | None = None
    questions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Repair:
    """What is looked for in a conversation before it is written: rules of an audit, and what a judge says no to.

    `below`: what a judge's score must not be below, by question, or of claims; where it is empty, all has to be good.
    """

    rules: tuple[str, ...]
    is_judged: bool = False
    below: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RequestHeader:
    """An extra request header: its value (it may be a secret) or the environment variable holding it."""

    name: str
    value: str | None = field(default=None, repr=False)
    variable: str | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One of the models that share the work. `request`: its settings, over those of all."""

    name: str
    weight: float
    request: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Talk:
    """How the sides are written by calls of their own.

    `user` and `assistant`: what whoever writes a side is told, with placeholders. `messages`: of a talk turn by turn,
    or the dimension that says how many. `model`: who plays the user, where that is another one.
    """

    users: Literal["apart", "turn by turn"]
    user: str
    assistant: str
    messages: int | str
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe and its knowledge base, whole and checked.

    `source` is what a person would call it: the built-in's name or the resolved path of its file. `language`: codes of
    ISO 639-1, as far as they are declared. `export_system`: the system message of what is exported. `files`: what it
    was read from. `warnings`: what a person should know of it before it is used.
    """

    name: str
    description: str
    source: str
    sampling: Sampling
    knowledge: str
    system: str | None
    user: str
    request: Mapping[str, JsonValue]
    headers: tuple[RequestHeader, ...]
    dimensions: tuple[Dimension, ...]
    rules: Rules
    audit: AuditOptions = field(default_factory=AuditOptions)
    judge: JudgeOptions = field(default_factory=JudgeOptions)
    repair: Repair | None = None
    language: tuple[str, ...] = ()
    export_system: str | None = None
    models: tuple[Model, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    talk: Talk | None = None
    files: tuple[Path, ...] = field(default=(), compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def sends_knowledge(self) -> bool:
        """Whether all of the knowledge base is sent, in one of the prompts."""
        return KNOWLEDGE in PLACEHOLDER.findall(f"{self.system}\n{self.user}")

    @property
    def is_judged(self) -> bool:
        """Whether a judge reads its conversations before they are written."""
        return self.repair is not None and self.repair.is_judged

    def digests(self) -> dict[str, str]:
        """Digest of each part that shapes the data, by the name under which a difference is reported."""
        parts: dict[str, object] = {}
        for each in self.dimensions:
            # Without the places of its files: a recipe that is moved is the same one.
            groups = [
                replace(group, values=msgspec.structs.replace(group.values, file=""))
                if isinstance(group.values, Listed)
                else group
                for group in each.groups
            ]
            parts[f"dimension {each.name}"] = replace(each, groups=tuple(groups))
        parts["order of dimensions"] = [each.name for each in self.dimensions]
        parts["prompts"] = [self.system, self.user]
        parts["rules"] = self.rules
        parts["knowledge"] = self.knowledge
        if self.repair is not None:
            parts["repair"] = [self.repair, self.judge] if self.is_judged else self.repair.rules
        if self.talk is not None:
            parts["talk"] = self.talk
        return {name: digest_part(part) for name, part in parts.items()}


def digest_part(part: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(part), digest_size=16).hexdigest()
