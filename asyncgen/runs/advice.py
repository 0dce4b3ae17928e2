"""What to do about an error that an endpoint has caused, put behind what it said."""

from collections.abc import Mapping
from http import HTTPStatus

from asyncgen.endpoint.presets import HOSTED, NO_KEY
from asyncgen.errors import (
    AsyncgenError,
    BadReplyError,
    ConnectionFailedError,
    ContentFilteredError,
    GaveUpError,
    NoAnswerError,
    RefusedError,
    RequestRejectedError,
    ServerError,
    TimedOutError,
    TooLongError,
    TransientError,
)
from asyncgen.pacing.retry import MAX_HINTED_WAIT
from asyncgen.runs.patience import LONG_WAIT

_SERVER_LOG = "the server's own log may say why"
_PROMPTS = "if it is the recipe's own text that is refused, change its prompts"
_BY_KIND: Mapping[type[BaseException], str] = {
    BadReplyError: "look at its replies in the .rejects file, and try another --model or change the prompts",
    ServerError: _SERVER_LOG,
    ContentFilteredError: _PROMPTS,
    RefusedError: _PROMPTS,
    TooLongError: "shorten the knowledge, or allow a shorter answer with --param max_tokens=N --allow-changed",
    RequestRejectedError: "check --model and the settings that are sent (--param, [request])",
}
_KEPT_OUT = "this caller is kept out: check what the key may do, --model, and where you call from"
_UNREACHABLE = "is the server running, and is --base-url right?"
_NO_NETWORK = "is this machine online? A name server, a proxy or a firewall may stand in the way"
_NO_MODEL = "is --base-url the whole address? Most end in /v1"


def with_advice(error: AsyncgenError, *, has_worked: bool = False) -> str:
    """What an endpoint said, and what to do; nothing is added to a message that names a flag or a key's variable.

    `has_worked`: it has answered at this address, as it must have where an index is given up.
    """
    told = str(error)
    if "--" in told or NO_KEY in told:
        return told
    cause = error.__cause__ if isinstance(error, GaveUpError) else None
    advice = _advice_on(cause or error, has_worked=has_worked or cause is not None)
    if isinstance(error, TransientError) and (wait := error.retry_after or 0) > LONG_WAIT:
        # What is asked for beyond that is cut as it is read.
        length = f"{wait / 60:.0f} min" if wait < MAX_HINTED_WAIT else "an hour or more"
        advice = f"it asks for a wait of {length}"
    return f"{told.rstrip('.')}; {advice}" if advice else told


def _advice_on(error: BaseException, *, has_worked: bool) -> str | None:
    match error:
        case RequestRejectedError(status=HTTPStatus.FORBIDDEN):
            return _KEPT_OUT
        case TimedOutError():
            return "if answers take longer than that, raise --timeout"
        case ConnectionFailedError(maybe_billed=True) | NoAnswerError(maybe_billed=True):
            return _SERVER_LOG
        case ConnectionFailedError():
            return _NO_NETWORK if str(error).partition(":")[0] in HOSTED else _UNREACHABLE
        case NoAnswerError(reply=reply) if not has_worked and (reply is None or reply.text.lstrip().startswith("<")):
            return _NO_MODEL  # to nothing at all, or to a page
        case _:
            return _BY_KIND.get(type(error))
