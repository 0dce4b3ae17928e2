"""Why a model stopped writing, in everybody's words: at the token limit, at a filter, or by a fault.

A reason is recognised by the letters in it, because each vendor has its own spelling of the same few (`MAX_TOKENS`,
`model_length`, `FinishReason.SAFETY`, `guardrail_intervened`) and finds new ones. A reason that says nothing of the
kind, "stop" or one that is not known, is an ordinary end.
"""

from functools import lru_cache
from typing import Literal, TypeAlias

Meaning: TypeAlias = Literal["length", "filtered", "fault"]

# Parts of a reason in small letters alone. The first row that fits decides: `error_toxic` is a filter's.
_PARTS: tuple[tuple[Meaning, tuple[str, ...]], ...] = (
    (
        "filtered",
        (
            *("blocked", "blocklist", "censor", "contentfilter", "guardrail", "harmful", "moderat", "modelarmor"),
            *("policy", "prohibited", "recitation", "refus", "safety", "sensitive", "spii", "toxic", "unsafe"),
            "violat",
        ),
    ),
    (
        "length",
        (
            *("contextwindow", "incomplete", "length", "maxcompletion", "maxnew", "maxoutput", "maxtoken"),
            *("tokenlimit", "truncat"),
        ),
    ),
    ("fault", ("abort", "error", "failed", "insufficientsystemresource")),
)


@lru_cache(maxsize=256)
def meaning_of(reason: str | None) -> Meaning | None:
    """What a finish reason means; None for an ordinary end and for one that nobody knows."""
    letters = "".join(filter(str.isalpha, reason or "")).lower()
    for meaning, parts in _PARTS:
        if any(part in letters for part in parts):
            return meaning
    return None
