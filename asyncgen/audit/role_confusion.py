"""Who speaks: turns inside a turn, an assistant that speaks as the user or the other way round, a narrator of both.

The assistant's name comes from the prompt, if the prompt names one often enough to be sure; without it the phrases
that need a name are left out. What stands between quotation marks is somebody else's, and a transcript may be ordered.
"""

import re
from collections.abc import Iterator

from asyncgen.audit import language
from asyncgen.audit.phrases import Phrases, plain
from asyncgen.audit.rules import Finding, Subject, blank, excerpt
from asyncgen.conversation import Conversation

_SIDES = ("user", "assistant")
_QUOTED = re.compile(r'"[^"\n]{1,300}"')
_ASKS = re.compile(r"[^.!?\n]*\?")
_TALKS_WITH = re.compile(r"\b(?:talks? (?:with|to)|named|called|speaks? as|you are|as) ([A-Za-z][\w-]*\w)")
_MARK = re.compile(r"[:>]|\*\*|_(?!\w)")  # what ends the name of a role
_LONGEST_LABEL = 40  # characters
_NAMED_OFTEN = 3  # times a prompt must name the assistant
_NO_NAMES = frozenset(
    """
    a an the it its them they this that one some any what he she you we i and or in on of to if is be
    """.split()  # noqa: SIM905 - one line instead of thirty
)


class RoleConfusion:
    """`system_prompt`: as the recipe writes it; the name in it is the assistant's."""

    def __init__(self, system_prompt: str | None) -> None:
        rule, name = "role-confusion", find_assistant_name(system_prompt)
        roles = sorted(language.listed(rule, "labels"))
        role, own = "|".join(map(re.escape, roles)), re.escape(name or "\0")
        capital = "|".join(re.escape(each) for word in roles for each in (word.capitalize(), word.upper()))
        self._label = re.compile(
            rf"^[ *_#]*(?:\[?(?i:{role})\]?[*_ ]*:(?!//)|(?i:<(?:{role})>)|[*_\[]*(?i:{own})[*_ \]]*: )"
            rf"|(?<=[.!?] )(?i:{own}): (?=[A-Z\"])"
            rf"|(?<=[.!?] )(?:\[(?i:{role})\] ?:|\*\*(?i:{role}):?\*\*|_(?i:{role}):?_)"
            rf"|(?:(?<=[.!?]\" )|(?<=[.!?\"] )|(?<=[.!?]))(?:{capital}):|(?<=\n)You: .*$",
            re.MULTILINE,
        )
        pairs = [pair for table in language.tables(rule) for pair in table["pairs"]]
        self._pair = re.compile(
            "|".join(
                rf"(?:^|(?<=[.!?] )){each}: [^\n]{{1,300}}(?:\n+|(?<=[.!?] )){other}: "
                for each, other in (map(re.escape, pair) for pair in pairs)
            ),
            re.MULTILINE | re.IGNORECASE,
        )
        self._alone = re.compile(rf"^[*_#\[ ]*(?:{role})[*_\] ]*\n(?=\S)", re.MULTILINE | re.IGNORECASE)
        speakers = [*roles, *([] if name is None else [name.lower()])]
        self._speakers = ("you", *speakers, *(f"{white}{other}" for white in " \n" for _, other in pairs))
        self._definition = language.any_phrase(rule, "definition")
        self._transcript = language.any_phrase(rule, "transcript")
        narrator = [] if name is None else language.phrases(rule, "narrator-named", plain(name))
        self._narrator = Phrases([*narrator, *language.phrases(rule, "narrator")])
        gestures, cast = (language.any_phrase(rule, key).pattern for key in ("gestures", "cast"))
        self._stage = re.compile(
            rf"[*(\[] ?(?:(?:the |der |die )?(?:{role}|{own}|{cast}) |(?:the )?conversation )[^)\]*\n]{{1,120}}[*)\]]"
            rf"|[*(\[] ?(?:{gestures})[^)\]*\n]{{0,80}}[*)\]]",
            re.IGNORECASE,
        )
        # By who speaks: what only the other side says.
        self._phrases: dict[str, Phrases] = {}
        for speaker, other in zip(_SIDES, reversed(_SIDES), strict=True):
            named = [] if name is None else language.phrases(rule, f"{other}-named", plain(name))
            self._phrases[speaker] = Phrases([*named, *language.phrases(rule, other)])

    def check(self, subject: Subject) -> Iterator[Finding]:
        conversation = subject.record.conversation
        for position, (message, read) in enumerate(zip(conversation, subject.plain, strict=True)):
            text, told = message.content, read.text
            if '"' in text:
                text, told = _QUOTED.sub(blank, text), _QUOTED.sub(blank, told)
            found = self._find_label(text, conversation[:position]) or next(self._narrator.find(read, told), None)
            if found is None and message.role != "user" and any(map(text.__contains__, "*([")):  # people wave in a chat
                found = self._stage.search(text)
            if found is None and message.role in self._phrases:
                found = _find_speech(self._phrases[message.role].find(read, told), told, is_user=message.role == "user")
            if found:
                span = found.span()
                yield Finding("role-confusion", subject.record.number, position, excerpt(message.content, *span))

    def _find_label(self, text: str, earlier: Conversation) -> re.Match[str] | None:
        """The name of a role in front of what it says, unless a user has asked for such a transcript."""
        is_alone = "\n" in text and self._alone.search(text)
        if not is_alone and not any(
            text[max(mark.start() - _LONGEST_LABEL, 0) : mark.start()].lower().rstrip("*_] ").endswith(self._speakers)
            for mark in _MARK.finditer(text)
        ):
            return None
        label = is_alone or self._label.search(text) or self._pair.search(text)
        if label is None or self._definition.match(text, label.start()):
            return None
        if any(self._transcript.search(each.content) for each in earlier[-3:] if each.role == "user"):
            return None
        return label


def _find_speech(spoken: Iterator[re.Match[str]], text: str, *, is_user: bool) -> re.Match[str] | None:
    """What the other side says; a user may ask whether it is so."""
    found = next(spoken, None)
    is_asked = found and is_user and "?" not in found[0] and _ASKS.match(text, found.end())
    return None if is_asked else found


def find_assistant_name(system_prompt: str | None) -> str | None:
    """Whom the prompt lets the user talk with, if it names somebody often enough to be sure."""
    prompt = system_prompt or ""
    names = (match[1] for match in _TALKS_WITH.finditer(prompt) if match[1].lower() not in _NO_NAMES)
    return next((each for each in names if len(re.findall(rf"\b{re.escape(each)}\b", prompt)) >= _NAMED_OFTEN), None)
