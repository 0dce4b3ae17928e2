"""Markup where talk is meant.

What people type by hand is plain text: lists, stars between numbers, a few lines of code, even in a fence, whose
inside is not looked at.
"""

import re

from asyncgen.audit.rules import Span, blank

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

CODE_LIKE = re.compile(
    r"^\s*(?:def |class |import |from \w+ import|for .*:$|if .*:$|while .*:$|return\b|print\("
    r"|[\w.\[\]]+ ?[-+*/]?= |[\w.]+\("
    r"|(?:uv|pip|python\d?|git|cd|bash|sh|make|curl|torchrun|source|export|npm|cargo|docker|sudo|ls) \S|\$ )"
)
_CODE_REACH = 400  # characters around a heading that tell whether it is a comment


def find_markdown(text: str) -> Span | None:
    """The first markup that Markdown would render, outside of fences."""
    if "```" in text:
        text = _FENCE.sub(blank, text)
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
    return any(CODE_LIKE.match(each) for each in (before, after))
