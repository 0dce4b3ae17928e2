"""Endings: an answer may end without a full stop for many good reasons, so the test is for the bad ones.

Where the language is known, a short last sentence is whole unless its last words cannot end one; a long one is seldom
left without a mark, unless its last word stands elsewhere in what is known. Behind a sentence that has its mark, few
words after a comma end none either. A word or a number is cut where the knowledge base, the conversation or the
frequent words have one that begins so, and none that it may be itself. A list is cut where fewer points follow than
were promised, a table where its last row lacks cells.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, takewhile

from asyncgen.audit.lints.markup import CODE_LIKE
from asyncgen.audit.reading.language import LANGUAGES, any_phrase, listed, table_of, tables
from asyncgen.audit.reading.phrases import Uncased
from asyncgen.audit.reading.words import split_words
from asyncgen.audit.rules import Finding, Span, blank, excerpt
from asyncgen.audit.subject import Subject

_SENTENCE_ENDS = frozenset(".!?\u2026\u3002\uff01\uff1f")
_CLOSED = frozenset("\"')]}*_`~")
_EMOTICON = re.compile(r"(?:[:;=8xX][-'o^]?[()DPp/\\|\[\]3*oO]+|<3|\^[_.]?\^|\b[xX]D)$")
_LIST_LINE = re.compile(r"^\s*(?:[-*+\u2022\u2013]|\(?\w{1,3}[.)])\s")
_BARE_NUMBER = re.compile(r"\n[^\S\n]*(?:\d{1,2}[.)]|[-*+])$|[.!?,;] (?P<inside>\d{1,2})[.)]$")
_URL_END = re.compile(
    r"(?:https?://|www\.)\S+$|(?:[\w-]+\.)+(?:com|org|net|ai|io|dev)(?:/\S*)?$|\b(?:dot|punkt)\W? [a-z]{2,6}$"
)
_FIGURE_END = re.compile(r"\$?-?[\d,.]*\d%?[A-Za-z]?$|\b(?:is|answer:?|equals|gives|:) [A-Z]$|[-=]> ?\S+$")
_SIGNATURE = re.compile(r"^\s*(?:--? ?[A-Z]|-- ?[a-z])[\w .]{0,40}$")
_DANGLING: dict[str | None, frozenset[str]] = {  # words that end no sentence, by language
    None: listed("truncated", "dangling"),
    **{code: frozenset(table_of(code, "truncated").get("dangling", ())) for code in LANGUAGES},
}
_READ = frozenset(code for code in LANGUAGES if table_of(code, "truncated"))
_LAST_WORDS = 7  # that tell whether a short sentence is whole


_ENDS, _BREAKS = (Uncased(rf"(?:{any_phrase('truncated', key).pattern})$") for key in ("ends", "breaks"))
_BREAKS_BEHIND = Uncased(rf"(?:{any_phrase('truncated', 'breaks-behind').pattern})$")
_SHORTENED = re.compile(rf"(?:{'|'.join(sorted(map(re.escape, listed('truncated', 'shortened'))))})$", re.IGNORECASE)
# How people take their leave, who seldom end that with a full stop.
_LEAVE = Uncased(rf"(?:.*[,;] ?)?(?:{any_phrase('truncated', 'closings').pattern})")
_LAST_SENTENCE = re.compile(r"(?:[.!?:)](?!\d)|^)\s*((?:[^.!?:]|[.:](?=\d))+)$")
# One or two words behind a sentence that has ended, in a language that is not known: "Bonne nuit".
_SHORT_CLOSING = re.compile(r"[.!?:)] [^\W\d_a-zäöüß][\w'\u2019-]*(?: [\w'\u2019-]{2,})?$")
_LONGEST_WHOLE = 8  # words of a sentence that somebody leaves without a mark
_LONGEST_KNOWN = 14  # of one whose last word is a known one
_LONGEST_CLOSING = 10
# A few words after a comma, "..., while AdamW updates", none of which begins what may be as short: "..., as you like".
_SHORT_CLAUSE = re.compile(
    rf"[^\W\d_]+ [^.!?:]*, (?!(?:{'|'.join(sorted(listed('truncated', 'short-clauses')))}) )"
    r"[a-zäöüß][\w'-]* (?:[^\W\d_][\w'-]* )?[^\W\d_]+$"
)
_LAST_OF_SEVERAL = re.compile(rf"(?:{'|'.join(sorted(listed('truncated', 'several')))}) [^\W\d_]+$")
_TITLE = re.compile(r"[A-Z][\w'-]*(?: (?:[A-Z\d][\w'-]*|of|the|and|a|an|to|in|for|on|with|at|by)[,:]?){2,}$")
_NAMED_VALUE = re.compile(r"^(?:.*[.!?] )?[\w' -]{1,40}(?:: | ?= ?)(?P<value>\S+)$")
# Tags and tokens behind the last word. What ends in a table or a formula is whole.
_MARKS_BEHIND = re.compile(r"(?:\s*(?:</?[a-z]\w{0,12}\s?/?>|<[/|\uff5c][^<>\s]{1,30}>|\[/?[A-Z]{2,5}\]))+$")
_MARKUP_END = re.compile(r"\|$|\\[\])]$|\S\$$|\$\$$|[{};]\s*$")
_OPEN_END = re.compile(
    r"[,:;({[@]$|[\w)\]'\"] ?[-/&]$|[\w)\]] [+*=<>|\u2013\u2014]$|(?<=[^\d\s])\s[$\u00a3\u20ac]$"
    r"|\b(?:in|since|seit|[Jj]ahr) (?:1[789]|19\d|20[0-2])$"
)
_SHORT_WORDS = 6
_LINE_OF_VERSE = 60  # characters
_HALVES, _DIGIT = 2, re.compile(r"\d")
_LAST_CHARACTERS = 400  # that tell how an answer ends
_SHOWN = 40  # characters of a broken end
_LONGEST_WORD = 40
_CUT_AMOUNT = re.compile(r"(?<![\w.,-])[$\u00a3\u20ac]?\d+\.$")
_AMOUNT = re.compile(r"[$\u00a3\u20ac]?\d+(?:[.,]\d+)*")
_NO_END_OF_A_WORD = re.compile(r"(?:[bcdfgkptvw]r|[bcfgkp]l|[jq]|\b(?:ch|str|sch|th|sh|wh|qu|st|thr|shr|pr))$")
_SHORTEST_PIECE = 3  # letters of a word
_SHORTEST_NAME = 4  # one of three letters may be somebody: Tim
_FREQUENT = frozenset(chain.from_iterable(table_of(code, "frequent")["words"].split() for code in _READ))
_NO_PIECES = _FREQUENT | _DANGLING[None] | listed("truncated", "short-words")
_FREQUENT_SORTED = sorted(_FREQUENT)
_INFLECTIONS = listed("truncated", "inflections") | {""}
_NOUNS_HAVE_CAPITALS = {code for code in LANGUAGES if table_of(code, "names").get("nouns-have-capitals")}
# Brackets that close nothing: code, German quotations, calls, faces, list letters, quoted tokens.
_NO_BRACKETS = re.compile(
    r"`[^`\n]*`|\u201e[^\"\u201c-\u201e\n]*[\"\u201c\u201d]|(?<=[\w}])\([^()]*\)?|[:;=8xX][-'^]?[()\[\]]+|\\\""
    r"|^[^\S\n]*\(?\w{1,2}\)|[<\[]\||(?<=\s)[\"(\[](?=\s)",
    re.MULTILINE,
)
_OPEN_CURLY = re.compile(r"(?<!\S)[\u201e\u201c](?=\w)[^\"\u201c\u201d]*$")
_INCHES = re.compile(r'(?<=\d)"')


# What is promised in a number, and how its points begin.
_NUMBERS = {word: value for table in tables("numbers") for value, word in enumerate(table["small"][:10], start=1)}
_PROMISE = Uncased(
    rf"\b(?P<number>[2-9]|{'|'.join(_NUMBERS)}) (?:[\w-]+ ){{0,2}}"
    rf"(?:{'|'.join(sorted(listed('truncated', 'counted')))})\b"
    r"[^\n.!?:]{0,60}[:.]\s*(?=(?:\(?1[.)]|[-*+\u2022\u2013])\s)"
)
_LONGEST_LIST = 4_000  # characters
_POINT = re.compile(r"^\s*(?:[-*+\u2022\u2013]|\(?\d{1,2}[.)])\s", re.MULTILINE)
_POINT_INSIDE = re.compile(r"(?<=[.!?:,;] )\(?\d[.)] ")


class Endings:
    def __init__(self, knowledge: str) -> None:
        self._words = sorted({word.decode("utf-8", "replace") for word in split_words(knowledge)})
        self._amounts = frozenset(_AMOUNT.findall(knowledge))

    def check(self, subject: Subject) -> Iterator[Finding]:
        for position, message in enumerate(subject.record.conversation):
            if message.role != "assistant":
                continue
            language = subject.languages[position]
            text, language = message.content, language if language in _READ else None
            if text.rstrip()[-1:] in _SENTENCE_ENDS:
                span = find_break(text, language) or self._find_cut_amount(subject, position)
            else:
                others = {word.decode("utf-8", "replace") for each in subject.plain for word in each.words[:-1]}
                span = find_break(text, language, known=[self._words, sorted(others)])
                if span is None and text[-1:].isalnum() and find_longer(text, language, self._words, sorted(others)):
                    span = max(len(text) - _SHOWN, 0), len(text)
            if span:
                yield Finding("truncated", subject.record.number, position, excerpt(message.content, *span))

    def _find_cut_amount(self, subject: Subject, position: int) -> Span | None:
        """Where a number is cut at its point: the knowledge base or the talk has it with decimals alone."""
        text = subject.record.conversation[position].content.rstrip()
        cut = _CUT_AMOUNT.search(text, max(len(text) - _LONGEST_WORD, 0))
        if cut is None:
            return None
        others = (each.content for place, each in enumerate(subject.record.conversation) if place != position)
        own = _AMOUNT.findall(text[: cut.start()])
        amounts, whole = self._amounts.union(own, *map(_AMOUNT.findall, others)), cut[0].removesuffix(".")
        if whole == "0":
            amounts = frozenset(own) - {whole}  # none is a figure by itself, unless others beside it are a part of one
        is_cut = whole not in amounts and any(each.startswith(cut[0]) for each in amounts)
        return (max(len(text) - _SHOWN, 0), len(text)) if is_cut else None


def _is_in(words: list[str], word: str) -> bool:
    place = bisect_left(words, word)
    return words[place : place + 1] == [word]


def find_longer(text: str, language: str | None, *known: list[str]) -> str | None:
    """The known word of which the last one is a piece, or what is no word at all; None where it may be a word.

    `known`: each in order.
    """
    last = text[-_LONGEST_WORD:].rsplit(maxsplit=1)[-1]
    piece = last.lower()
    if piece.isdigit():
        is_known = len(piece) < _SHORTEST_PIECE or any(_is_in(words, piece) for words in known)
        return None if is_known else next(iter(_find_begun(piece, known)), None)
    is_word = last.isalpha() and (last.islower() or language in _NOUNS_HAVE_CAPITALS)
    is_name = last.istitle() and last.isalpha() and len(last) >= _SHORTEST_NAME
    if not (is_word or is_name) or piece in _NO_PIECES or len(piece) == 1:
        return None
    if is_word and _NO_END_OF_A_WORD.search(piece):
        return piece
    is_long = is_word and len(piece) > _SHORTEST_PIECE
    longer = _find_begun(piece, [*known, _FREQUENT_SORTED] if is_long else known)
    is_whole = any(_is_in(words, piece) for words in known) or (
        len(piece) >= _SHORTEST_PIECE and any(word[len(piece) :] in _INFLECTIONS for word in longer)
    )
    return None if is_whole else next(iter(longer), None)


def _find_begun(piece: str, known: Iterable[list[str]]) -> list[str]:
    """The words that begin with a piece and go on."""
    return [
        word
        for words in known
        for word in takewhile(lambda each: each.startswith(piece), words[bisect_left(words, piece) :])
        if word != piece
    ]


def find_break(text: str, language: str | None = None, known: Sequence[list[str]] = ()) -> Span | None:
    """Where an answer breaks off: no end of a sentence, or a fence, bracket or quotation left open.

    `known`: words of the knowledge base and of the talk, each in order.
    """
    text = text.rstrip()
    if _MARKS_BEHIND.search(text, max(len(text) - _LONGEST_WORD, 0)):
        return None  # it has ended, whatever its end is marked with
    if text.count("```") % 2:
        return text.rindex("```"), len(text)
    if not text or text.endswith("```"):
        return None
    end = text[-_LONGEST_WORD:]
    is_cut = _SHORTENED.search(end) is not None if text[-1] in _SENTENCE_ENDS else not _ends_well(text, language, known)
    is_cut = is_cut or _is_bare(text, _BARE_NUMBER.search(end)) or _lacks_points(text[-_LONGEST_LIST:])
    if is_cut or ("|" in end and _lacks_cells(text[-_LONGEST_LIST:])):
        return max(len(text) - _SHOWN, 0), len(text)
    if any(map(text.__contains__, '("[`\u201e\u201c')):
        place = _find_open(text)
        return None if place is None else (place, len(text))
    return None


def _ends_well(text: str, language: str | None, known: Sequence[list[str]]) -> bool:
    """Whether a text without a mark at its end may end there."""
    line = text[-_LAST_CHARACTERS:].rpartition("\n")[2]
    # No ending holds more blanks than its part of these: a search of the whole line costs twenty times as much.
    last, last_two, end = (" ".join(line.rsplit(" ", count)[-count:]) for count in (1, 2, _LAST_WORDS))
    is_face = _EMOTICON.search(last) is not None or _MARKUP_END.search(last_two) is not None
    if _OPEN_END.search(end) and not is_face:
        return text[-1] == "," and text.count(" ") < _LAST_WORDS and _LEAVE.match(line) is not None
    is_closed = text[-1] in _CLOSED or not (text[-1].isascii() or text[-1].isalpha()) or line[:1] in {" ", "\t"}
    is_code = any(map(CODE_LIKE.match, (line, line.rpartition(": ")[2])))
    if (
        is_face
        or is_closed
        or is_code
        or _URL_END.search(last)
        or _FIGURE_END.search(last_two)
        or _SIGNATURE.match(line)
    ):
        return True
    sentence = _LAST_SENTENCE.search(line)
    count = len(sentence[1].split()) if sentence else 0
    word = re.split(r"\W", last)[-1].lower()
    may_end = count <= _LONGEST_CLOSING and _ENDS.search(end) is not None
    if not may_end and (word in _DANGLING[language] or _BREAKS.search(end)):
        return False
    if sentence and not may_end and _is_unfinished(sentence[1], is_behind=sentence[0][0] in _SENTENCE_ENDS):
        return False
    is_short = len(text.split()) <= _SHORT_WORDS and "\n" not in text
    # Who begins without a capital leaves the mark away too; a title has nothing but capitals.
    is_casual = text[:1].islower() or _TITLE.match(line) is not None
    is_known = count <= _LONGEST_KNOWN and word not in _FREQUENT and any(_is_in(words, word) for words in known)
    is_whole = language is not None and (count <= _LONGEST_WHOLE or is_casual or is_known or may_end)
    is_leave = sentence and count <= _LONGEST_CLOSING and _LEAVE.match(sentence[1])
    if (
        is_short
        or is_whole
        or is_leave
        or any(each.search(line) for each in (_SHORT_CLOSING, _LIST_LINE, _NAMED_VALUE))
    ):
        return True
    # Short lines that mostly end without a full stop: a poem, an address, letters counted one by one.
    lines = [line for line in text.rsplit("\n\n", maxsplit=1)[-1].split("\n") if line.strip()]
    return len(lines) > 1 and all(len(line) < _LINE_OF_VERSE for line in lines) and lines[-2].rstrip()[-1:] not in ".!?"


def _is_unfinished(sentence: str, *, is_behind: bool) -> bool:
    """Whether the last sentence goes on, by how it is built. `is_behind`: another one that has its mark."""
    parts = sentence.split(", ")
    if len(parts) > _HALVES and _LAST_OF_SEVERAL.match(parts[-1]) and all(map(_DIGIT.search, parts[:-1])):
        return True  # A costs 5, B 6, and C
    if not is_behind or _LEAVE.match(sentence):
        return False
    return _SHORT_CLAUSE.match(sentence) is not None or _BREAKS_BEHIND.search(sentence) is not None


def _is_bare(text: str, number: re.Match[str] | None) -> bool:
    """Whether a number at the end has no point behind it: in a line, where the one before it has."""
    if number is None or number["inside"] is None:
        return number is not None
    return re.search(rf"(?<!\S)\(?{int(number['inside']) - 1}[.)] \S", text) is not None


def _lacks_points(text: str) -> bool:
    """Whether a list at the end has fewer points than were promised."""
    is_list = _LIST_LINE.match(text.rpartition("\n")[2]) is not None
    if not is_list and "1. " not in text and "1) " not in text:
        return False
    for promise in _PROMISE.finditer(text):
        number = promise["number"]
        points = len((_POINT if is_list else _POINT_INSIDE).findall(text, promise.end() - 1))
        if 0 < points < (_NUMBERS.get(number) or int(number)):
            return True
    return False


def _lacks_cells(text: str) -> bool:
    """Whether the last row of a table has fewer cells than the one before."""
    *_, before, last = ["", *text.rsplit("\n", 2)]
    return last.startswith("|") and before.startswith("|") and last.count("|") < before.count("|")


def _find_open(text: str) -> int | None:
    """The bracket or quotation mark of the last paragraph that is never closed."""
    start = text.rfind("\n\n") + 1
    if text[start:].replace("```", "").count("`") % 2:
        return text.rindex("`")
    plain = _NO_BRACKETS.sub(blank, text[start:])
    for opening, closing in ("()", "[]"):
        if plain.count(opening) > plain.count(closing):
            return start + plain.rindex(opening)
    if curly := _OPEN_CURLY.search(plain):
        return start + curly.start()
    if plain.count('"') % 2 and _INCHES.sub("", plain).count('"') % 2:
        return start + plain.rindex('"')
    return None
