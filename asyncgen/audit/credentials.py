"""E-mail addresses and secrets: what must not be passed on."""

import re
from collections.abc import Iterator

from asyncgen.audit.language import any_phrase, listed
from asyncgen.audit.rules import Finding, Span, Subject, excerpt
from asyncgen.data.text import whole_text

_EMAIL = re.compile(r"@(?<=[A-Za-z0-9]@)(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b(?!/)")
_LONGEST_LOCAL_PART = 64  # characters, by RFC 5321; a search from further back is quadratic in a run of letters
_LOCAL_PART = re.compile(r"[A-Za-z0-9._%+-]+$")
_LOGIN = re.compile(r"://[^\s/]*:$")
# An address that is written so that no program reads it: "name (at) host (dot) org", "name at host dot org".
_AT = r"(?:\s?[(\[{<]\s?(?:at|ät|@)\s?[)\]}>]\s?|\s@\s)"
_DOT = r"(?:\s?[(\[{<]\s?(?:dot|punkt|\.)\s?[)\]}>]\s?|\s(?:dot|punkt)\s|\.)"
_LABELS = rf"[a-z0-9-]{{1,40}}(?:{_DOT}[a-z0-9-]{{1,40}}){{0,3}}{_DOT}[a-z]{{2,12}}\b"
_MARKED = re.compile(rf"\b[a-z0-9][a-z0-9._%+-]{{0,63}}{_AT}{_LABELS}", re.IGNORECASE)
_SPOKEN = re.compile(
    r"(?:(?P<first>\b[a-z0-9_-]{1,40}\s(?:dot|punkt)\s)|\b)(?P<name>[a-z0-9][a-z0-9._%+-]{0,63})\s(?:at|ät|aet)\s"
    rf"(?:[a-z0-9-]{{1,40}}{_DOT}){{1,3}}(?<=\s)(?:com|org|net|info|io|dev|ai|eu|uk|us|de|at|ch|fr|nl|es|it|edu|co)\b",
    re.IGNORECASE,
)
_SPELLED_HINTS = (
    *("(at", "[at", "{at", "<at", "( at", "[ at", "(@", "[@", "{@", "<@", " @ ", "(ät", "[ät"),
    *(" dot ", " punkt "),
)
_WRITE_TO = any_phrase("email", "write-to")
_WRITE_REACH = 60  # characters before a spoken address
_SECRETS = tuple(
    (hint, re.compile(pattern))
    for hint, pattern in (
        ("sk-", r"\bsk-[\w-]{16,}"),
        ("k_", r"\b[srp]k_(?:live|test)_\w{16,}|\bgsk_\w{20,}"),
        *((f"gh{each}_", rf"\bgh{each}_[A-Za-z0-9]{{20,}}") for each in "pousr"),
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
        ("dckr_", r"\bdckr_pat_[\w-]{20,}"),
        ("shp", r"\bshp(?:at|ca|pa|ss)_\w{20,}"),
        ("xapp-", r"\bxapp-[\w-]{20,}"),
        ("ya29.", r"\bya29\.[\w-]{20,}"),
        ("whsec_", r"\bwhsec_\w{20,}"),
        ("nvapi-", r"\bnvapi-[\w-]{20,}"),
        ("pplx-", r"\bpplx-\w{20,}"),
        ("hvs.", r"\bhvs\.[\w-]{20,}"),
        ("do", r"\bdo[opr]_v1_[a-f0-9]{32,}"),
        ("pypi-", r"\bpypi-[\w-]{30,}"),
        ("eyJ", r"(?<![\w-])eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{8,}"),
        ("PRIVATE KEY", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
        ("earer ", r"\b[Bb]earer [\w.~+/-]{20,}=*"),
        ("://", r"\b[a-z][a-z0-9+]{0,20}://[^\s:/@]+:(?P<value>[^\s:/@]{8,})@"),
    )
)
# What stands before a key or a password, and how it is said. Looked for as plain text, which takes a tenth of the time.
_NAMES = (
    "key",
    "secret",
    "token",
    "credential",
    "passw",
    "passe",
    "contrase",
    "hlüssel",
    "hluessel",
    "passphrase",
    "passcode",
    "pwd",
    "kennwort",
    "pin",
    " -u ",
)
_TO_BE = (
    r"(?:\s(?:for|of|to|für|zum|vom)(?:\s[\w-]{1,20}){1,3}?)?"
    r"(?P<sign>\s?[:=]\s?|\s(?:is|was|lautet|ist|war)(?:\s(?:now|(?:re)?set to|changed to|called|jetzt))?(?:\s?:)?\s)"
)
_QUOTED_OR_NOT = r"(?:[\"'`](?P<quoted>[^\s\"'`]{4,200})[\"'`]|(?P<value>[^\s\"'`,;]{4,200}))"
# Behind a name, in a text in lower case, where it may be given; most names are told of.
_MAY_BE = re.compile(
    r"[a-zü_ñ]*[\"']?"
    r"(?:\s(?=[^\s\d]{0,60}\d)|\s?[:=]|\s[\"'`]|\s(?:for|of|to|für|zum|vom|is|was|lautet|ist|war)\s)| -u "
)
_KEY = re.compile(
    rf"(?:key|hlüssel|hluessel|secret|token|credentials?)(?:_id)?[\"']?{_TO_BE}{_QUOTED_OR_NOT}", re.IGNORECASE
)
_PASSWORD = re.compile(
    rf"(?:password|passphrase|passcode|passwd|passwort|kennwort|pwd|passe|contraseña)[\"']?"
    rf"(?:{_TO_BE}|\s(?=[\"'`])){_QUOTED_OR_NOT}"
    r"|(?:password|passwort|kennwort)\s(?P<bare>(?=[^\s\d]{0,60}\d)[A-Za-z\d][^\s\"'`,;]{5,60})"
    r"|\bpin(?:\s?[:=]\s?|\s(?:is|was|lautet|ist)\s)(?P<digits>\d{4,8})\b|\s-u\s[\w.-]{1,40}:(?P<login>[^\s:/@]{6,200})\s",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"your|example|placeholder|redacted|change|hidden|dummy|\.\.\.|\*{3}|x{4}|^[<${\[(]|^[A-Z_]+$|^\d{1,3}(?:[.,]\d{3})*\W?$",
)
_NO_PASSWORD = listed("secret", "no-password")
_SHORTEST_KEY = 8  # characters
_CAPITALS_INSIDE = re.compile(r"[a-z][A-Z]+[a-z]\w*[a-z][A-Z]")
_SURE = frozenset({"PRIVATE KEY", "eyJ"})
_VARIED = 8  # different characters in a key
_SHOWN = 6  # characters of a secret


def find_emails(text: str) -> Iterator[Span]:
    """The e-mail addresses; the user name of a repository's address is none."""
    for match in _EMAIL.finditer(text) if "@" in text else ():
        local = _LOCAL_PART.search(text, max(match.start() - _LONGEST_LOCAL_PART, 0), match.start())
        if local and local[0] != "git" and not _LOGIN.search(text, max(local.start() - 40, 0), local.start()):
            yield local.start(), match.end()
    lowered = text.lower()
    if any(map(lowered.__contains__, _SPELLED_HINTS)):
        yield from (match.span() for match in _MARKED.finditer(text))
        for match in _SPOKEN.finditer(text):
            before = text[max(match.start() - _WRITE_REACH, 0) : match.start()]
            if match["first"] or not match["name"].isalpha() or _WRITE_TO.search(before):
                yield match.span()


def plain_address(written: str) -> str:
    """An address that `find_emails` has found as a program would read it."""
    written = re.sub(r"[(\[{<>}\])]", " ", written.lower())
    written = re.sub(r"\s+(?:at|ät|@)\s+", "@", written)
    return "".join(re.sub(r"\s+(?:dot|punkt|\.)\s+", ".", written).split())


def find_secret(text: str) -> Span | None:
    """What looks like a key: a known prefix or name, and letters mixed with digits, so that no placeholder counts."""
    for hint, pattern in _SECRETS:
        if hint in text:
            for match in pattern.finditer(text):
                if hint in _SURE or _is_random(match[0]):
                    return match.span()
    lowered = text.lower()
    for name in _NAMES:
        place = lowered.find(name)
        while place >= 0:
            may_be = _MAY_BE.match(lowered, place)
            key = _KEY.match(text, place) if may_be else None
            password = _PASSWORD.match(text, place) if may_be else None
            if key and _is_key(key["quoted"] or key["value"]):
                return key.span()
            if password and (
                password["digits"]
                or password["login"]
                or (_is_random(password["bare"]) if password["bare"] else _is_password(password))
            ):
                return password.span()
            place = lowered.find(name, place + 1)
    return None


def _is_key(value: str) -> bool:
    value = value.rstrip(".!?)]}>")
    mixed = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    is_long = len(value) >= _SHORTEST_KEY and not _PLACEHOLDER.search(value)
    return is_long and len(set(value)) >= _VARIED - 2 and (mixed or _is_random(value)) and "://" not in value


def _is_password(match: re.Match[str]) -> bool:
    """Anything between quotation marks; a word with a digit in it; behind a sign one that ends its sentence."""
    if quoted := match["quoted"]:
        return not _PLACEHOLDER.search(quoted) and quoted.lower() not in _NO_PASSWORD
    value = match["value"].rstrip(".!?)]}>")
    if _PLACEHOLDER.search(value) or value.lower() in _NO_PASSWORD or not any(map(str.isalpha, value)):
        return False
    if any(map(str.isdigit, value)):
        return not value[0].isdigit() or len(value) >= _SHORTEST_KEY
    is_last = match.end() == len(match.string) or match.string[match.end()] == "\n" or match["value"] != value
    return match["sign"].strip() in {":", "="} and is_last and value.isascii()


def _is_random(value: str) -> bool:
    """Letters mixed with digits, or with capitals among them, and few twice: no placeholder, no name in words."""
    is_mixed = any(map(str.isdigit, value)) or (any(map(str.islower, value)) and _CAPITALS_INSIDE.search(value))
    return bool(is_mixed) and any(map(str.isalpha, value)) and len(set(value)) >= _VARIED


def check_secrets(subject: Subject) -> Iterator[Finding]:
    """An audit is passed around more freely than the data: it shows how a secret begins."""
    if find_secret(whole_text(subject.record.conversation)) is None:
        return
    for position, message in enumerate(subject.record.conversation):
        if span := find_secret(message.content):
            start, end = span
            shown = message.content[start : min(start + _SHOWN, end)]
            yield Finding("secret", subject.record.number, position, f"{excerpt(shown)}... ({end - start} characters)")
