"""What a request asks for: knowledge, subject, persona, number of messages and example openers, read from its text.

Only conventions of a prompt are used, no recipe is known here: a block in `<knowledge>` or `<passage>`, `Label: value`
lines in the last user message that has any, and a "- " list of openers, the last one where there are several. Whatever
is missing has a default, because a recipe is free text: where no label names the subject, it is for the knowledge base
to say which part of the message it knows most about.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile, product, takewhile
from operator import not_

_MARKS = ("knowledge", "passage")  # found as text: a pattern takes longer than all the rest
_WRITTEN = '"messages"'  # in a conversation as it is answered
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # no conversation may hold them
_LABEL = re.compile(r"^([^\W\d_][\w /-]{0,39}):[ \t]+(\S.*)$", re.MULTILINE)
_LANGUAGE = re.compile(r"^Language:[ \t]+(\w+)", re.MULTILINE)
_LIST_ITEM = re.compile(r"^[-*][ \t]+(\S.*)$", re.MULTILINE)
_LENGTH = re.compile(
    r"\b(\d{1,3})(?: ?(?:-|to|or) ?(\d{1,3}))?[ -](?:turns?|messages?|nachrichten|mensajes|messaggi)\b", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+|\n+")
_SUBJECTS = ("topic", "subject", "theme", "about")  # labels
_MOST_CANDIDATES = 24
_ABOUT = 200  # characters of a text without labels that stand for its subject
DEFAULT_LENGTH = 4
MAX_LENGTH = 40  # messages; a scenario's number is text from outside and must not size the answer at will


@dataclass(frozen=True, slots=True)
class Message:
    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Brief:
    """`lengths` are the allowed numbers of messages, all even: usually one.

    `candidates`: what `about` may be instead, where no label names it. `is_again`: it was asked for before.
    """

    knowledge: str
    about: str
    persona: str
    dynamic: str
    lengths: tuple[int, ...]
    openers: tuple[str, ...]
    candidates: tuple[str, ...] = ()
    language: str = ""
    is_again: bool = False


def read_brief(messages: Sequence[Message]) -> Brief:
    # What is said of a conversation that was written before is no task.
    before = takewhile(lambda each: each.role != "assistant" or _WRITTEN not in each.content, messages)
    told = [each for each in reversed([*before]) if each.role == "user"]
    task = next((each for each in told if _LABEL.search(each.content)), told[0] if told else messages[-1])
    knowledge, text = _find_knowledge(messages, task)
    text = CONTROL.sub(" ", text)
    labels = [(label.casefold(), value.strip()) for label, value in _LABEL.findall(text)]
    named = dict(reversed(labels))  # of two equal labels the first one counts
    dynamic = named.get("dynamic") or next((value for _, value in labels if _LENGTH.search(value)), "")
    stated = _LENGTH.search(dynamic)
    low = int(stated[1]) if stated else DEFAULT_LENGTH
    high = max(low, int(stated[2] or low)) if stated else low
    low, high = (min(max(2, number + number % 2), MAX_LENGTH) for number in (low, high))
    upwards = map(_LIST_ITEM.fullmatch, reversed(text.rstrip().split("\n")))
    last_list = list(takewhile(bool, dropwhile(not_, upwards)))
    subject = next((value for label, value in labels if label in _SUBJECTS), "")
    prose = _SENTENCE_END.split(_LIST_ITEM.sub("", _LABEL.sub("", text)))
    candidates = [*(value for _, value in labels if value != dynamic), *(each.strip()[:_ABOUT] for each in prose)]
    return Brief(
        knowledge=knowledge,
        about=subject or (labels[0][1] if labels else text.strip()[:_ABOUT]),
        persona=named.get("persona") or " ".join(value for _, value in labels[1:] if value != dynamic),
        dynamic=dynamic,
        lengths=tuple(range(low, high + 1, 2)),
        language=(named.get("language") or _find_language(messages)).casefold(),
        openers=tuple(item[1].strip().strip('"') for item in reversed(last_list) if item),
        candidates=() if subject else tuple(filter(None, candidates))[:_MOST_CANDIDATES],
        is_again=any(each.role == "assistant" for each in messages),
    )


def _find_language(messages: Sequence[Message]) -> str:
    """As who plays a side is told it before the chat begins, and outside of what there is to know."""
    found = _LANGUAGE.search(messages[0].content.rpartition("</knowledge>")[2])
    return found[1] if found else ""


def _find_knowledge(messages: Sequence[Message], task: Message) -> tuple[str, str]:
    """The knowledge base, and the task's text without it."""
    for message, mark in product(messages, _MARKS):
        content = message.content
        begin, finish = f"<{mark}>\n", f"\n</{mark}>"
        start = content.find(begin)
        if start >= 0 and content[start - 1 : start] in {"", "\n"}:
            end = content.find(finish, start + len(begin) - 1)
            end = len(content) if end < 0 else end
            knowledge = content[start + len(begin) : end]
            return knowledge.strip(), content[:start] + content[
                end + len(finish) :
            ] if message is task else task.content
    system = next((each for each in messages if each.role == "system"), None)
    source = system or max(messages, key=lambda each: len(each.content))
    return source.content, task.content
