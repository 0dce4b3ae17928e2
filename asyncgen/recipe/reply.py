"""What a model wraps around a conversation: thoughts, marks of channels, prose, fences, other words for its parts.

Asked for an object with `messages`, a model may think first, explain itself behind it, or answer in the words of the
data sets it has learnt from. What is found here is every conversation that the text may mean; a reply is taken when
that is one. A draft among thoughts is none, and neither is what stands inside broken JSON.

Every pass is linear in the text: a decoder starts again where the last one has failed or ended, and only so often.
"""

import json
import re
from collections.abc import Collection, Iterator
from typing import NamedTuple, TypeAlias

from asyncgen.conversation import TOLERANT

Turn: TypeAlias = tuple[str, str]
Turns: TypeAlias = tuple[Turn, ...]

MAX_MARKS = 300  # beginnings of JSON and of thoughts in a text; one with more is left alone
MOST_WRAPPED = 100  # things in a list or object around a conversation
DEEPEST = 6  # levels of lists, keys and strings around a conversation

_TAGS = r"(?i:(?:\w+:)?(?:think|thinking|thoughts?|reasoning|reflection|analysis|scratchpad))"
# The one set of first characters lets a search skip what begins no mark at ten times the speed.
_MARKS = re.compile(
    rf"""
    [<\[{{◁a] (?:
      (?P<ends>
          (?<=<) (?:
              /{_TAGS}\s*>
            | \|end_of_thought\|>
            | channel\|>
            | \|channel\|>final [^<]{{0,40}} (?:<\|constrain\|>\w+)? <\|message\|>
          )
        | (?<=\[) /THINK\]
        | (?<=◁) /think▷
        | (?<=a) ssistantfinal (?=\s*[{{\[])
      )
    | (?P<begins>
          (?<=<) (?:
              {_TAGS} (?:\s[^<>]{{0,200}})? >
            | \|begin_of_thought\|>
            | \|channel>thought
            | \|channel\|> (?:analysis|commentary)
          )
        | (?<=\[) THINK\]
        | (?<=◁) think▷
      )
    | (?P<json> (?<=\{{) (?=\s*") | (?<=\[) (?=\s*[\[{{"]) )
    )
    """,
    re.VERBOSE,
)

_ROLE_KEYS = ("role", "from", "speaker", "sender", "author")
_CONTENT_KEYS = ("content", "value", "text", "message")
_LIST_KEY = "messages"
_SPEAKERS = ("user", "assistant")

_ROLES = {
    **dict.fromkeys(("user", "human", "usr", "prompter", "enduser"), "user"),
    **dict.fromkeys(
        ("assistant", "model", "gpt", "bot", "ai", "chatbot", "chatgpt", "llm", "aiassistant"), "assistant"
    ),
    **dict.fromkeys(("system", "developer"), "system"),
}


def role_of(word: str) -> str:
    """The role that a word stands for: "user", "assistant", "system", or the word itself."""
    return _ROLES.get(word.strip().lower().replace("_", "").replace("-", ""), word)


class Found(NamedTuple):
    """`conversations`: all different ones. `is_thinking`: the text ends among thoughts."""

    conversations: tuple[Turns, ...]
    is_thinking: bool


def find_conversations(text: str) -> Found:
    """The conversations that a text holds outside of thoughts."""
    found: dict[Turns, None] = {}
    is_thinking = False
    for value in _values(text):
        if isinstance(value, bool):
            is_thinking = value
            if not is_thinking:
                found.clear()
        else:
            found |= dict.fromkeys(_inside(value, DEEPEST))
    return Found(tuple(found), is_thinking)


def _values(text: str) -> Iterator[object]:
    """The JSON lists and objects in a text, in order; True where thoughts begin, False where all before was thought."""
    position = barrier = 0  # before the barrier is JSON that has failed, where only the ends of thoughts count
    for _ in range(MAX_MARKS):
        mark = _MARKS.search(text, position)
        if mark is None:
            return
        position = mark.end()
        if mark.lastgroup == "ends":
            barrier = position
            yield False
        elif mark.start() < barrier:
            continue
        elif mark.lastgroup == "begins":
            yield True
        else:
            try:
                value, position = TOLERANT.raw_decode(text, mark.start())
            except json.JSONDecodeError as error:
                barrier = error.pos
            except RecursionError:
                return
            else:
                yield value
    yield False


def conversations_in(text: str) -> Iterator[Turns]:
    """Every conversation that JSON may mean, whatever wraps it."""
    return _inside(text, DEEPEST)


def _inside(value: object, depth: int) -> Iterator[Turns]:
    if depth < 0:
        return
    if isinstance(value, str):
        if value.lstrip()[:1] not in ("{", "[", '"'):
            return
        try:
            decoded = TOLERANT.decode(value.strip())
        except (ValueError, RecursionError):
            return
        yield from _inside(decoded, depth - 1)
    elif isinstance(value, list):
        turns = _turns_of(value)
        if turns:
            yield turns
        else:
            yield from _in_any(value, depth - 1)
    elif isinstance(value, dict):
        yield from _in_any([value[_LIST_KEY]] if _LIST_KEY in value else value.values(), depth - 1)


def _in_any(values: Collection[object], depth: int) -> Iterator[Turns]:
    for each in values if len(values) <= MOST_WRAPPED else ():
        yield from _inside(each, depth)


def _turns_of(messages: list[object]) -> Turns:
    """The turns in a list of messages; empty when one of its items is no message.

    A message has role and content under names of their own, or is `{"user": …}`.
    """
    turns: list[Turn] = []
    for message in messages:
        if not isinstance(message, dict) or not message:
            return ()
        role = next((role for key in _ROLE_KEYS if isinstance(role := message.get(key), str)), None)
        content = next((text for key in _CONTENT_KEYS if isinstance(text := message.get(key), str)), None)
        named = [(key, text) for key, text in message.items() if role_of(key) in _SPEAKERS and isinstance(text, str)]
        if role is not None and content is not None:
            turns.append((role, content))
        elif role is None and len(named) == len(message):
            turns += named
        else:
            return ()
    return tuple(turns)
