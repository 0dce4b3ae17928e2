"""What has become of a request that was sent, for everybody whom it concerns."""

from collections.abc import Awaitable

import msgspec

from asyncgen.errors import AsyncgenError


class Outcome(msgspec.Struct, frozen=True):
    """An answer that will do, unless there is an `error`: then its family says what to do.

    `has_reply`: something arrived that is going to be on disk. `saved`: what to wait for until it is, where that must
    be before anything else is asked. `is_own`: a failure of the index's own, which uses up an attempt, and not of the
    endpoint's. `is_for_all`: the whole run keeps the wait that was named, so that nobody has to keep it once more.
    """

    error: AsyncgenError | None = None
    has_reply: bool = True
    saved: Awaitable[None] | None = None
    is_own: bool = False
    is_for_all: bool = False
