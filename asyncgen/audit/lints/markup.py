"""Markup where talk is meant.

What people type by hand is plain text: lists, stars between numbers, a few lines of code, even in a fence, whose
inside is not looked at. HTML and LaTeX are markup too, but where the talk is about them they are what it is about; so
is Markdown, where the talk names it.
"""

import re
from collections.abc import Iterator

from asyncgen.audit.lints.role_confusion import STAGED
from asyncgen.audit.reading.language import any_phrase
from asyncgen.audit.rules import Finding, Span, blank, excerpt
from asyncgen.audit.subject import Subject

_FENCE = re.compile(r"```.*?```", re.DOTALL)
_HEADING = re.compile(r"^ {0,3}#{1,6} +\S.*$", re.MULTILINE)
_UNDERLINED = re.compile(r"^[A-Z][^\n|]{0,80}\n(?:={3,}|-{3,}) *$", re.MULTILINE)
_STARS = re.compile(r"(?<![\w*/)\]])(?P<mark>\*{1,3})(?=[^\s*,;:.)/])[^*\n]{0,200}?(?<=[^\s*(/])(?P=mark)(?![\w*(])")
_UNDERSCORES = re.compile(
    r"(?<![\w_/.])(?:__(?!(?:init|main|name|call|doc|file|all|dict|class|len|str|repr|iter|next|new|del|enter|exit)__)"
    r"(?:[^\W_]|[$€£])[^_\n]{0,200}?__|_[A-Za-z][^_\n]{0,200}?_)(?![\w_(])"
)
_TABLE = re.compile(
    r"^ *+\|?+(?: *+:?-{2,}+:?+ *+\|)+(?: *+:?-{2,}+:?+ *+)?$|^ *\|[^|\n]*\|[^\n]*\| *\n *\|[^|\n]*\|"
    r"|^[^\n|]*\|[^\n]*\n *:?-{2,}:? *\|",
    re.MULTILINE,
)
_LINK = re.compile(
    r"!\[[^\[\]\n]{0,200}\]\([^()\s][^()\n]*\)|\[[^\[\]\n]{1,200}\]\((?:https?:|www\.|mailto:|/|\./|#)[^()\n]*\)"
)
_REFERENCE = re.compile(r"\[[^\[\]\n]{1,200}\]\[\w{0,20}\]|^ {0,3}\[[\w .-]{1,40}\]: \S+$", re.MULTILINE)
_STRUCK = re.compile(r"~~(?=[^\s~])[^~\n]{1,200}?~~")
_RULE_LINE = re.compile(r"^ {0,3}(?:-{3,}|\*{3,}|_{3,}|(?:\* ){2,}\*) *$", re.MULTILINE)
_TAG = re.compile(
    r"</?(?:[biupa]|em|strong|[bh]r|[uo]l|li|h[1-6]|table|t[rdh]|thead|tbody|div|span|su[bp]|code|pre|blockquote|img|details"
    r"|summary|small|mark|del|font|center|section|kbd|dl|dt|dd)(?:\s[^<>\n]{0,200})?\s?/?>",
    re.IGNORECASE,
)
_ENTITY = re.compile(
    r"&(?:nbsp|amp|lt|gt|quot|apos|[mn]dash|hellip|copy|euro|times|[a-z]{1,2}uml|szlig|#\d{1,5}|#x[0-9a-fA-F]{1,5});"
)
_LATEX = re.compile(
    r"\\\([^\n]{1,200}?\\\)|\\\[[^\n]{1,300}?\\\]|\\(?:begin|end|text|textbf|textit|emph|frac|sqrt|math[a-z]{2,4}|operatorname)\{"
    r"|\\(?:cdot|times|approx|sum|prod|int|alpha|beta|gamma|theta|lambda|sigma|infty|leq?|geq?|neq|ldots|partial|nabla|in)\b"
)
_DOLLARS = re.compile(
    r"\$(?:\$[^$]{1,300}\$\$|(?<![\w$\\]\$)(?=[^\s$])(?=[^$\n]{0,100}[\\^_{}=])[^$\n]{0,99}[^\s$\\]\$(?![\w$]))"
)
_QUOTE = re.compile(r"^ {0,3}>(?![>=]| ?\d) ?\S.*$", re.MULTILINE)
# Marks that have other uses: they are none where markup, or a language that has them, is what the talk is about.
_SPOKEN_OF = (("<", _TAG), ("&", _ENTITY), ("\\", _LATEX), ("$", _DOLLARS), (">", _QUOTE))
_TALK = any_phrase("markdown", "talk")
_NAMED = any_phrase("markdown", "named")
_ADDRESSED = any_phrase("markdown", "addressed")
_FEWEST_GAPS = 2  # between the words of a narrator's sentence
_INLINE_CODE = re.compile(r"`[^`\n]*`")
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
    r"|(?:uv|pip|python\d?|git|cd|bash|sh|make|curl|torchrun|source|export|npm|cargo|docker|sudo|ls|echo|mkdir|cat|rm|cp|mv|chmod"
    r"|wget|apt(?:-get)?|brew|conda|node|go|tar|ssh|scp|touch|sleep|kill|set|for|if) \S|\$ )"
)
_CODE_REACH = 400  # characters around a heading that tell whether it is a comment


def check_markdown(subject: Subject) -> Iterator[Finding]:
    is_talk = is_named = False
    for position, message in enumerate(subject.record.conversation):
        if message.role == "user":
            is_talk = is_talk or _TALK.search(message.content) is not None
            is_named = is_talk and (is_named or _NAMED.search(message.content) is not None)
        if span := find_markdown(message.content, is_talk=is_talk, is_named=is_named):
            yield Finding("markdown", subject.record.number, position, excerpt(message.content, *span))


def find_markdown(text: str, *, is_talk: bool = False, is_named: bool = False) -> Span | None:
    """The first markup that Markdown, HTML or LaTeX would render, outside of fences.

    `is_talk`: whether it is what the talk is about; `is_named`: whether that is Markdown.
    """
    if "```" in text:
        text = _FENCE.sub(blank, text)
    for mark, pattern in _MARKS:
        if mark in text and not is_named:
            for match in pattern.finditer(text):
                is_comment = pattern is _HEADING and _is_code_comment(text, match)
                is_staged = mark in "*#" and (STAGED.match(text, match.start()) or _is_direction(text, match))
                if not (is_comment or is_staged):
                    return match.span()
    if is_talk or not any(mark in text for mark, _ in _SPOKEN_OF):
        return None
    prose = _INLINE_CODE.sub(blank, text)
    spans = (found.span() for mark, pattern in _SPOKEN_OF if mark in prose and (found := pattern.search(prose)))
    span = next(spans, None)
    return None if span is None or _TALK.search(text) else span


def _is_direction(text: str, stars: re.Match[str]) -> bool:
    """Whether a narrator says what stands between single stars, in whatever language: it stands alone, to nobody."""
    inside = stars[0].strip("*")
    return (
        stars[0].startswith("*" + inside[:1])
        and inside.count(" ") >= _FEWEST_GAPS
        and text[: stars.start()].rstrip()[-1:] in {"", ".", "!", "?"}
        and text[stars.end() : stars.end() + 1] in {"", " ", "\n"}
        and not inside.endswith((":", ","))
        and not _ADDRESSED.search(inside)
    )


def _is_code_comment(text: str, heading: re.Match[str]) -> bool:
    """Whether a line that begins with one # stands next to a line of code."""
    if heading[0].lstrip().startswith("##"):
        return False
    before = text[max(heading.start() - _CODE_REACH, 0) : heading.start()].rstrip("\n").rpartition("\n")[2]
    after = text[heading.end() + 1 : heading.end() + _CODE_REACH].partition("\n")[0]
    return any(CODE_LIKE.match(each) for each in (before, after))
