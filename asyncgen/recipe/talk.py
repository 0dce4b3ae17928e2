"""How the two sides of a conversation come to be written, where one call does not write both (`[talk]`).

`apart`: one call writes what the user says, without the knowledge base, and another one answers. `turn by turn`: two
models talk, a call for each message. The words for the user's side are made from the recipe's dimensions, so that it
knows who it is and what it wants, and nothing of what only the answers could teach.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from asyncgen.recipe.documents import read_text
from asyncgen.recipe.language import NAMES
from asyncgen.recipe.problems import Problems
from asyncgen.recipe.recipe import MODEL, Dimension, Recipe, Talk
from asyncgen.recipe.tables import RulesTable, TalkTable
from asyncgen.recipe.text_file import strip_blank_lines
from asyncgen.recipe.variables import Variables

TALK = "talk"
USER, ASSISTANT = "user", "assistant"  # who sits where
SAID = "said"  # the placeholder for what the user says
MOST_MESSAGES = 40
ANSWERS_WANTED = """

What the user says is written already, in this order:
{said}
Keep it as it is. Write the assistant's answers alone: "messages" holds one object for each of them, in this order, and
the role of all is "assistant"."""
_NUMBER = re.compile(r"\d+")
_APART = """\
Write what a user types in a conversation with an assistant, and nothing of what the assistant answers.

The assistant: {about}
{scenario}

The user does not know what the assistant is going to say: questions are short and sometimes clumsy, follow-ups could
follow whatever the answer is, and no word is used that only an answer could teach.

Return one JSON object and nothing around it. Its only key is "messages", an array of objects with the keys "role",
which is always "user", and "content": half as many as the conversation has messages in all, two where no number is
said."""
_USER = """\
You are the user in a chat with an assistant. You write what the user types, and nothing else.

The assistant: {about}
{scenario}

You know nothing of the assistant's subject but what the lines above say. React to what it has just answered: ask on,
doubt, thank or change the subject, as this user would. Messages are short and sometimes clumsy. Write only the text of
the user's next message, without quotation marks, a name or a remark."""
_ASSISTANT = """\
You are the assistant in this chat: {about}.

All that you know is between the two marked lines. State nothing else as a fact, and say so where you do not know.

<knowledge>
{knowledge}
</knowledge>

Write only the text of your next message: plain text that reads like talk."""
BEGIN = "Begin the chat."


def read_talk(
    table: TalkTable | None,
    folder: Path,
    about: str,
    dimensions: Sequence[Dimension],
    rules: RulesTable,
    *,
    language: Sequence[str],
    filling: Variables,
    problems: Problems,
) -> Talk | None:
    """None where both sides are written together. `about`: what the assistant is, in the recipe's words."""
    if table is None or table.users == "together":
        return None
    is_apart = table.users == "apart"
    usual = _usual_talk(table.users, about, dimensions, language)
    user = _read_prompt(folder, table.user, "talk.user", filling, problems)
    assistant = _read_prompt(folder, table.assistant, "talk.assistant", filling, problems)
    if is_apart and (assistant is not None or table.messages is not None):
        key = "assistant" if assistant is not None else "messages"
        problems.add((TALK, key), 'expected it only beside users = "turn by turn"')
    if any(each.name in {SAID, TALK} for each in dimensions):
        problems.add((TALK,), f"expected no dimension called {SAID} or {TALK}")
    if any(each.name == MODEL for each in dimensions):
        problems.add((TALK,), "expected no [[models]] beside it; talk.model is who plays the user")
    talk = replace(
        usual,
        user=usual.user if user is None else user,
        assistant=usual.assistant if assistant is None else assistant,
        messages=usual.messages if table.messages is None else table.messages,
        model=table.model,
    )
    if not is_apart and (wrong := _find_wrong_count(talk, dimensions, rules)):
        problems.add((TALK, "messages"), wrong)
    return talk


def _usual_talk(
    users: Literal["apart", "turn by turn"], about: str, dimensions: Sequence[Dimension], language: Sequence[str]
) -> Talk:
    """`language`: codes. Several are a dimension, whose value is in the scenario; a single one is told both sides."""
    lines = []
    for each in dimensions:
        if each.by_weight is not True and not each.is_of_passages and each.name != MODEL:
            label = each.name.replace("_", " ").capitalize()
            lines.append(f"{label}:\n{{{each.name}}}" if each.pick is not None else f"{label}: {{{each.name}}}")
    written = f"Language: {NAMES[language[0]]}" if len(language) == 1 else ""
    words = {"about": about or "it answers the user", "scenario": "\n".join(filter(None, [*lines, written]))}
    assistant = "\n\n".join(filter(None, [_fill(_ASSISTANT, words), written]))
    return Talk(users, _fill(_APART if users == "apart" else _USER, words), assistant, 4)


def with_talk(recipe: Recipe, users: Literal["apart", "turn by turn"]) -> Recipe:
    """The same recipe talked otherwise; it writes both sides together so far."""
    user = recipe.user + (ANSWERS_WANTED if users == "apart" else "")
    return replace(recipe, user=user, talk=_usual_talk(users, recipe.description, recipe.dimensions, recipe.language))


def prompts_by_seat(recipe: Recipe) -> dict[str, Recipe]:
    """What is said to whom, in the order in which they are asked first: to one alone where both sides come together."""
    talk = recipe.talk
    if talk is None:
        return {"": recipe}
    if talk.users == "apart":
        return {USER: replace(recipe, system=None, user=talk.user, knowledge=""), ASSISTANT: recipe}
    return {
        USER: replace(recipe, system=talk.user, user=BEGIN, knowledge=""),
        ASSISTANT: replace(recipe, system=talk.assistant, user=""),
    }


def count_messages(talk: Talk, scenario: Mapping[str, str]) -> int:
    """How many messages a talk has, turn by turn."""
    if isinstance(talk.messages, int):
        return talk.messages
    found = _NUMBER.search(scenario[talk.messages])
    return 2 if found is None else max(2, min(MOST_MESSAGES, int(found[0]) + int(found[0]) % 2))


def _fill(template: str, words: Mapping[str, str]) -> str:
    """One pass, and only what is named."""
    return re.sub(r"\{(about|scenario)\}", lambda found: words[found[1]], template)


def _read_prompt(folder: Path, name: str | None, key: str, filling: Variables, problems: Problems) -> str | None:
    return None if name is None else strip_blank_lines(filling.fill(read_text(folder / name, key, problems)))


def _find_wrong_count(talk: Talk, dimensions: Sequence[Dimension], rules: RulesTable) -> str | None:
    """What is wrong with the number of messages: all calls of a talk that the recipe's rules refuse are paid for."""
    counts = {}
    if isinstance(talk.messages, int):
        counts[str(talk.messages)] = talk.messages
        if talk.messages % 2 and rules.ends_with == ASSISTANT:
            return f'expected an even number, since rules.ends_with is "assistant", got {talk.messages}'
    else:
        name = talk.messages
        dimension = next((each for each in dimensions if each.name == name), None)
        if dimension is None or dimension.pick is not None:
            return f"expected a number, or a dimension that gives one value, got {name!r}"
        for value in dimension.values:
            if not _NUMBER.search(value):
                return f"expected a number in every value of {name}, and {value!r} has none"
            counts[f"{value!r} of {name}"] = count_messages(talk, {name: value})
    few = next((each for each, count in counts.items() if count < rules.min_messages), None)
    return few and f"expected at least {rules.min_messages}, which is rules.min_messages, got {few}"
