r"""Leaks and form: what a conversation gives away about how it was made, and what a plain conversation does not hold.

Each rule is first asked a cheap question (is this word, this character anywhere?) and only then a regular expression:
nearly all conversations are clean, and a million of them have to be looked at. What a conversation is about may look
like a leak, so a control token that is discussed, a cutoff that was asked for and a transcript that was ordered pass.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from asyncgen.audit.form import MARKDOWN_HINTS, Span, find_markdown, find_truncation
from asyncgen.audit.leak_phrases import DISCLAIMERS, PROMPT_LEAKS, collect_words
from asyncgen.audit.roles import RoleConfusion, find_assistant_name
from asyncgen.audit.rules import MAX_EVIDENCE, Check, Finding, Subject, excerpt
from asyncgen.conversation import Conversation
from asyncgen.recipe.recipe import PLACEHOLDER

_LEAK, _DISCLAIMER = "prompt-leak", "ai-disclaimer"
_PROMPT_RUN = 8  # words of the prompt in a row that nobody writes by chance
_ANCHOR = 4  # every run of eight words holds a run of four that begins at a multiple of five
_STRIDE = _PROMPT_RUN - _ANCHOR + 1
_TOPIC = "topic"  # the dimension whose values a conversation may well put into words
_LABEL_RUN = 6  # words of a persona or a dynamic in a row

_TURN = " \x00 "  # a word of its own, so that no run reaches from one message into the next
_NO_MARKS = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\n\t', " "))


def leak_checks(system_prompt: str | None, phrases: Mapping[str, tuple[str, ...]]) -> list[Check]:
    """The checks of this module. `system_prompt`: as the recipe writes it, the knowledge base still a placeholder."""
    return [
        _Phrases(phrases).check,
        _Pieces(system_prompt).check,
        _check_control_tokens,
        _check_each("email", find_email),
        _check_secrets,
        _check_ascii,
        _check_each("markdown", find_markdown, hints=MARKDOWN_HINTS),
        _check_each("truncated", find_truncation, role="assistant"),
        RoleConfusion(find_assistant_name(system_prompt)).check,
    ]


def _check_each(
    rule: str, find: Callable[[str], Span | None], *, role: str | None = None, hints: tuple[str, ...] = ()
) -> Check:
    """A check that asks for the first place in each message, or in each of one role, if a hint is anywhere."""

    def check(subject: Subject) -> Iterator[Finding]:
        conversation = subject.record.conversation
        if hints and not _has_hint(conversation, hints):
            return
        for position, message in enumerate(conversation):
            if (role is None or message.role == role) and (span := find(message.content)):
                yield Finding(rule, subject.record.number, position, excerpt(message.content, *span))

    return check


def _has_hint(conversation: Conversation, hints: tuple[str, ...]) -> bool:
    whole = "\n".join([each.content for each in conversation])
    return any(hint in whole for hint in hints)


# ---- prompt-leak and ai-disclaimer: phrases


class _Phrases:
    """Looks for the patterns of each rule and for the phrases that a recipe adds to it.

    A prompt leaks on either side, and only the assistant excuses itself. A recipe's own phrases are found everywhere.
    """

    def __init__(self, phrases: Mapping[str, tuple[str, ...]]) -> None:
        self._own = [
            (rule, _plain(each).split()[0], re.compile(_literal(_plain(each))))
            for rule in (_LEAK, _DISCLAIMER)
            for each in phrases.get(rule, ())
        ]

    def check(self, subject: Subject) -> Iterator[Finding]:
        whole = _plain("\n".join([each.content for each in subject.record.conversation]))
        words = collect_words(whole)
        for pattern in PROMPT_LEAKS.select(words):
            yield from _find_leak(subject, pattern)
        for pattern in DISCLAIMERS.select(words):
            yield from _find_disclaimer(subject, pattern)
        if self._own:
            for rule, beginning, pattern in self._own:
                if beginning in whole:
                    yield from _find_own(rule, subject, pattern)


def _find_leak(subject: Subject, pattern: re.Pattern[str]) -> Iterator[Finding]:
    conversation = subject.record.conversation
    for position, message in enumerate(conversation):
        match = pattern.search(_plain(message.content))
        if match and not _was_raised(match[0], conversation[:position]):
            yield Finding(_LEAK, subject.record.number, position, excerpt(message.content, *match.span()))


def _find_disclaimer(subject: Subject, pattern: re.Pattern[str]) -> Iterator[Finding]:
    conversation = subject.record.conversation
    for position, message in enumerate(conversation):
        if message.role == "assistant":
            match = pattern.search(_QUOTED.sub(_blank, _plain(message.content)))
            if match and not _was_raised(match[0], conversation[:position]):
                yield Finding(_DISCLAIMER, subject.record.number, position, excerpt(message.content, *match.span()))


def _find_own(rule: str, subject: Subject, pattern: re.Pattern[str]) -> Iterator[Finding]:
    for position, message in enumerate(subject.record.conversation):
        if match := pattern.search(_plain(message.content)):
            yield Finding(rule, subject.record.number, position, excerpt(message.content, *match.span()))


def _plain(text: str) -> str:
    """In lower case with typewriter apostrophes, as the patterns are written; nearly always as long as the text."""
    return text.lower().replace("\u2019", "'")


_QUOTED = re.compile(r'"[^"\n]{4,200}"')
_RAISED = tuple(  # what an answer speaks of, and how a user brings that up
    (re.compile(found, re.IGNORECASE), re.compile(said, re.IGNORECASE))
    for found, said in (
        (r"\bcut-? ?off\b", r"\bcut-? ?off\b"),
        (r"\bknowledge base\b", r"\bknowledge base\b"),
        (r"\bdocument\b", r"\bdocument\b"),
        (
            r"\b(?:document|text|passage|excerpt|article|notes|material|facts|source|guide)",
            r"\bpast(?:e|ed|ing)\b|\b(?:this|following|my) (?:text|passage|excerpt|article|notes|facts|source|guide)\b",
        ),
    )
)


def _literal(phrase: str) -> str:
    """The phrase between word borders, however its words are spaced."""
    words = r"\s+".join(map(re.escape, phrase.split()))
    return rf"(?<!\w){words}(?!\w)"


def _was_raised(found: str, earlier: Conversation) -> bool:
    """Whether a user brought up the cutoff, or handed over the text, that an answer then speaks of."""
    said = [each.content for each in earlier if each.role == "user"]
    return any(topic.search(found) and any(raises.search(each) for each in said) for topic, raises in _RAISED)


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


# ---- prompt-leak: pieces of the prompt and of the scenario


class _Pieces:
    """Finds eight words in a row of the prompt, and six of the scenario's persona or dynamic.

    The words of a conversation are looked up four at a time. The topic may be spoken
    of in the recipe's words, and so may a dimension with several values, because those are examples.
    """

    def __init__(self, system_prompt: str | None) -> None:
        self._runs: set[tuple[str, ...]] = set()
        self._anchors: set[tuple[str, ...]] = set()
        for part in PLACEHOLDER.split(system_prompt or "")[::2]:
            words = _words(part)
            self._runs.update(_runs(words, _PROMPT_RUN))
            self._anchors.update(_runs(words, _ANCHOR))

    def check(self, subject: Subject) -> Iterator[Finding]:
        words = _words(_TURN.join([each.content for each in subject.record.conversation]))
        if (place := self._find(words)) is not None:
            yield _piece_finding(subject, words, place, _PROMPT_RUN)
        text = ""
        for name, drawn in (subject.scenario or {}).items():
            if len(drawn) == 1 and name != _TOPIC:
                text = text or " ".join(words)
                for run in _label_runs(drawn[0][1]):
                    if run in text:
                        yield _piece_finding(subject, words, text[: text.index(run)].count(" "), _LABEL_RUN)
                        break

    def _find(self, words: list[str]) -> int | None:
        """Where the first piece of the prompt begins."""
        anchors = self._anchors
        for place in range(0, len(words) - _ANCHOR + 1, _STRIDE):
            if tuple(words[place : place + _ANCHOR]) in anchors:
                for start in range(max(place - _STRIDE + 1, 0), place + 1):
                    if tuple(words[start : start + _PROMPT_RUN]) in self._runs:
                        return start
        return None


def _piece_finding(subject: Subject, words: Sequence[str], place: int, length: int) -> Finding:
    piece = " ".join(words[place : place + length]).replace("\x00", " ")
    return Finding(_LEAK, subject.record.number, words[:place].count("\x00"), excerpt(piece))


@lru_cache(maxsize=1024)
def _label_runs(value: str) -> tuple[str, ...]:
    return tuple(" ".join(run) for run in _runs(_words(value), _LABEL_RUN))


def _words(text: str) -> list[str]:
    return text.lower().translate(_NO_MARKS).split()


def _runs(words: Sequence[str], length: int) -> Iterable[tuple[str, ...]]:
    return zip(*(words[offset:] for offset in range(length)), strict=False)


# ---- control-token

_TOKEN = re.compile(
    r"<\|[\w ./-]{1,40}\|>|<\|(?:im_start|im_end|endoftext)|<\uff5c[^<>\uff5c]{1,40}\uff5c>|\[/?INST\]|<</?SYS>>"
    r"|</?s>|<(?:start|end)_of_turn>|</?(?:bos|eos|pad|unk|think|tool_call|tool_response|sep|cls|mask)>"
    r"|<(?:start|end)_of_(?:text|image|utterance)>|\[/?(?:SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"
    r"|<(?:BOS|EOS|PAD)_TOKEN>|\[(?:BOS|EOS|PAD|SEP|CLS|MASK|UNK)\]|^### (?:Instruction|Response|Human"
    r"|Assistant|User|System|Input) ?:",
    re.MULTILINE,
)
_TOKEN_TALK = re.compile(
    r"\b(?:tokens?|tags?|markers?|delimiters?|template|special|symbols?|html|mean|means|marks|typed?|bos|eos|called|strike)\b",
    re.IGNORECASE,
)
_NEAR = 100  # characters on each side of a control token
_ROLE_AFTER = re.compile(r"\s*(?:user|assistant|system|model|<\||\[/?INST|</?s>|<start_of|$)")


def find_control_token(text: str, question: str = "") -> Span | None:
    """The first control token that leaked; one that the text, or the question before it, talks about is none."""
    if "<" not in text and "[" not in text and "###" not in text:
        return None
    is_talk: bool | None = None
    for match in _TOKEN.finditer(text):
        if is_talk is None:
            is_talk = bool(_TOKEN_TALK.search(f"{question} {_TOKEN.sub('', text)}"))
        if not (is_talk and _is_mentioned(text, *match.span())):
            return match.span()
    return None


def _check_control_tokens(subject: Subject) -> Iterator[Finding]:
    question = ""
    for position, message in enumerate(subject.record.conversation):
        if span := find_control_token(message.content, question):
            yield Finding("control-token", subject.record.number, position, excerpt(message.content, *span))
        question = message.content


def _is_mentioned(text: str, start: int, end: int) -> bool:
    """Whether a token stands in a sentence, as a word, and not where a chat template would have put it."""
    before, after = text[max(start - _NEAR, 0) : start], text[end : end + _NEAR]
    if before[-1:] in {'"', "'", "`", "("} and after[:1] in {'"', "'", "`", ")", ",", " "}:
        return True
    said = before.rstrip(" ")
    if not said or said[-1] in ".!?\n":  # it opens a sentence, or closes what has ended
        return re.match(r" (?:[a-z]|and\b)", after) is not None and not _ROLE_AFTER.match(after)
    if said == before and before[-1:] not in {"(", "/", ","}:
        return False
    return re.match(r"[\s.,;:!?)/]|$", after) is not None and not re.match(r"\s*(?:user|assistant|system)\n", after)


# ---- email, secret, non-ascii

_EMAIL = re.compile(r"@(?<=[A-Za-z0-9]@)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b(?!/)")
_LONGEST_LOCAL_PART = 64  # characters, by RFC 5321; a search from further back is quadratic in a run of letters
_LOCAL_PART = re.compile(r"[A-Za-z0-9._%+-]+$")
_LOGIN = re.compile(r"://[^\s/]*:$")
_SECRETS = tuple(
    (hint, re.compile(pattern))
    for hint, pattern in (
        ("sk-", r"\bsk-[\w-]{16,}"),
        ("k_", r"\b[srp]k_(?:live|test)_\w{16,}|\bgsk_\w{20,}"),
        ("gh", r"\bgh[pousr]_[A-Za-z0-9]{20,}"),
        ("github_pat_", r"\bgithub_pat_\w{20,}"),
        ("AKIA", r"\bAKIA[0-9A-Z]{16}\b"),
        ("ASIA", r"\bASIA[0-9A-Z]{16}\b"),
        ("AIza", r"\bAIza[\w-]{30,}"),
        ("xox", r"\bxox[abeprs]-[\w-]{10,}"),
        ("hf_", r"\bhf_[A-Za-z0-9]{20,}"),
        ("r8_", r"\br8_[A-Za-z0-9]{20,}"),
        ("SG.", r"\bSG\.[\w-]{16,}\.[\w-]{16,}"),
        ("glpat-", r"\bglpat-[\w-]{16,}"),
        ("npm_", r"\bnpm_[A-Za-z0-9]{30,}"),
        ("pypi-", r"\bpypi-[\w-]{30,}"),
        ("eyJ", r"(?<![\w-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{8,}"),
        ("PRIVATE KEY", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
        ("earer ", r"\b[Bb]earer [\w.~+/-]{20,}=*"),
        ("://", r"\b[a-z][a-z0-9+]{0,20}://[^\s:/@]+:(?P<value>[^\s:/@]{8,})@"),
    )
)
_ASSIGNED_HINTS = (
    "api", "API", "ecret", "SECRET", "_token", "TOKEN", "token=", "token:", "token =", "assw", "ASSW", "_KEY",
)  # fmt: skip
_ASSIGNED = re.compile(
    r"\b(?:[A-Za-z0-9]+_)*(?:api[_-]?key|key|secret|token|password|passwd)[\"']? ?(?:="
    r"|:) ?[\"']?(?P<value>[\w+/.!@#$-]{12,})",
    re.IGNORECASE,
)
_SECRET_HINTS = (*(hint for hint, _ in _SECRETS), *_ASSIGNED_HINTS)
_CAPITALS_INSIDE = re.compile(r"[a-z][A-Z]+[a-z]\w*[a-z][A-Z]")
_SURE = frozenset({"PRIVATE KEY", "eyJ"})
_VARIED = 8  # different characters in a key
_SHOWN = 6  # characters of a secret


def find_email(text: str) -> Span | None:
    """An e-mail address; the user name of a repository's address is none."""
    if "@" not in text:
        return None
    for match in _EMAIL.finditer(text):
        local = _LOCAL_PART.search(text, max(match.start() - _LONGEST_LOCAL_PART, 0), match.start())
        if local and local[0] != "git" and not _LOGIN.search(text, max(local.start() - 40, 0), local.start()):
            return local.start(), match.end()
    return None


def find_secret(text: str) -> Span | None:
    """What looks like a key: a known prefix or name, and letters mixed with digits, so that no placeholder counts."""
    for hint, pattern in _SECRETS:
        if hint in text:
            for match in pattern.finditer(text):
                if hint in _SURE or _is_random(match[0]):
                    return match.span()
    if any(hint in text for hint in _ASSIGNED_HINTS):
        for match in _ASSIGNED.finditer(text):
            if _is_random(match["value"]):
                return match.span()
    return None


def _is_random(value: str) -> bool:
    """Letters mixed with digits, or with capitals among them, and few twice: no placeholder, no name in words."""
    is_mixed = any(map(str.isdigit, value)) or (any(map(str.islower, value)) and _CAPITALS_INSIDE.search(value))
    return bool(is_mixed) and any(map(str.isalpha, value)) and len(set(value)) >= _VARIED


def _check_secrets(subject: Subject) -> Iterator[Finding]:
    """An audit is passed around more freely than the data: it shows how a secret begins."""
    if not _has_hint(subject.record.conversation, _SECRET_HINTS):
        return
    for position, message in enumerate(subject.record.conversation):
        if span := find_secret(message.content):
            start, end = span
            shown = message.content[start : min(start + _SHOWN, end)]
            yield Finding("secret", subject.record.number, position, f"{excerpt(shown)}... ({end - start} characters)")


def _check_ascii(subject: Subject) -> Iterator[Finding]:
    if subject.charset != "ascii":
        return
    for position, message in enumerate(subject.record.conversation):
        text = message.content
        if not text.isascii():
            place = next(place for place, each in enumerate(text) if not each.isascii())
            found = f"U+{ord(text[place]):04X} in: {excerpt(text, place, place + 1)}"
            yield Finding("non-ascii", subject.record.number, position, found[:MAX_EVIDENCE])
