"""What a run makes, seen by those who ask for it: requests out, replies in, a product in the end.

Nothing here knows how a request is sent or where a reply comes from, so that one job serves live calls and others. A
work is pure and cheap: whoever has its replies makes it anew.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from asyncgen.conversation import Conversation
from asyncgen.endpoint.answer import Completion
from asyncgen.recipe.recipe import Recipe


class Request(NamedTuple):
    """What is to be asked next: the prompt's variables, whom (see `runs.live.Seat`), and what was said before."""

    values: Mapping[str, str]
    seat: str = ""
    history: Conversation = ()


class Product(NamedTuple):
    """A line of the output, and the conversation in it, by which it is known again.

    `written`: the reply that it was made of, where another one was the last; `verdict`: what a judge has said of it,
    and `judge` who.
    """

    conversation: Conversation
    line: bytes
    written: Completion | None = None
    verdict: str = ""
    judge: str = ""


class Work(Protocol):
    """One index under way."""

    @property
    def request(self) -> Request: ...

    def take(self, reply: Completion, *, ask: int) -> Product | None:
        """What the reply makes, or None when there is something else to ask; `ask`: how often it was asked for.

        Raises BadReplyError for a reply that will not do, and is as it was.
        """


class Job(Protocol):
    """All that is to be made.

    `prompts`: what is said to whoever sits where, the first one first. `digests`: of each part that decides what is
    asked for, by the name under which a difference is told.
    """

    @property
    def kind(self) -> str: ...
    @property
    def prompts(self) -> Mapping[str, Recipe]: ...
    @property
    def digests(self) -> Mapping[str, str]: ...
    def open(self, index: int) -> Work: ...
