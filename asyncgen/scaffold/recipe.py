"""The files of a new recipe, as text: a working copy of what the built-in prompts know, with remarks for its owner."""

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from asyncgen.recipe.language import LANGUAGE, NAMES
from asyncgen.recipe.recipe import JsonValue
from asyncgen.scaffold.draft import Draft, split_weight

_FOLDER = Path(__file__).parent
KNOWN = tuple(sorted(each.stem for each in (_FOLDER / "languages").iterdir()))
ENGLISH = "en"
MODEL = "google/gemini-3-flash-preview"
SAMPLING: Mapping[str, JsonValue] = {"temperature": 1.0, "max_tokens": 8192}
GREETINGS = "greetings"
MISUNDERSTANDING = 3  # its place among the dynamics of each language
NO_MISCONCEPTION = "nothing in particular"
FACTS = "facts"
STATEMENTS_FILE = "statements.md"
MOST_TOLD = 3  # statements of a conversation, each from another section
TO_TELL = "What has to come up, in words of the conversation:"
OPENERS_SHOWN = 2  # of them a model sees, each from another group


@dataclass(frozen=True, slots=True)
class Voices:
    """What users are like in one language: values of dimensions. `openers` by kind."""

    personas: Sequence[str]
    dynamics: Sequence[str]
    openers: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class RecipePlan:
    """What a new recipe is to be. `topics` by document; `voices` by language; `about`: who the assistant is.

    `statements`: by language and section. What is drafted by language may be so for some only.
    """

    name: str
    about: str
    topics: Mapping[str, Sequence[str]]
    voices: Mapping[str, Voices]
    misconceptions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    statements: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(self.voices)

    def with_drafts(self, drafts: Mapping[str, Draft]) -> "RecipePlan":
        """With a model's suggestions, of what it has any: beside the headings, for written personas and openers.

        How conversations unfold and greet stays as it is written.
        """
        asked = {f"asked in {NAMES[code]}": each.topics for code, each in drafts.items() if each.topics}
        voices = dict(self.voices)
        for code, draft in drafts.items():
            written = voices[code]
            suggested = {GREETINGS: written.openers[GREETINGS], "suggested": draft.openers}
            voices[code] = replace(
                written,
                personas=draft.personas or written.personas,
                openers=suggested if draft.openers else written.openers,
            )
        wrong = {code: each.misconceptions for code, each in drafts.items() if each.misconceptions}
        told = _by_own_section({code: each.statements for code, each in drafts.items() if each.statements})
        if told.keys() < self.voices.keys():  # those of one language would be told in the other one
            told = {}
        topics = {**self.topics, **asked}
        return replace(self, topics=topics, voices=voices, misconceptions=wrong, statements=told)


def read_voices(language: str, name: str) -> Voices:
    """Those that are written down for a language; of a language without any, the English ones."""
    known = language if language in KNOWN else ENGLISH
    table: dict[str, Any] = tomllib.loads((_FOLDER / "languages" / f"{known}.toml").read_text(encoding="utf-8"))
    openers = {kind: [each.replace("{name}", name) for each in values] for kind, values in table["openers"].items()}
    return Voices(table["personas"], table["dynamics"], openers)


def write_recipe(plan: RecipePlan) -> dict[str, str]:
    """The text of each file, but for the knowledge base."""
    about = f", {plan.about.rstrip('.')}" if plan.about else ""
    has_several = len(plan.languages) > 1
    codes = ", ".join(f"{code} is {NAMES[code]}" for code in plan.languages)
    language = (
        f"Both sides write the language that the scenario names by its code: {codes}. The topic and the knowledge\n"
        "  may be in another one."
        if has_several
        else f"Both sides write {NAMES[plan.languages[0]]}."
    )
    system = (_FOLDER / "system.md").read_text(encoding="utf-8")
    user = (_FOLDER / "user.md").read_text(encoding="utf-8")
    lines = "Language: {language}\n" if has_several else f"Language: {NAMES[plan.languages[0]]}\n"
    if plan.statements:
        user = user.replace("Dynamic: {dynamic}\n", f"Dynamic: {{dynamic}}\n{TO_TELL}\n{{{FACTS}}}\n")
    if plan.misconceptions:
        user = user.replace("Dynamic: {dynamic}\n", "Dynamic: {dynamic}\nThe user wrongly believes: {misconception}\n")
    return {
        **({STATEMENTS_FILE: "\n".join(_write_statements(plan)) + "\n"} if plan.statements else {}),
        "recipe.toml": "\n".join(_write_toml(plan)) + "\n",
        "system.md": system.replace("{name}", plan.name).replace("{about}", about).replace("{language}", language),
        "user.md": user.replace("{language_line}", lines),
    }


def _write_toml(plan: RecipePlan) -> Iterator[str]:
    yield f"# The recipe of {plan.name}, for you to edit. What everything means: asyncgen help recipes"
    yield f"# After an edit: asyncgen check {plan.name}"
    yield f"name = {quote(plan.name)}"
    yield f"description = {quote(plan.about or f'{plan.name}, an assistant that knows its documents')}"
    yield 'knowledge = "knowledge.md"'
    yield f"language = {quote(plan.languages[0]) if len(plan.languages) == 1 else json.dumps(plan.languages)}"
    yield ""
    yield "[request]"
    yield f"model = {quote(MODEL)}  # another one for one run: --model NAME"
    yield from (f"{name} = {value}" for name, value in SAMPLING.items())
    yield ""
    yield "[prompt]"
    yield 'system = "system.md"'
    yield 'user = "user.md"'
    yield ""
    yield "# What conversations are about: the headings of the documents. Strike out what nobody asks, add what is."
    yield from _write_groups("topic", plan.topics)
    if len(plan.languages) > 1:
        yield from ("", "# One of these is drawn for each conversation, in equal parts.")
        yield from ("[[dimension]]", f'name = "{LANGUAGE}"', f"values = {json.dumps(plan.languages)}")
    voices = plan.voices.items()
    yield from ("", "# Who is asking.")
    yield from _write_by_language("persona", {code: each.personas for code, each in voices})
    yield from ("", "# How it unfolds. Each value states its number of messages.")
    yield from _write_by_language("dynamic", {code: each.dynamics for code, each in voices})
    if plan.misconceptions:
        yield from (
            "",
            "# What the user gets wrong, where the dynamic is a misunderstanding (the fourth of each language).",
        )
        mistaken = {code: plan.voices[code].dynamics[MISUNDERSTANDING] for code in plan.misconceptions}
        others = [each for _, voice in voices for each in voice.dynamics if each not in mistaken.values()]
        yield from _write_groups("misconception", {"none": [NO_MISCONCEPTION], **plan.misconceptions})
        wrong = {code: {"dynamic": [mistaken[code]]} for code in plan.misconceptions}
        yield from _write_bindings({"none": {"dynamic": others}, **wrong})
    if plan.statements:
        yield from ("", f"# What is told: some of the statements in {STATEMENTS_FILE}, each as often as it weighs.")
        yield from ("[[dimension]]", f'name = "{FACTS}"', f'statements = "{STATEMENTS_FILE}"')
        fewest = min(map(len, plan.statements.values()))
        yield f"pick = {min(fewest, MOST_TOLD)}"
        if len(plan.languages) > 1:
            bound = {heading: {LANGUAGE: [code]} for code, sections in plan.statements.items() for heading in sections}
            yield from _write_bindings(bound)
    yield from ("", f"# How the user opens. {OPENERS_SHOWN} are shown to the model as examples of style.")
    groups = {
        (code, kind if len(plan.languages) == 1 else f"{kind}_{code}"): values
        for code, each in voices
        for kind, values in each.openers.items()
    }
    yield from _write_groups("opener", {kind: values for (_, kind), values in groups.items()}, pick=OPENERS_SHOWN)
    if len(plan.languages) > 1:
        yield from _write_bindings({kind: {LANGUAGE: [code]} for code, kind in groups})
    yield ""
    yield "[rules]"
    yield 'charset = "any"'


def _by_own_section(statements: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, dict[str, list[str]]]:
    """With no heading and no statement in two languages; a language of which nothing is left is left out."""
    own: dict[str, dict[str, list[str]]] = {}
    headings: set[str] = set()
    known: set[str] = set()
    for code, sections in statements.items():
        for heading, lines in sections.items():
            new = [each for each in lines if split_weight(each)[0] not in known]
            known.update(split_weight(each)[0] for each in new)
            title = heading if heading not in headings else f"{heading} ({code})"
            headings.add(title)
            if new:
                own.setdefault(code, {})[title] = new
    return own


def _write_statements(plan: RecipePlan) -> Iterator[str]:
    yield f"<!-- What conversations with {plan.name} are to tell, one fact a line, for you to edit. A number in"
    yield "     brackets is a weight: [10] is told ten times as often. A model has drafted this: read it well. -->"
    for sections in plan.statements.values():
        for heading, lines in sections.items():
            yield from ("", f"## {heading}", *(f"- {each}" for each in lines))


def _write_by_language(name: str, values: Mapping[str, Sequence[str]]) -> Iterator[str]:
    if len(values) == 1:
        (only,) = values.values()
        yield from ("[[dimension]]", f'name = "{name}"', "values = [", *_items(only), "]")
        return
    yield from _write_groups(name, values)
    yield from _write_bindings({code: {LANGUAGE: [code]} for code in values})


def _write_groups(name: str, groups: Mapping[str, Sequence[str]], pick: int | None = None) -> Iterator[str]:
    yield from ("[[dimension]]", f'name = "{name}"')
    if pick is not None:
        yield f"pick = {pick}"
    yield "[dimension.groups]"
    for group, values in groups.items():
        yield from (f"{quote(group)} = [", *_items(values), "]")


def _write_bindings(bindings: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[str]:
    yield "[dimension.only_with]"
    for group, conditions in bindings.items():
        words = ", ".join(f"{name} = [{', '.join(map(quote, values))}]" for name, values in conditions.items())
        yield f"{quote(group)} = {{{words}}}"


def _items(values: Sequence[str]) -> Iterator[str]:
    return (f"    {quote(each)}," for each in values)


def quote(text: str) -> str:
    """As TOML has it, which unlike JSON wants DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
