"""What went wrong, as an instruction: try again, ask again, this index fails, the run stops.

    AsyncgenError
    ├── TransientError    try again          RateLimitedError · ServerError · ConnectionFailedError · TimedOutError
    │                                        NoAnswerError · DoubtedKeyError · NotYetError · NotRunError
    ├── BatchError        a batch is to be   BatchTooLargeError · BatchQueueFullError · UncertainCreateError
    │                     made differently
    ├── BadReplyError     ask again          one class; `reason` says which rule the reply broke
    ├── RejectedError     this index fails   RequestRejectedError · TooLongError · ContentFilteredError
    │                                        RefusedError · GaveUpError
    └── FatalError        the run stops      AccessDeniedError · NoMoneyError · BudgetSpentError · NotFoundError
                                             RedirectedError · EndpointDownError · SameRejectionError · OutputError
                                             OutOfMemoryError · ConfigError (exit status 2)

The pipeline knows families only; the leaf and its `reason`, a short stable slug, are what the journal, the
counts and the summary show. Messages hold no secret and no client library's object: foreign exceptions are
translated where they enter, and what a server said is cut short before it gets here.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a help text waits for no library
    from asyncgen.answered import Refusal, UnusedReply

NOT_SENT = "not sent"  # argument of a CancelledError or MemoryError that ended a call before its request left


class AsyncgenError(Exception):
    """Base of all errors raised here; anything else is a bug and shows its trace.

    `refusal`: of the answer that it was made of, if that was one.
    """

    reason = "error"
    refusal: "Refusal | None" = None


class TransientError(AsyncgenError):
    """Try the same request again.

    `retry_after`: seconds the provider asked to wait, or None. `maybe_billed`: the request was sent and its
    answer never arrived. `reply`: an answer that arrived and holds no conversation, but may have been paid for.
    `status`: of the answer that said no, if one did.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        maybe_billed: bool = False,
        reply: "UnusedReply | None" = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.maybe_billed = maybe_billed
        self.reply = reply


class RateLimitedError(TransientError):
    """The endpoint said: not now (429, 503 and 529 with a hint, 402 for money held by calls in flight)."""

    reason = "rate-limited"


class ServerError(TransientError):
    """The endpoint failed: 408, 5xx, an edge's 52x."""

    reason = "server-error"


class ConnectionFailedError(TransientError):
    """No connection, or one that broke: name look-up, refusal, reset, cut body, deadline."""

    reason = "connection"


class TimedOutError(ConnectionFailedError):
    """No whole answer within --timeout."""

    reason = "timeout"


class DoubtedKeyError(TransientError):
    """A key that has worked was refused once, which may be the endpoint's mistake: one more call will tell."""

    reason = "access-denied"


class NoAnswerError(TransientError):
    """A 200 without an answer: no choices, blanks, HTML, an error in the body."""

    reason = "no-answer"


class NotYetError(TransientError):
    """What was just made, a batch or the file it is made of, is not known there yet: ask again for some minutes."""

    reason = "not-yet"


class NotRunError(TransientError):
    """A request of a batch that ended before it was run, and cost nothing."""

    reason = "not-run"


class BatchError(AsyncgenError):
    """No batch, or nobody knows whether there is one: none of its requests is to blame.

    `retry_after`: seconds the endpoint asked to wait, or None.
    """

    reason = "batch"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BatchTooLargeError(BatchError):
    """Nothing was made, because there are too many requests or bytes in it: make smaller ones."""

    reason = "batch-too-large"


class BatchQueueFullError(BatchError):
    """Nothing was made or run, because too much of this account waits already: smaller, or when one has ended."""

    reason = "batch-queue-full"


class UncertainCreateError(BatchError):
    """A batch was asked for and nobody knows whether there is one now: look it up before it is asked for again."""

    reason = "batch-uncertain"


CUT_OFF_REASONS = frozenset({"cut-off", "only-thinking"})
CUT_OFF_ADVICE = (
    "allow more with --param max_tokens=N, or less thinking with --param reasoning.effort=low (either with "
    "--allow-changed)"
)


class BadReplyError(AsyncgenError):
    """An answer arrived and is no conversation by the recipe's rules: keep it, ask again.

    `reason` is one of: not-json, wrong-shape, too-few-messages, roles, empty-content, ends-with, charset,
    control-characters, cut-off, only-thinking, a rule of [repair], and unvalidated, when the endpoint itself says so.
    `reply`: what to keep, when that is no completion or more than one. `is_final`: there is nothing more to ask, and a
    later run begins its index anew.
    """

    def __init__(
        self, reason: str, message: str, *, reply: "UnusedReply | None" = None, is_final: bool = False
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.reply = reply
        self.is_final = is_final


class RejectedError(AsyncgenError):
    """This index fails; the run goes on.

    `status`: the HTTP status of the answer that refused, None when no single answer did.
    `reply`: what was answered, when it may have been paid for.
    """

    def __init__(self, message: str, *, status: int | None = None, reply: "UnusedReply | None" = None) -> None:
        super().__init__(message)
        self.status = status
        self.reply = reply


class RequestRejectedError(RejectedError):
    """The provider will not serve this request: 400, 403, 413, 422."""

    reason = "request-rejected"


class TooLongError(RejectedError):
    """The request does not fit the model's context, or what the endpoint takes."""

    reason = "too-long"


class ContentFilteredError(RejectedError):
    """Moderation stopped the request or its answer."""

    reason = "content-filtered"


class RefusedError(RejectedError):
    """The model refused to answer."""

    reason = "refused"


class GaveUpError(RejectedError):
    """Retries or re-asks are used up; `reason` names what went wrong the last time."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class FatalError(AsyncgenError):
    """The run stops; indices under way stay pending. `exit_status` is the process's."""

    reason = "stopped"
    exit_status = 1


class AccessDeniedError(FatalError):
    """The key is missing, wrong or revoked, the account or its country is shut out, or a proxy wants a login."""

    reason = "access-denied"


class NoMoneyError(FatalError):
    """The balance, the key's limit or a budget kept by the provider is spent, or a request costs more than is left."""

    reason = "no-money"


class BudgetSpentError(FatalError):
    """What --budget allows is spent, or what is left of it may not pay for another call."""

    reason = "budget-spent"


class NotFoundError(FatalError):
    """No such model, no endpoint left for it, or no such path."""

    reason = "not-found"


class RedirectedError(FatalError):
    """The endpoint redirects (3xx); following would hand prompt and key to another host."""

    reason = "redirected"


class EndpointDownError(FatalError):
    """Calls have only failed: for as long as --give-up allows, or too often for a budget to be kept."""

    reason = "endpoint-down"


class SameRejectionError(FatalError):
    """All that is asked is refused, not an index: a setting by its name, or answers in a row in the same way."""

    reason = "same-rejection"


class OutOfMemoryError(FatalError):
    """An answer, or a thread that is needed, did not fit into what the system gives this process."""


class OutputError(FatalError):
    """The output cannot be written, or was changed by someone else during the run."""

    reason = "output"


class ConfigError(FatalError):
    """A flag, recipe, key or existing output is not usable; nothing was sent and nothing written."""

    reason = "configuration"
    exit_status = 2
