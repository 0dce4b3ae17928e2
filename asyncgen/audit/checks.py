"""All that looks at one line by itself: which checks there are for a data set."""

from collections.abc import Iterator, Mapping, Sequence

from asyncgen.audit.lints.addresses import find_emails, plain_address
from asyncgen.audit.lints.control_tokens import check_control_tokens
from asyncgen.audit.lints.copied_opener import CopiedOpener
from asyncgen.audit.lints.credentials import Secrets
from asyncgen.audit.lints.endings import Endings
from asyncgen.audit.lints.leaks import Leaks
from asyncgen.audit.lints.markup import check_markdown
from asyncgen.audit.lints.role_confusion import RoleConfusion
from asyncgen.audit.lints.stage_directions import StageDirections
from asyncgen.audit.lints.third_person import ThirdPerson
from asyncgen.audit.lints.turns import TurnsCheck
from asyncgen.audit.lints.word_runs import Verbatim
from asyncgen.audit.lints.wrong_language import WrongLanguage, find_guess
from asyncgen.audit.rules import MAX_EVIDENCE, Finding, excerpt
from asyncgen.audit.subject import Check, Subject


def line_checks(
    system_prompt: str | None = None,
    phrases: Mapping[str, tuple[str, ...]] | None = None,
    single: Sequence[str] = (),
    knowledge: str = "",
    languages: Sequence[str] = (),
    *,
    examples: Sequence[str] = (),
) -> list[Check]:
    """All but grounding. `system_prompt`: as the recipe writes it, the knowledge base still a placeholder.

    `single`: the dimensions that draw one value, `examples`: those that show some. `languages`: those that the recipe
    declares. What the knowledge base itself says is no leak and
    no secret.
    """
    return [
        Leaks(phrases or {}, knowledge).check,
        StageDirections(system_prompt, knowledge).check,
        check_control_tokens,
        _emails_check(knowledge),
        Secrets(knowledge).check,
        check_ascii,
        check_markdown,
        Endings(knowledge).check,
        RoleConfusion(system_prompt, knowledge).check,
        ThirdPerson(system_prompt, knowledge).check,
        Verbatim(knowledge).check,
        WrongLanguage(languages, find_guess() if languages else None).check,
        TurnsCheck(single).check,
        CopiedOpener(examples).check,
    ]


def _emails_check(knowledge: str) -> Check:
    """Addresses that the knowledge base lacks; a user may get one at its own host wrong."""
    known = frozenset(plain_address(knowledge[slice(*span)]) for span in find_emails(knowledge))
    hosts = frozenset(map(_name_of_host, known))

    def check(subject: Subject) -> Iterator[Finding]:
        for position, message in enumerate(subject.record.conversation):
            for span in find_emails(message.content):
                address = plain_address(message.content[slice(*span)])
                if address not in known and not (message.role == "user" and _name_of_host(address) in hosts):
                    yield Finding("email", subject.record.number, position, excerpt(message.content, *span))
                    break

    return check


def _name_of_host(address: str) -> str:
    """What stands before the last point: the "mill" of "a@post.mill.example"."""
    return address.rpartition("@")[2].rpartition(".")[0].rpartition(".")[2]


def check_ascii(subject: Subject) -> Iterator[Finding]:
    if subject.charset != "ascii":
        return
    for position, message in enumerate(subject.record.conversation):
        text = message.content
        if not text.isascii():
            place = next(place for place, each in enumerate(text) if not each.isascii())
            found = f"U+{ord(text[place]):04X} in: {excerpt(text, place, place + 1)}"
            yield Finding("non-ascii", subject.record.number, position, found[:MAX_EVIDENCE])
