"""Rules: everything an audit can find, by name, and what a recipe changes about that.

A rule is a name, a severity and a sentence; what finds it lives in the module of its subject. All names stand here,
so that a recipe or a flag that misspells one is told before a million lines are read.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

from asyncgen.did_you_mean import did_you_mean
from asyncgen.errors import ConfigError
from asyncgen.recipe.problems import Key, write_key
from asyncgen.recipe.recipe import AuditOptions, Recipe

Severity: TypeAlias = Literal["error", "warning", "note"]
Span: TypeAlias = tuple[int, int]  # from where to where a finding stands in a text

MAX_EVIDENCE = 120  # characters


@dataclass(frozen=True, slots=True)
class Rule:
    """`error`: the line should not be trained on. `warning`: look at it. `note`: worth knowing about the whole."""

    name: str
    severity: Severity
    description: str


@dataclass(frozen=True, slots=True)
class Finding:
    """`line`: counted from 1. `message`: counted from 0, None for the whole. `evidence`: untrusted text, an excerpt.

    `like`: the earlier line that this one repeats, where the rule is about two lines.
    """

    rule: str
    line: int
    message: int | None
    evidence: str
    like: int | None = None

    @property
    def told(self) -> str:
        """What the rule says, and what breaks it here."""
        return f"{RULES[self.rule].description}: {self.evidence}"


_ALL = (
    Rule("near-duplicate", "warning", "nearly the same conversation as an earlier line"),
    Rule("near-duplicate-answers", "warning", "the assistant says nearly the same as in an earlier line"),
    Rule(
        "ungrounded", "warning", "a figure, date, address or name that is neither in the knowledge base nor the user's"
    ),
    Rule("derived-number", "note", "a figure that is not in the knowledge base but can be computed from it"),
    Rule("verbatim", "note", "twelve words in a row as the knowledge base has them"),
    Rule("prompt-leak", "error", "speaks of the knowledge base or the prompt, or repeats a piece of it"),
    Rule("ai-disclaimer", "warning", "a stock disclaimer of another assistant, such as being an AI language model"),
    Rule("control-token", "error", "a control token of a chat template"),
    Rule("email", "warning", "an e-mail address"),
    Rule("secret", "error", "what looks like a key, a token or a password"),
    Rule("non-ascii", "error", "a character outside ASCII where the recipe asks for ASCII"),
    Rule("markdown", "warning", "headings, bold, tables or other markup where plain text is meant"),
    Rule("truncated", "warning", "an answer that ends in the middle of a sentence, a list or code"),
    Rule("role-confusion", "error", "one side speaks as the other or writes its turn, or a narrator tells of both"),
    Rule("third-person", "warning", "the assistant speaks of itself as of somebody else"),
    Rule("wrong-language", "warning", "a message in another language than the recipe or its scenario says"),
    Rule("wrong-turns", "warning", "another number of messages than the scenario names"),
    Rule("judged", "warning", "a judge says no to a question, or finds a claim that is not in the knowledge base"),
    Rule("copied-opener", "note", "a first message in the words of one that was shown as an example"),
    Rule("repeated-opener", "note", "a first message that many lines share"),
    Rule("stock-phrase", "note", "a phrase that a large share of the answers repeats"),
)
RULES: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rule in _ALL})
PHRASE_RULES = ("prompt-leak", "ai-disclaimer")  # whose lists of phrases a recipe may lengthen


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """What a recipe changes: rules that are off, and further phrases by rule."""

    off: frozenset[str] = frozenset()
    phrases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, recipe: Recipe | None) -> "AuditSettings":
        """From the recipe's table `[audit]`. Raises ConfigError for a name that is no rule's."""
        if recipe is None:
            return cls()
        for key, wrong in find_wrong_names(recipe.audit):
            raise ConfigError(f"{recipe.source}: {write_key(key)}: {wrong}")
        return cls(frozenset(recipe.audit.off), recipe.audit.phrases)


def find_wrong_names(options: AuditOptions) -> Iterator[tuple[Key, str]]:
    """Each name in a recipe's table `[audit]` that is no rule's: where it stands, and what is wrong with it."""
    for place, name in enumerate(options.off):
        if wrong := _explain_name(name, RULES):
            yield ("audit", "off", place), wrong
    for name in options.phrases:
        if wrong := _explain_name(name, PHRASE_RULES):
            yield ("audit", "phrases", name), wrong


def check_rule_names(where: str, names: Iterable[str], *, may_repeat: bool = True) -> None:
    """Raises ConfigError, beginning with `where`, for a name that is no rule's; it lists the names.

    `may_repeat`: whether the flag `where` may be given once for each of several.
    """
    for name in names:
        if "," in name and RULES.keys() >= set(several := name.split(",")):
            each_alone = " ".join(f"{where} {each}" for each in several) if may_repeat else f"{where} {several[0]}"
            raise ConfigError(f"{where} {name}: it takes one rule at a time; write {each_alone}")
        if wrong := _explain_name(name, RULES):
            raise ConfigError(f"{where}: {wrong}")


def _explain_name(name: str, known: Collection[str]) -> str | None:
    if name in known:
        return None
    return f"no such rule: {name!r}; expected one of {', '.join(known)}{did_you_mean(name, known)}"


def excerpt(text: str, start: int = 0, end: int | None = None) -> str:
    """At most 120 characters of the text, on one line, around what stands from `start` to `end`."""
    end = start if end is None else end
    room = max(MAX_EVIDENCE - (end - start), 0)
    first = max(min(start - room // 3, len(text) - MAX_EVIDENCE), 0)
    piece = text[first : first + MAX_EVIDENCE]
    before = "..." if first > 0 else ""
    after = "..." if first + MAX_EVIDENCE < len(text) else ""
    piece = piece[len(before) : len(piece) - len(after)] if after else piece[len(before) :]
    return " ".join(f"{before}{piece}{after}".split())


def blank(match: re.Match[str]) -> str:
    """Blanks in the place of what matched, so that all else keeps its own."""
    return " " * len(match[0])
