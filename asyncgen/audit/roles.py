"""Who speaks: turns inside a turn, an assistant that speaks as the user, a user that speaks as the assistant.

The assistant's name comes from the prompt, if the prompt names one often enough to be sure; without it the patterns
that need a name are left out. What stands between quotation marks is somebody else's, and a transcript may be ordered.
"""

import re
from collections.abc import Iterator

from asyncgen.audit.rules import Finding, Subject, excerpt
from asyncgen.conversation import Conversation

_ROLE = r"(?:user|human|assistant|system|ai|bot)"
_LABEL = re.compile(
    rf"^[ *_#]*(?:\[?{_ROLE}\]?[*_ ]*:(?!//)|<(?:user|human|assistant)>)|(?<=[.!?\"] )(?:User|Human|Assistant"
    rf"|USER|HUMAN|ASSISTANT):"
    r"|(?<=[.!?])(?:User|Human|Assistant):",
    re.MULTILINE | re.IGNORECASE,
)
_DEFINITION = re.compile(r"^(?:AI|System|Human|Bot): (?:that|this|it|which|not|a|an|the)\b", re.IGNORECASE)
_YOU_LABEL = re.compile(r"(?<=\n)You: .*$", re.MULTILINE)
_TRANSCRIPT = re.compile(
    r"\b(?:dialog(?:ue)?s?|script|transcript|conversation between|chat format|format|example (?:chat"
    r"|conversation|exchange)"
    r"|role-?play|looks? like|sample)\b",
    re.IGNORECASE,
)
_WHO = (
    r"(?:(?:complete|total|absolute|curious|high school|computer science|machine learning|cs|college|university"
    r"|software) )*"
    r"(?:beginner|student|teacher|journalist|hobbyist|engineer|developer|entrepreneur|newcomer|skeptic"
    r"|team lead|contributor"
    r"|reporter|writer|parent|human|person|user)"
)
_AS_USER = re.compile(
    r"\b(?:who (?:made|created|built|trained) you|how (?:were|was) you (?:trained|made|built)|what are you made of"
    r"|(?:how much|what) did (?:it|you) cost to train you|are you (?:better|worse) than|how many parameters do you have"
    r"|can you (?:please )?(?:explain|tell me|help me)|could you (?:please )?(?:explain|tell me|help me)"
    r"|thanks for (?:explaining|the explanation|your (?:answer|help|explanation)))\b[^.!?\n]{0,300}[.?!]"
    rf"|\bI(?:'m| am) (?:just )?an? {_WHO}\b",
    re.IGNORECASE,
)
_AS_ASSISTANT = re.compile(
    r"\bhow (?:can|may) I (?:help|assist) you(?: today)?\?|\bI can help you with that\b"
    r"|\bI(?:'d| would) be (?:happy|glad) to (?:help|explain|answer|assist)\b|\bwhat would you like to know\b"
    r"|\b(?:let me know|feel free to ask) if you have (?:any )?(?:other |more |further )?questions"
    r"|\bI (?:was|am|'m)(?:'m)? (?:a )?(?:small )?(?:language model|ai model|chat model) (?:trained|created|made|built)"
    r"|\b(?:I am|I'm|as) an? (?:small |tiny )?(?:ai |language |chat )*model\b(?=,? (?:i|trained|so|and)\b|,)"
    r"|\bmy (?:context length|context window|vocabulary|tokenizer|parameters|weights) (?:is|has|have|are"
    r"|hold)\b[^?\n]{0,300}[.!]",
    re.IGNORECASE,
)
_QUOTED = re.compile(r'"[^"\n]{1,300}"')
_ASKS = re.compile(r"[^.!?\n]*\?")
_LABEL_HINTS = (
    "user",
    "human",
    "assistant",
    "system:",
    "system]",
    "system*",
    "ai:",
    "ai]",
    "ai*",
    "bot:",
    "bot]",
    "bot*",
)
_USER_HINTS = (
    "made you", "created you", "built you", "trained you", "were you", "was you", "train you", "you made of",
    "are you better", "are you worse", "parameters do you", "can you ", "could you ", "thanks for", "i am a", "i'm a",
    "i am just a", "i'm just a",
)  # fmt: skip
_ASSISTANT_HINTS = (
    "help you", "assist you", "be happy", "be glad", "you like to know", "you have any", "you have more",
    "you have other", "you have further", "i was ", "i am a", "i'm a", "as a", "my context", "my vocab", "my token",
    "my param", "my weights",
)  # fmt: skip
_TALKS_WITH = re.compile(r"\b(?:talks? (?:with|to)|named|called|speaks? as|you are|as) ([A-Za-z][\w-]*\w)")
_NAMED_OFTEN = 3  # times a prompt must name the assistant
_NO_NAMES = frozenset(
    [
        "a",
        "an",
        "the",
        "it",
        "its",
        "them",
        "they",
        "this",
        "that",
        "one",
        "some",
        "any",
        "what",
        "he",
        "she",
        "you",
        "we",
        "i",
        "and",
        "or",
        "in",
        "on",
        "of",
        "to",
        "if",
        "is",
        "be",
    ]
)


class RoleConfusion:
    """`name`: the assistant's, or None if it is not known."""

    def __init__(self, name: str | None) -> None:
        word = re.escape(name or "")
        self._names: tuple[str, ...] = (name.lower(),) if name else ()
        self._addresses_itself = re.compile(
            r"(?:^|[.!?\n] ?)(?:(?:hi|hello|hey|thanks|thank you|dear|wow|ok|okay|good (?:morning|evening"
            r"|afternoon)|nice to meet you)"
            rf"(?: there)?,? {word}\b(?! (?:is|was|has|does|can|user|fan|project|community|team|repo))(?!['-])"
            rf"|(?:thank you|thanks|that makes sense|I see|got it|makes sense|wow)[^.!?\n]{{0,300}}, {word}[.!?]"
            rf"|{word}, (?:what|how|who|why|can|do|are|tell|is)\b)",
            re.IGNORECASE,
        )
        self._claims_the_name = re.compile(
            rf"\b(?:I am|I'm|my name is|as) {word}\b(?=[,.!;:\n]| (?:and|a|an|the|who|which|i)\b|$)", re.IGNORECASE
        )
        self._own_label = re.compile(rf"^[ *_\[]*{word}[*_ \]]*: ", re.IGNORECASE | re.MULTILINE)
        self._spoken = _spoken(name.lower()) if name else None

    def check(self, subject: Subject) -> Iterator[Finding]:
        conversation = subject.record.conversation
        lowers = [each.content.lower() for each in conversation]
        may_label = self._may_label("\n".join(lowers))
        for position, (message, lower) in enumerate(zip(conversation, lowers, strict=True)):
            has_label = may_label and (":" in lower or "<" in lower)
            hints = _USER_HINTS if message.role == "assistant" else _ASSISTANT_HINTS
            if not (has_label or self._is_spoken_to(lower) or any(map(lower.__contains__, hints))):
                continue
            text = _QUOTED.sub(_blank, message.content) if '"' in message.content else message.content
            found = self._find_label(text, conversation[:position]) if has_label else None
            if not found:
                found = self._as_user(text) if message.role == "assistant" else self._as_assistant(text)
            if found:
                span = found.span()
                yield Finding("role-confusion", subject.record.number, position, excerpt(message.content, *span))

    def _may_label(self, whole: str) -> bool:
        if "<user>" in whole or "<assistant>" in whole:
            return True
        return ":" in whole and (
            any(map(whole.__contains__, _LABEL_HINTS))
            or "\nyou: " in whole
            or any(f"{name}:" in whole or f"{name}]" in whole or f"{name}*" in whole for name in self._names)
        )

    def _is_spoken_to(self, lower: str) -> bool:
        return self._spoken is not None and self._spoken.search(lower) is not None

    def _find_label(self, text: str, earlier: Conversation) -> re.Match[str] | None:
        """The name of a role in front of what it says, unless a user has asked for such a transcript."""
        label = _LABEL.search(text) or _YOU_LABEL.search(text)
        if label is None and self._names:
            label = self._own_label.search(text)
        if label is None or _DEFINITION.match(text, label.start()):
            return None
        if any(_TRANSCRIPT.search(each.content) for each in earlier[-3:] if each.role == "user"):
            return None
        return label

    def _as_user(self, text: str) -> re.Match[str] | None:
        lower = text.lower()
        if self._is_spoken_to(lower) and (match := self._addresses_itself.search(text)):
            return match
        return _AS_USER.search(text) if any(map(lower.__contains__, _USER_HINTS)) else None

    def _as_assistant(self, text: str) -> re.Match[str] | None:
        match = None
        lower = text.lower()
        if self._is_spoken_to(lower):
            match = self._claims_the_name.search(text)
        if match is None and any(map(lower.__contains__, _ASSISTANT_HINTS)):
            match = _AS_ASSISTANT.search(text)
        return None if match is None or ("?" not in match[0] and _ASKS.match(text, match.end())) else match


def find_assistant_name(system_prompt: str | None) -> str | None:
    """Whom the prompt lets the user talk with, if it names somebody often enough to be sure."""
    prompt = system_prompt or ""
    names = (match[1] for match in _TALKS_WITH.finditer(prompt) if match[1].lower() not in _NO_NAMES)
    return next((each for each in names if len(re.findall(rf"\b{re.escape(each)}\b", prompt)) >= _NAMED_OFTEN), None)


def _spoken(name: str) -> re.Pattern[str]:
    """How a name sounds when it is addressed or claimed: it comes first, because `re` skips to a literal beginning."""
    before = (
        "hi", "hello", "hey", "there", "thanks", "you", "dear", "wow", "ok", "okay", "morning", "afternoon", "evening",
    )  # fmt: skip
    greetings = [f"{each}{comma} " for each in before for comma in ("", ",")]
    openings = [*greetings, "i am ", "i'm ", "name is ", "as ", ", "]
    word = re.escape(name)
    return re.compile(rf"{word}(?:(?=, )|{'|'.join(f'(?<={each}{word})' for each in openings)})")


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])
