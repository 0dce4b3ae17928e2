"""E-mail addresses and secrets: what must not be passed on."""

import re
from collections.abc import Iterator

from asyncgen.audit.rules import Finding, Span, Subject, excerpt
from asyncgen.data.text import whole_text

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
_CAPITALS_INSIDE = re.compile(r"[a-z][A-Z]+[a-z]\w*[a-z][A-Z]")
_SURE = frozenset({"PRIVATE KEY", "eyJ"})
_VARIED = 8  # different characters in a key
_SHOWN = 6  # characters of a secret


def find_emails(text: str) -> Iterator[Span]:
    """The e-mail addresses; the user name of a repository's address is none."""
    if "@" not in text:
        return
    for match in _EMAIL.finditer(text):
        local = _LOCAL_PART.search(text, max(match.start() - _LONGEST_LOCAL_PART, 0), match.start())
        if local and local[0] != "git" and not _LOGIN.search(text, max(local.start() - 40, 0), local.start()):
            yield local.start(), match.end()


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


def check_secrets(subject: Subject) -> Iterator[Finding]:
    """An audit is passed around more freely than the data: it shows how a secret begins."""
    if find_secret(whole_text(subject.record.conversation)) is None:
        return
    for position, message in enumerate(subject.record.conversation):
        if span := find_secret(message.content):
            start, end = span
            shown = message.content[start : min(start + _SHOWN, end)]
            yield Finding("secret", subject.record.number, position, f"{excerpt(shown)}... ({end - start} characters)")
