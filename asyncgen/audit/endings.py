"""Endings: an answer may end without a full stop for many good reasons, so the test is for the bad ones."""

import re
from collections.abc import Iterator

from asyncgen.audit.language import LANGUAGES, any_phrase, listed, table_of
from asyncgen.audit.markup import CODE_LIKE
from asyncgen.audit.rules import Finding, Span, Subject, blank, excerpt

_SENTENCE_ENDS = frozenset(".!?\u2026\u3002\uff01\uff1f")
_CLOSED = frozenset("\"')]}*_`~")
_EMOTICON = re.compile(r"(?:[:;=8xX][-'o^]?[()DPp/\\|\[\]3*oO]+|<3|\^[_.]?\^|\b[xX]D)$")
_LIST_LINE = re.compile(r"^\s*(?:[-*+]|\(?\w{1,3}[.)])\s")
_BARE_NUMBER = re.compile(r"\n[^\S\n]*(?:\d{1,2}[.)]|[-*+])$")
_URL_END = re.compile(r"(?:https?://|www\.)\S+$|(?:[\w-]+\.)+(?:com|org|net|ai|io|dev)(?:/\S*)?$")
_FIGURE_END = re.compile(r"\$?-?[\d,.]*\d%?[A-Za-z]?$|\b(?:is|answer:?|equals|gives|:) [A-Z]$|[-=]> ?\S+$")
_SIGNATURE = re.compile(r"^\s*-{1,2} ?[A-Za-z][\w .]{0,40}$")
_DANGLING: dict[str | None, frozenset[str]] = {  # words that end no sentence, by language
    None: listed("truncated", "dangling"),
    **{code: frozenset(table_of(code, "truncated").get("dangling", ())) for code in LANGUAGES},
}
# How people take their leave, who seldom end that with a full stop.
_LEAVE = re.compile(rf"(?:.*[,;] ?)?(?:{any_phrase('truncated', 'closings').pattern})", re.IGNORECASE)
_LAST_SENTENCE = re.compile(r"(?:[.!?:)]|^)\s*([^.!?:]+)$")
# One or two words behind a sentence that has ended: "No problem", "Gern geschehen", "Bonne nuit".
_SHORT_CLOSING = re.compile(r"[.!?:)] [^\W\d_a-zäöüß][\w'\u2019-]*(?: [\w'\u2019-]{2,})?$")
_LONGEST_CLOSING = 10  # words
_NAMED_VALUE = re.compile(r"^(?:.*[.!?] )?[\w' -]{1,40}(?:: | ?= ?)(?P<value>\S+)$")
_OPEN_END = frozenset(",:;-([{/&")
_SHORT_WORDS = 6
_LINE_OF_VERSE = 60  # characters
_LAST_WORDS = 400  # characters that tell how an answer ends
_SHOWN = 40  # characters of a broken end
# Brackets that close nothing: code, German quotations, calls, faces, list letters, quoted tokens.
_NO_BRACKETS = re.compile(
    r"`[^`\n]*`|\u201e[^\"\u201c-\u201e\n]*[\"\u201c\u201d]|(?<=\w)\([^()]*\)?|[:;=8xX][-'^]?[()\[\]]+|\\\""
    r"|^[^\S\n]*\(?\w{1,2}\)|[<\[]\|",
    re.MULTILINE,
)
_INCHES = re.compile(r'(?<=\d)"')


def check_endings(subject: Subject) -> Iterator[Finding]:
    for position, message in enumerate(subject.record.conversation):
        if message.role == "assistant" and (span := find_break(message.content, subject.languages[position])):
            yield Finding("truncated", subject.record.number, position, excerpt(message.content, *span))


def find_break(text: str, language: str | None = None) -> Span | None:
    """Where an answer breaks off: no end of a sentence, or a fence, bracket or quotation left open."""
    text = text.rstrip()
    if text.count("```") % 2:
        return text.rindex("```"), len(text)
    if not text or text.endswith("```"):
        return None
    if (text[-1] not in _SENTENCE_ENDS and not _ends_well(text, language)) or _BARE_NUMBER.search(text):
        return max(len(text) - _SHOWN, 0), len(text)
    if "(" in text or '"' in text or "[" in text:
        place = _find_open(text)
        return None if place is None else (place, len(text))
    return None


def _ends_well(text: str, language: str | None) -> bool:
    """Whether a text without a mark at its end may end there."""
    line = text[-_LAST_WORDS:].rpartition("\n")[2]
    # No ending holds more blanks than its part of these: a search of the whole line costs twenty times as much.
    last, last_two = line.rpartition(" ")[2], " ".join(line.rsplit(" ", 2)[-2:])
    if text[-1] in _CLOSED or not text[-1].isascii() or _EMOTICON.search(last) or line[:1] in {" ", "\t"}:
        return True
    if text[-1] in _OPEN_END:
        return False
    is_code = any(map(CODE_LIKE.match, (line, line.rpartition(": ")[2])))
    if is_code or _URL_END.search(last) or _FIGURE_END.search(last_two) or _SIGNATURE.match(line):
        return True
    if re.split(r"\W", last)[-1].lower() in _DANGLING[language]:
        return False
    is_short = len(text.split()) <= _SHORT_WORDS and "\n" not in text
    if (
        is_short
        or _SHORT_CLOSING.search(line)
        or _LIST_LINE.match(line)
        or _NAMED_VALUE.match(line)
        or _takes_leave(line)
    ):
        return True
    # Short lines that mostly end without a full stop: a poem, an address, letters counted one by one.
    lines = [line for line in text.rsplit("\n\n", maxsplit=1)[-1].split("\n") if line.strip()]
    return len(lines) > 1 and all(len(line) < _LINE_OF_VERSE for line in lines) and lines[-2].rstrip()[-1:] not in ".!?"


def _takes_leave(line: str) -> bool:
    """Whether the last sentence of a line does."""
    sentence = _LAST_SENTENCE.search(line)
    if sentence is None or len(sentence[1].split()) > _LONGEST_CLOSING:
        return False
    return _LEAVE.match(sentence[1]) is not None


def _find_open(text: str) -> int | None:
    """The bracket or quotation mark of the last paragraph that is never closed."""
    start = text.rfind("\n\n") + 1
    plain = _NO_BRACKETS.sub(blank, text[start:])
    for opening, closing in ("()", "[]"):
        if plain.count(opening) > plain.count(closing):
            return start + plain.rindex(opening)
    if plain.count('"') % 2 and _INCHES.sub("", plain).count('"') % 2:
        return start + plain.rindex('"')
    return None
