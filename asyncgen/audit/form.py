r"""Form of an answer: markup where talk is meant, and endings that are none.

What people type by hand is plain text: lists, stars between numbers, a few lines of code, even in a fence, whose
inside is not looked at. An answer may end without a full stop for many good reasons, so the test is for the bad ones.
"""

import re
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]

_FENCE = re.compile(r"```.*?```", re.DOTALL)
_HEADING = re.compile(r"^ {0,3}#{1,6} +\S.*$", re.MULTILINE)
_UNDERLINED = re.compile(r"^[A-Z][^\n|]{0,80}\n(?:={3,}|-{3,}) *$", re.MULTILINE)
_STARS = re.compile(r"(?<![\w*/)\]])(?P<mark>\*{1,3})(?=[^\s*])[^*\n]{0,200}?(?<=[^\s*(])(?P=mark)(?![\w*(])")
_UNDERSCORES = re.compile(
    r"(?<![\w_/.])(?:__(?!(?:init|main|name|call|doc|file|all|dict|class|len|str|repr|iter|next|new|del|enter|exit)__)"
    r"[A-Za-z][^_\n]{0,200}?__|_[A-Za-z][^_\n]{0,200}?_)(?![\w_(])"
)
_TABLE = re.compile(
    r"^ *\|?(?: *:?-{2,}:? *\|)+(?: *:?-{2,}:? *)?$|^ *\|[^|\n]*\|[^\n]*\| *\n *\|[^|\n]*\|"
    r"|^[^\n|]*\|[^\n]*\n *:?-{2,}:? *\|",
    re.MULTILINE,
)
_LINK = re.compile(
    r"!\[[^\[\]\n]{0,200}\]\([^()\s][^()\n]*\)|\[[^\[\]\n]{1,200}\]\((?:https?:|www\.|mailto:|/|\./|#)[^()\n]*\)"
)
_REFERENCE = re.compile(r"\[[^\[\]\n]{1,200}\]\[\w{0,20}\]|^ {0,3}\[[\w .-]{1,40}\]: \S+$", re.MULTILINE)
_STRUCK = re.compile(r"~~(?=[^\s~])[^~\n]{1,200}?~~")
_RULE_LINE = re.compile(r"^ {0,3}(?:-{3,}|\*{3,}|_{3,}|(?:\* ){2,}\*) *$", re.MULTILINE)
_MARKS = (
    ("#", _HEADING),
    ("===", _UNDERLINED),
    ("*", _STARS),
    ("_", _UNDERSCORES),
    ("|", _TABLE),
    ("](", _LINK),
    ("][", _REFERENCE),
    ("]: ", _REFERENCE),
    ("~~", _STRUCK),
    ("---", _UNDERLINED),
    ("\n---", _RULE_LINE),
    ("\n***", _RULE_LINE),
    ("\n___", _RULE_LINE),
)
MARKDOWN_HINTS = ("#", "===", "*", "_", "|", "](", "][", "]: ", "~~", "---")

_CODE_LIKE = re.compile(
    r"^\s*(?:def |class |import |from \w+ import|for .*:$|if .*:$|while .*:$|return\b|print\("
    r"|[\w.\[\]]+ ?[-+*/]?= |[\w.]+\("
    r"|(?:uv|pip|python\d?|git|cd|bash|sh|make|curl|torchrun|source|export|npm|cargo|docker|sudo|ls) \S|\$ )"
)
_CODE_REACH = 400  # characters around a heading that tell whether it is a comment


def find_markdown(text: str) -> Span | None:
    """The first markup that Markdown would render, outside of fences."""
    if "```" in text:
        text = _FENCE.sub(_blank, text)
    for mark, pattern in _MARKS:
        if mark in text:
            for match in pattern.finditer(text):
                if not (pattern is _HEADING and _is_code_comment(text, match)):
                    return match.span()
    return None


def _is_code_comment(text: str, heading: re.Match[str]) -> bool:
    """Whether a line that begins with one # stands next to a line of code."""
    if heading[0].lstrip().startswith("##"):
        return False
    before = text[max(heading.start() - _CODE_REACH, 0) : heading.start()].rstrip("\n").rpartition("\n")[2]
    after = text[heading.end() + 1 : heading.end() + _CODE_REACH].partition("\n")[0]
    return any(_CODE_LIKE.match(each) for each in (before, after))


# ---- endings

_SENTENCE_ENDS = frozenset(".!?\u2026\u3002\uff01\uff1f")
_CLOSED = frozenset("\"')]}*_`~")
_EMOTICON = re.compile(r"(?:[:;=8xX][-'o^]?[()DPp/\\|\[\]3*oO]+|<3|\^[_.]?\^|\b[xX]D)$")
_LIST_LINE = re.compile(r"^\s*(?:[-*+]|\(?\w{1,3}[.)])\s")
_BARE_NUMBER = re.compile(r"\n[^\S\n]*(?:\d{1,2}[.)]|[-*+])$")
_URL_END = re.compile(r"(?:https?://|www\.)\S+$|(?:[\w-]+\.)+(?:com|org|net|ai|io|dev)(?:/\S*)?$")
_FIGURE_END = re.compile(r"\$?-?[\d,.]*\d%?[A-Za-z]?$|\b(?:is|answer:?|equals|gives|:) [A-Z]$|[-=]> ?\S+$")
_SIGNATURE = re.compile(r"^\s*-{1,2} ?[A-Za-z][\w .]{0,40}$")
_DANGLING = re.compile(
    r"\b(?:a|an|the|and|or|but|of|to|in|on|at|for|with|by|from|as|is|are|was|were|that|which|because|so|than|its|my|your)$",
    re.IGNORECASE,
)
_OPEN_END = frozenset(",:;-([{/&")
_SHORT_WORDS = 4
_LINE_OF_VERSE = 60  # characters
_LAST_WORDS = 400  # characters that tell how an answer ends
_SHOWN = 40  # characters of a broken end
# Brackets that close nothing: calls, faces, list letters, quoted tokens.
_NO_BRACKETS = re.compile(
    r"`[^`\n]*`|(?<=\w)\([^()]*\)?|[:;=8xX][-'^]?[()\[\]]+|\\\"|^[^\S\n]*\(?\w{1,2}\)|[<\[]\|", re.MULTILINE
)
_INCHES = re.compile(r'(?<=\d)"')


def find_truncation(text: str) -> Span | None:
    """Where an answer breaks off: no end of a sentence, or a fence, bracket or quotation left open."""
    text = text.rstrip()
    if text.count("```") % 2:
        return text.rindex("```"), len(text)
    if not text or text.endswith("```"):
        return None
    if (text[-1] not in _SENTENCE_ENDS and not _ends_well(text)) or _BARE_NUMBER.search(text):
        return max(len(text) - _SHOWN, 0), len(text)
    if "(" in text or '"' in text or "[" in text:
        place = _find_open(text)
        return None if place is None else (place, len(text))
    return None


def _ends_well(text: str) -> bool:
    """Whether a text without a mark at its end may end there."""
    line = text[-_LAST_WORDS:].rpartition("\n")[2]
    # No ending holds more blanks than its part of these: a search of the whole line costs twenty times as much.
    last, last_two = line.rpartition(" ")[2], " ".join(line.rsplit(" ", 2)[-2:])
    if text[-1] in _CLOSED or not text[-1].isascii() or _EMOTICON.search(last) or line[:1] in {" ", "\t"}:
        return True
    if text[-1] in _OPEN_END:
        return False
    if _CODE_LIKE.match(line) or _URL_END.search(last) or _FIGURE_END.search(last_two) or _SIGNATURE.match(line):
        return True
    if _DANGLING.search(last):
        return False
    is_short = len(text.split()) <= _SHORT_WORDS and "\n" not in text
    return is_short or _LIST_LINE.match(line) is not None or _is_verse(text)


def _is_verse(text: str) -> bool:
    """Short lines that mostly end without a full stop: a poem, an address, letters counted one by one."""
    lines = [line for line in text.rsplit("\n\n", maxsplit=1)[-1].split("\n") if line.strip()]
    return len(lines) > 1 and all(len(line) < _LINE_OF_VERSE for line in lines) and lines[-2].rstrip()[-1:] not in ".!?"


def _find_open(text: str) -> int | None:
    """The bracket or quotation mark of the last paragraph that is never closed."""
    start = text.rfind("\n\n") + 1
    plain = _NO_BRACKETS.sub(_blank, text[start:])
    for opening, closing in ("()", "[]"):
        if plain.count(opening) > plain.count(closing):
            return start + plain.rindex(opening)
    if plain.count('"') % 2 and _INCHES.sub("", plain).count('"') % 2:
        return start + plain.rindex('"')
    return None


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])
