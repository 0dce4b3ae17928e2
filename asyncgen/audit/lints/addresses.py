"""E-mail addresses, as a program reads them or spelled so that none does: "name (at) host (dot) org"."""

import re
from collections.abc import Iterator

from asyncgen.audit.reading.language import any_phrase, choice, listed
from asyncgen.audit.rules import Span

_AT_WORDS, _DOT_WORDS = (choice(listed("email", key)) for key in ("at", "dot"))
_TLDS = choice(listed("email", "top-level"))
_OPEN, _CLOSE = r"\s?[(\[{<]\s?", r"\s?[)\]}>]\s?"
_AT_MARK = r"[@\uff20\ufe6b]"
_AT = re.compile(  # it begins with a set of characters: `re` skips all others
    rf"[\s@\uff20\ufe6b(\[{{<_%&-](?:(?:(?<=\s)[(\[{{<]|(?<=[(\[{{<]))\s?(?:{_AT_WORDS}|a|{_AT_MARK}){_CLOSE}"
    rf"|(?<=[-_])(?:{_AT_WORDS})[-_]|(?:(?<=\s){_AT_MARK}|(?<={_AT_MARK}))\s?"
    rf"|(?<=&)(?:#0*64|#x0*40|commat);|(?<=%)40|(?<=\s)(?P<word>(?:{_AT_WORDS}|bei)\s))",
    re.IGNORECASE,
)
_DOT_SIGN = rf"{_OPEN}(?:{_DOT_WORDS}|\.){_CLOSE}|[-_](?:{_DOT_WORDS})[-_]|\s(?:{_DOT_WORDS}|\.)\s"
_DOT = rf"(?:{_DOT_SIGN}|\.|&(?:#0*46|#x0*2e|period);)"
_SIGNS = {each: sign for sign in "-_" for each in listed("email", sign)}
_SIGN = rf"\s(?:{choice(frozenset(_SIGNS))})\s"
_LABEL = r"[^\W_](?:[^\W_]|-){0,40}"
_HOST = re.compile(
    rf"(?P<host>{_LABEL}(?:(?:{_DOT}|{_SIGN}){_LABEL}){{0,3}})(?P<dot>{_DOT})(?P<top>(?:{_TLDS}))(?![\w/(-])",
    re.IGNORECASE,
)
# What a host ends with, behind a point or a spelled one: hardly a text without an address has it.
_END = rf"(?=[a-z])(?:{_TLDS})(?![\w/(-])"
_POINT_END = re.compile(rf"\.(?:(?<=\s\.)\s|(?:(?<=[(\[{{<]\.)|(?<=[(\[{{<]\s\.)){_CLOSE})?{_END}")
_DOT_HINTS = ("&", *listed("email", "dot"))
_DOT_END = re.compile(rf"(?:(?:{_DOT_WORDS})(?:{_CLOSE}|[-_\s])|&[#\w]{{1,8}};){_END}")
_LONGEST_LOCAL_PART = 64  # characters, by RFC 5321; a search from further back is quadratic in a run of letters
_LOCAL_PART = re.compile(
    rf"(?:[\w%+-]{{1,40}}(?:{_DOT}|{_SIGN})){{0,3}}[^\W_][\w%+-]{{0,63}}$|[^\W_][\w.%+-]{{0,63}}$", re.IGNORECASE
)
_UNITS = "service|timer|socket|target|mount|path|slice"  # what systemd starts: "backup@home.timer"
_PLAIN = re.compile(rf"@(?<=\w@)(?:[\w-]{{1,63}}\.)+(?!(?:{_UNITS})\b)[^\W\d_]{{2,24}}\b(?!/)")
_PLAIN_LOCAL_PART = re.compile(r"[\w.%+-]+$")
_LOGIN = re.compile(r"://[^\s/]*:$")
_HINTS = (  # of a sign that is spelled
    *("(", "[", "{", "<", "@ ", " @", "\uff20", "\ufe6b", "&#", "&commat", "%40"),
    *listed("email", "dot"),
    *(word for word in listed("email", "at") if word != "at"),
)
_BEFORE = re.compile(r"(?:^|[:,;.!?(\[\"'>\n])\s*$|(?P<word>[^\W\d_]+'?\w?)\s$")
_NO_NAMES, _LEADS = listed("email", "no-name"), listed("email", "lead")
_WRITE_TO = any_phrase("email", "write-to")
_SAY_WHERE = frozenset({"at", "bei", "@"})
_REACH = 60  # characters before a spelled address


def find_emails(text: str) -> Iterator[Span]:
    """The e-mail addresses; the user name of a repository's address is none."""
    plain = list(_find_plain(text)) if "@" in text else []
    yield from plain
    lowered = text.lower()
    if not (_POINT_END.search(lowered) or (any(map(lowered.__contains__, _DOT_HINTS)) and _DOT_END.search(lowered))):
        return
    if " at " in lowered or any(map(lowered.__contains__, _HINTS)):
        taken = {place for span in plain for place in range(*span)}
        yield from (span for span in _find_spelled(text) if span[0] not in taken and span[1] - 1 not in taken)


def _find_plain(text: str) -> Iterator[Span]:
    for match in _PLAIN.finditer(text):
        local = _PLAIN_LOCAL_PART.search(text, max(match.start() - _LONGEST_LOCAL_PART, 0), match.start())
        if local and local[0] != "git" and not _LOGIN.search(text, max(local.start() - 40, 0), local.start()):
            yield local.start(), match.end()


def _find_spelled(text: str) -> Iterator[Span]:
    for at in _AT.finditer(text):
        host = _HOST.match(text, at.end())
        local = host and _LOCAL_PART.search(text, max(at.start() - _LONGEST_LOCAL_PART, 0), at.start())
        if host and local and local[0].lower() not in _NO_NAMES and _is_address(text, at, local, host):
            yield local.start(), host.end()


def _is_address(text: str, at: re.Match[str], local: re.Match[str], host: re.Match[str]) -> bool:
    """Whether what may say where something is ("at"), or whom to follow (" @"), is the sign of an address.

    It is where either sign is spelled in capitals or in German, where the name is no plain word, and behind what leads
    up to an address. Where only "at" is spelled, somebody has to be written to.
    """
    sign, dot = at[0], host["dot"].strip(" ()[]{}<>")
    word = sign.strip()
    if at["word"] is None and sign != " @":
        return True
    if word.isupper() or dot.isupper() or not local[0].isalpha() or word.lower() not in _SAY_WHERE:
        return True
    start = max(local.start() - _REACH, 0)
    before = _BEFORE.search(text, start, local.start())
    is_led = before is not None and (before["word"] is None or before["word"].lower() in _LEADS)
    return (is_led and (word == "@" or dot != ".")) or _WRITE_TO.search(text, start, local.start()) is not None


def plain_address(written: str) -> str:
    """An address that `find_emails` has found as a program would read it."""
    at = _AT.search(written)
    parts = (written[: at.start()], written[at.end() :]) if at else (written,)
    return "@".join(map(_plain_part, parts))


def _plain_part(written: str) -> str:
    written = written.lower()
    for word, sign in _SIGNS.items():
        written = written.replace(f" {word} ", sign)
    return "".join(re.sub(_DOT, ".", written).split())
