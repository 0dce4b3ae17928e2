"""All that looks at one line by itself: which checks there are for a data set."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from asyncgen.audit.control_tokens import check_control_tokens
from asyncgen.audit.credentials import check_secrets, find_email
from asyncgen.audit.endings import find_break
from asyncgen.audit.leaks import Leaks, PromptPieces
from asyncgen.audit.markup import find_markdown
from asyncgen.audit.role_confusion import RoleConfusion
from asyncgen.audit.rules import MAX_EVIDENCE, Check, Finding, Span, Subject, excerpt
from asyncgen.audit.turns import TurnsCheck
from asyncgen.recipe.recipe import Dimension


def line_checks(
    system_prompt: str | None = None,
    phrases: Mapping[str, tuple[str, ...]] | None = None,
    dimensions: Sequence[Dimension] = (),
) -> list[Check]:
    """All but grounding. `system_prompt`: as the recipe writes it, the knowledge base still a placeholder."""
    return [
        Leaks(phrases or {}).check,
        PromptPieces(system_prompt).check,
        check_control_tokens,
        _check_each("email", find_email),
        check_secrets,
        _check_ascii,
        _check_each("markdown", find_markdown),
        _check_each("truncated", find_break, role="assistant"),
        RoleConfusion(system_prompt).check,
        TurnsCheck(dimensions).check,
    ]


def _check_each(rule: str, find: Callable[[str], Span | None], *, role: str | None = None) -> Check:
    """A check that asks for the first place in each message, or in each of one role."""

    def check(subject: Subject) -> Iterator[Finding]:
        for position, message in enumerate(subject.record.conversation):
            if (role is None or message.role == role) and (span := find(message.content)):
                yield Finding(rule, subject.record.number, position, excerpt(message.content, *span))

    return check


def _check_ascii(subject: Subject) -> Iterator[Finding]:
    if subject.charset != "ascii":
        return
    for position, message in enumerate(subject.record.conversation):
        text = message.content
        if not text.isascii():
            place = next(place for place, each in enumerate(text) if not each.isascii())
            found = f"U+{ord(text[place]):04X} in: {excerpt(text, place, place + 1)}"
            yield Finding("non-ascii", subject.record.number, position, found[:MAX_EVIDENCE])
