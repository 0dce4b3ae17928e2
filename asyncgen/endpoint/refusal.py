"""A refusal to one error leaf: what an endpoint said went wrong, by names, words and status.

Names and words of `refusal_words` that end a run do so under any status; for all the rest the HTTP status decides, and
inside a 200 the body's own error code takes its place. A 402 can mean "wait", an edge answers in HTML.
"""

# An HTTP status says more as a number than as a name.
# ruff: noqa: PLR2004

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from asyncgen.answered import Refusal, UnusedReply
from asyncgen.endpoint import refusal_words as known
from asyncgen.endpoint.body import (
    MAX_LABEL,
    MAX_SEARCHED,
    JsonObject,
    at,
    clean,
    first_choice,
    lowered,
    object_of,
    page_text,
)
from asyncgen.endpoint.retry_after import parse_retry_after, parse_told_wait
from asyncgen.errors import (
    AccessDeniedError,
    AsyncgenError,
    BadReplyError,
    ContentFilteredError,
    FatalError,
    NoAnswerError,
    NoMoneyError,
    NotFoundError,
    RateLimitedError,
    RedirectedError,
    RefusedError,
    RequestRejectedError,
    ServerError,
    TooLongError,
    TransientError,
)

OVERLOADED = frozenset({429, 498, 503, 529})
PASSING = OVERLOADED | {408, 409, 425, 499}
ANSWER_LOST_UPSTREAM = frozenset({408, 504, 524})
MAY_BE_FILTERED = frozenset({400, 403, 422, 451})
MAY_BE_TOO_LONG = frozenset({400, 413, 422})

SAME_COMMAND = "run the same command again"
ADD_CREDITS = f"Add credits, then {SAME_COMMAND}"
LOWER_COST = "or lower what it may cost with --param max_tokens=N --allow-changed"
CHECK_KEY = "Check the key, and that it belongs to this endpoint"
CHECK_MODEL = "Check --model"
CHECK_PATH = "Check --base-url: most endpoints want it to end in /v1"
ERROR_STATUS = re.compile(r"[45][0-9]{2}")
MAX_LAYERS = 4  # of gateways that quote each other's errors
MAX_QUOTED = 2**20  # characters of a text in which a quoted error is looked for
MESSAGE_KEYS = (
    "message",
    "msg",
    "error_message",
    "errorMessage",
    "error_msg",
    "errmsg",
    "Message",
    "error_description",
    "status_msg",
    "faultstring",
    "detail",
    "title",
)
NAME_KEYS = ("type", "code", "status", "error_type", "error_code", "reason", "error", "Code", "__type")
METADATA_NAME_KEYS = ("error_type", "provider_code", "reason", "limit_source")
# Where errors stand that are in no `error`: MiniMax, Volcengine, Tencent, API gateways.
WRAPPERS = (("base_resp",), ("ResponseMetadata", "Error"), ("Response", "Error"), ("fault",))


@dataclass(frozen=True, slots=True)
class Fault:
    """An error as it was told. `status`: None for one inside a 200 that names no status.

    `names`: its type, code, reason and the like, in lower case. `text`: what is searched for tell-tale words. `param`:
    the setting it names. `key_advice`: what to do about a key when none was sent, "" when one was.
    """

    status: int | None
    message: str
    text: str
    names: frozenset[str]
    param: str
    limit_source: str
    is_filtered: bool
    should_retry: bool
    retry_after: float | None
    reply: UnusedReply | None
    key_advice: str

    @property
    def told(self) -> str:
        """The message without its full stop, to be followed by advice."""
        return self.message.rstrip(". 。")

    def is_named(self, names: frozenset[str]) -> bool:
        return not self.names.isdisjoint(names)

    def mentions(self, words: frozenset[str]) -> bool:
        return self.is_named(words) or any(word in self.text for word in words)

    def says(self, words: re.Pattern[str]) -> bool:
        return words.search(self.text) is not None


def read_fault(
    status: int | None,
    headers: Mapping[str, str],
    body: bytes,
    error: JsonObject,
    where: str,
    *,
    reply: UnusedReply | None = None,
    now: float | None = None,
    key_advice: str = "",
) -> Fault:
    """The error of a body as the tables can be held against it. `now`: epoch seconds, for an answer without a Date."""
    metadata = object_of(error.get("metadata"))
    layers = tuple(_layers(error))
    told = _error_text(error, metadata)
    text = told or page_text(body)
    # JSON that is no error of a known shape may repeat the request: it is shown, and not searched.
    searched = "" if not told and body.lstrip()[:1] in {b"{", b"["} else text[:MAX_SEARCHED].lower()
    source = metadata.get("limit_source")
    names = frozenset[str]().union(*map(_error_names, layers))
    waits = (parse_retry_after(headers, layer, now) for layer in layers or (error,))
    retry_after = next((wait for wait in waits if wait is not None), None)
    if retry_after is None and (status in PASSING or not names.isdisjoint(known.OVERLOAD_NAMES)):
        retry_after = parse_told_wait(searched)
    return Fault(
        status=status,
        message=f"{where}: {clean(text) or '(empty body)'}",
        text=searched,
        names=names,
        param=next((param.lower() for each in layers if isinstance(param := each.get("param"), str) and param), ""),
        limit_source=source if isinstance(source, str) else "",
        is_filtered=any(metadata.get(key) for key in ("reasons", "flagged_input", "patterns")),
        should_retry=lowered(headers).get("x-should-retry") == "true",
        retry_after=retry_after,
        reply=reply,
        key_advice=key_advice,
    )


def leaf_of(fault: Fault) -> AsyncgenError:
    """The one leaf of a fault. Names go before words, and words before the status.

    Evidence of a filter goes before words, because its message may quote what a user wrote. What ends a run is known
    under any status: gateways tell a spent balance as 400, 403, 412, 429 or 500.
    """
    is_evident = fault.is_filtered or fault.is_named(known.FILTER_NAMES | {known.REFUSAL_NAME})
    leaf = (
        _named_money_leaf(fault)
        or _filter_leaf(fault, is_evident=is_evident)
        or _single_leaf(fault)
        or _told_leaf(fault)
        or _filter_leaf(fault, is_evident=fault.mentions(known.FILTER_WORDS))
        or _stopping_leaf(fault)
        or _leaf_of_status(fault)
    )
    leaf.refusal = Refusal(fault.status, fault.param, fault.text)
    return leaf


def _named_money_leaf(fault: Fault) -> NoMoneyError | RateLimitedError | None:
    """A spent balance or budget, unless the money is only held by calls in flight."""
    not_now = RateLimitedError(fault.message, retry_after=fault.retry_after, reply=fault.reply)
    if fault.mentions(known.IN_FLIGHT_NAMES):
        return not_now
    is_payment = fault.status == 402
    if fault.is_named(known.NO_MONEY_NAMES):
        advice = ADD_CREDITS
    elif is_payment and fault.mentions(known.TOO_EXPENSIVE_WORDS):
        advice = f"One request may cost more than is left. {ADD_CREDITS}; {LOWER_COST}"
    elif is_payment and fault.retry_after is not None and not fault.is_named(known.SPENT_BALANCE_NAMES):
        return not_now
    elif is_payment:
        advice = ADD_CREDITS
    elif fault.status == 403 and fault.limit_source.endswith(("_budget", "_limit")):
        advice = f"Raise that limit or wait for its reset, then {SAME_COMMAND}"
    else:
        return None
    return NoMoneyError(f"{fault.told}. {advice}")


def _told_leaf(fault: Fault) -> FatalError | None:
    """What a name or the words say ends the run, whatever the status.

    "Quota" is a spent balance only when the answer speaks of no time and no rate: Gemini tells a limit per minute and
    OpenAI an empty account in the same words. A model that is gone for a moment is not gone.
    """
    is_slow_down = fault.retry_after is not None or fault.says(known.SPEED_WORDS)
    if fault.says(known.NO_MONEY_WORDS) or (fault.says(known.QUOTA_WORDS) and not is_slow_down):
        return NoMoneyError(f"{fault.told}. {ADD_CREDITS}")
    if fault.status == 401 or fault.is_named(known.KEY_NAMES) or fault.says(known.KEY_WORDS):
        return AccessDeniedError(f"{fault.told}. {fault.key_advice or CHECK_KEY}")
    if fault.says(known.PASSING_WORDS):
        return None
    if fault.is_named(known.SHUT_OUT_NAMES) or fault.says(known.SHUT_OUT_WORDS):
        return AccessDeniedError(f"{fault.told}. The endpoint does not serve this account, or from here: ask its owner")
    if fault.is_named(known.NO_MODEL_NAMES) or fault.says(known.NO_MODEL_WORDS):
        return NotFoundError(f"{fault.told}. {CHECK_MODEL}")
    return None


def _stopping_leaf(fault: Fault) -> FatalError | None:
    match fault.status:
        case 407:
            return AccessDeniedError(f"{fault.told}. The proxy wants a login: check HTTPS_PROXY")
        case 404 | 405 | 410 if fault.says(known.DATA_POLICY_WORDS):
            advice = f"Change the account's privacy settings, or choose a model that they allow. {CHECK_MODEL}"
        case 404 | 405 | 410 if fault.says(known.ROUTED_AWAY_WORDS):
            advice = "Choose another --model, or leave settings out with --param KEY=null"
        case 405:
            advice = CHECK_PATH
        case 404 | 410 | None if fault.says(known.NO_PATH_WORDS):
            advice = CHECK_PATH
        case 404 | 410:
            advice = "Check --model, and that --base-url ends as the API wants it, mostly in /v1"
        case _:
            return None
    return NotFoundError(f"{fault.told}. {advice}")


def is_routed_away(refusal: Refusal) -> bool:
    """Whether a router has the model, and nobody who serves it with all that was asked for."""
    return (
        refusal.status == 404
        and known.ROUTED_AWAY_WORDS.search(refusal.text) is not None
        and known.DATA_POLICY_WORDS.search(refusal.text) is None
    )


def _single_leaf(fault: Fault) -> BadReplyError | TooLongError | None:
    """Of this one reply, which was no good JSON to the endpoint itself, or of this one prompt, which was too long."""
    if fault.is_named(known.UNVALIDATED_NAMES) or fault.says(known.UNVALIDATED_WORDS):
        return BadReplyError("unvalidated", fault.message, reply=fault.reply or UnusedReply(fault.message))
    if fault.status is not None and fault.status not in MAY_BE_TOO_LONG:
        return None
    is_named = fault.is_named(known.TOO_LONG_NAMES) or any(word in fault.text for word in known.TOO_LONG_WORDS)
    if fault.status == 413 or is_named:
        return TooLongError(fault.message, status=fault.status, reply=fault.reply)
    return None


def _filter_leaf(fault: Fault, *, is_evident: bool) -> ContentFilteredError | RefusedError | None:
    if not is_evident or (fault.status is not None and fault.status not in MAY_BE_FILTERED):
        return None
    if known.REFUSAL_NAME in fault.names:
        return RefusedError(fault.message, status=fault.status, reply=fault.reply)
    return ContentFilteredError(fault.message, status=fault.status, reply=fault.reply)


def _leaf_of_status(fault: Fault) -> TransientError | RequestRejectedError:
    """Without a tell-tale word. A 403 without a key may be about the key that is missing, whatever its words are."""
    status = fault.status
    leaf: type[TransientError]
    if status in OVERLOADED or fault.is_named(known.OVERLOAD_NAMES):
        leaf = RateLimitedError
    elif status is None:
        leaf = NoAnswerError
    elif status in PASSING or status >= 500 or fault.should_retry:
        leaf = ServerError
    else:
        message = f"{fault.told}. {fault.key_advice}" if status == 403 and fault.key_advice else fault.message
        return RequestRejectedError(message, status=status, reply=fault.reply)
    return leaf(
        fault.message,
        status=status,
        retry_after=fault.retry_after,
        maybe_billed=status in ANSWER_LOST_UPSTREAM,
        reply=fault.reply,
    )


def redirected(headers: Mapping[str, str], where: str) -> RedirectedError:
    try:
        target = urlsplit(lowered(headers).get("location", "")).hostname
    except ValueError:
        target = None
    to = f"to {clean(target, MAX_LABEL)}" if target else "without naming another host"
    return RedirectedError(
        f"{where}, a redirect {to}. It is not followed, because prompt and key would go along: "
        "set --base-url to where the endpoint really is"
    )


def find_error(document: JsonObject, *, has_answer: bool = False) -> JsonObject:
    """What a body says went wrong, as an object; empty when it says nothing.

    Beside an answer only an `error` counts: gateways say "success" under the names that others say their errors.

    Seen: an object, a list or a string under `error`, also in the first choice; `detail`; the same fields at the top,
    under many names; and the wrappers of some clouds.
    """
    error = document.get("error") or first_choice(document).get("error")
    if not error and not has_answer and not document.get("choices"):
        wrapped = (object_of(at(document, path)) for path in WRAPPERS)
        error = (
            document.get("detail")
            or document.get("errors")
            or next((each for each in wrapped if _first_message(each)), None)
            or (document if _first_message(document) else None)
        )
    while isinstance(error, dict) and isinstance(error.get("error"), dict) and not _first_message(error):
        error = error["error"]
    if isinstance(error, dict) or not error:
        return object_of(error)
    if isinstance(error, list):
        param = _place(error[0]) if len(error) == 1 else ""
        found = [(each if isinstance(each, str) else _first_message(object_of(each)), _place(each)) for each in error]
        # Where it found what it found goes first; what it found is left out.
        told = [f"{place}: {text}" if place and text else text for text, place in found]
        return {"message": "; ".join(filter(None, told)) or error, "param": param}
    return {**document, "message": document.get("message") or error}


def find_written(error: JsonObject) -> str:
    """What the model wrote and the endpoint itself did not accept; "" when the error holds no such text."""
    written = (layer.get("failed_generation") for layer in _layers(error))
    return next((text for text in written if isinstance(text, str) and text.strip()), "")


def inner_status(error: JsonObject) -> int | None:
    """The HTTP status an error inside a 200 stands for."""
    for key in ("code", "http_status", "status"):
        value = error.get(key)
        if isinstance(value, str) and ERROR_STATUS.fullmatch(value):
            value = int(value)
        if isinstance(value, int) and 400 <= value < 600:
            return value
    return None


def _first_message(error: JsonObject) -> str:
    texts = (error.get(key) for key in MESSAGE_KEYS)
    return next((text for text in texts if isinstance(text, str) and text), "")


def _place(item: object) -> str:
    """The field that a validator's entry is about: pydantic's `loc` without the word for the body."""
    place = object_of(item).get("loc")
    return ".".join(str(part) for part in place if part != "body") if isinstance(place, list) else ""


def _layers(error: JsonObject) -> Iterator[JsonObject]:
    """The error, and those of the servers behind it that it quotes as JSON."""
    for _ in range(MAX_LAYERS):
        if not error:
            return
        yield error
        error = _quoted_error(object_of(error.get("metadata")).get("raw")) or _quoted_error(error.get("message"))


def _quoted_error(text: object) -> JsonObject:
    if isinstance(text, dict):
        return find_error(text)
    if not isinstance(text, str) or len(text) > MAX_QUOTED or (begin := text.find("{")) < 0:
        return {}
    try:
        document, _ = json.JSONDecoder(strict=False).raw_decode(text, begin)
    except (ValueError, RecursionError):
        return {}
    return find_error(object_of(document)) or object_of(document)


def _error_names(error: JsonObject) -> frozenset[str]:
    metadata, details = object_of(error.get("metadata")), error.get("details")
    values = [
        *(error.get(key) for key in NAME_KEYS),
        *(metadata.get(key) for key in METADATA_NAME_KEYS),
        *(object_of(each).get("reason") for each in (details if isinstance(details, list) else ())),
        object_of(error.get("availability")).get("code"),
    ]
    return frozenset(value.lower() for value in values if isinstance(value, str))


def _error_text(error: JsonObject, metadata: JsonObject) -> str:
    """The parts of an error that are meant for people; `raw` is what the provider behind a gateway said."""
    reasons = metadata.get("reasons")
    resets_at = metadata.get("resets_at")
    parts = [
        _first_message(error),
        metadata.get("raw"),
        *(reasons if isinstance(reasons, list) else ()),
        metadata.get("remedy_hint"),
        f"(resets at {resets_at})" if isinstance(resets_at, str) else None,
    ]
    return " ".join(part for part in parts if isinstance(part, str) and part)
