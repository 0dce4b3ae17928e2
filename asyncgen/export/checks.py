"""What trainers refuse, skip or stumble over: in a conversation, and in a file as a whole.

The rules are those of the strictest reader of each thing, so that a file which is written loads everywhere: two
messages at least, the system message first, user and assistant in turn, the assistant last, nothing blank.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from asyncgen.conversation import Conversation
from asyncgen.text import quantity

SHOWN = 5  # numbers of lines
BLANK, ROLE, TOO_FEW, ORDER, END, SYSTEM = (
    "a message without text",
    "a role other than system, user and assistant",
    "fewer than two messages",
    "user and assistant do not alternate, beginning with the user",
    "does not end with the assistant",
    "has a system message, which this format cannot hold",
)


def find_fault(conversation: Conversation, *, takes_system: bool) -> str | None:
    """Why trainers would not take it, None when all do."""
    if any(not each.content.strip() for each in conversation):
        return BLANK
    turns = conversation
    if turns[0].role == "system":
        if not takes_system:
            return SYSTEM
        turns = turns[1:]
    roles = [each.role for each in turns]
    if not {"system", "user", "assistant"}.issuperset(roles):
        return ROLE
    if len(turns) < 2:  # noqa: PLR2004 - a question and an answer
        return TOO_FEW
    if any(role != ("user", "assistant")[place % 2] for place, role in enumerate(roles)):
        return ORDER
    return None if len(turns) % 2 == 0 else END


@dataclass(slots=True)
class Tally:
    """How many lines, and the numbers of the first ones."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, line: str) -> None:
        """`line`: its number, as it is told."""
        self.count += 1
        if len(self.first) < SHOWN:
            self.first.append(line)

    def describe(self) -> str:
        """A phrase such as `line 3` or `lines 3, 9, ...`."""
        more = ", ..." if self.count > len(self.first) else ""
        return f"line{'s' if self.count > 1 else ''} {', '.join(self.first)}{more}"


@dataclass(frozen=True, slots=True)
class _Reader:
    """Who reads a format, and what it asks of a file: rows at least and at most, bytes at most."""

    name: str
    formats: frozenset[str]
    min_rows: int = 1
    max_rows: int | None = None
    max_bytes: int | None = None


_MESSAGES = frozenset({"messages"})
_READERS = (
    _Reader("OpenAI", frozenset({"openai"}), min_rows=10),
    _Reader("Fireworks", _MESSAGES, min_rows=3, max_rows=3_000_000),
    _Reader("mistral-finetune", _MESSAGES, min_rows=10, max_rows=10_000_000, max_bytes=10**10),
    _Reader("Together", _MESSAGES, max_bytes=50_100_000_000),
    _Reader("Hugging Face", frozenset({"hub"}), max_bytes=200 * 10**9),
)


def describe_limits(format_name: str, *, rows: int, size: int) -> Iterator[str]:
    """What a file of so many rows and bytes is too small or too large for."""
    for each in _READERS:
        if format_name not in each.formats:
            continue
        if rows < each.min_rows:
            yield f"{each.name} asks for {quantity(each.min_rows, 'row')} at least, here are {rows:,}"
        if each.max_rows is not None and rows > each.max_rows:
            yield f"{each.name} takes {quantity(each.max_rows, 'row')} at most, here are {rows:,}"
        if each.max_bytes is not None and size > each.max_bytes:
            yield f"{each.name} takes files of {each.max_bytes:,} bytes at most, this one has {size:,}"
