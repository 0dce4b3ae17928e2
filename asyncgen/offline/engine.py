"""What is answered, without the wire: a live call and a line of a batch are read, refused and written alike."""

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from decimal import Decimal

from asyncgen.offline.author import Author, digest_request
from asyncgen.offline.brief import Message
from asyncgen.offline.capacity import Capacity, Refusal
from asyncgen.offline.knobs import Fate, Fates, Fault, Knobs
from asyncgen.offline.ledger import Ledger
from asyncgen.offline.protocol import (
    Answer,
    BadRequestError,
    ChatRequest,
    Dialect,
    UnexpectedFieldsError,
    count_tokens,
    encode_assent,
    encode_completion,
    encode_conversation,
    encode_detail,
    encode_error,
    read_request,
)
from asyncgen.offline.refusal import Told, name_wait, tell

PROVIDER = "offline"  # as a gateway names who serves a call
BATCH = "batch"  # the tier of a line
_PREFIXES_KEPT = 64

_WRONG_SCHEMAS = (
    '{"conversation": [{"role": "user", "content": "Hello!"}, {"role": "assistant", "content": "Hi!"}]}',
    '{"messages": "Hello! Hi!"}',
    '{"messages": ["Hello!", "Hi!"]}',
    '[{"speaker": "user", "text": "Hello!"}, {"speaker": "assistant", "text": "Hi!"}]',
)
_CANNED_REQUEST = ChatRequest(messages=(), model="offline", seed=None, max_tokens=1024, prompt_tokens=1)
_CANNED_CONTENT = encode_conversation(
    [Message("user", "Hello!"), Message("assistant", "Hello! What would you like to know? " * 100)]
)


@dataclass(frozen=True, slots=True)
class Style:
    """How an answer is told. `batch_model`: that of a batch whose requests came inline, which OpenRouter tells."""

    batch_model: str | None = None
    has_usage: bool = True


class Engine:
    """One application's worth of state."""

    def __init__(self, knobs: Knobs) -> None:
        self.knobs = knobs
        self.ledger = Ledger()
        self.capacity = Capacity(knobs, self.ledger)
        self._retry_after = None if knobs.no_retry_after else knobs.retry_after
        self._dialect = Dialect(
            json_schema=not knobs.no_json_schema,
            response_format=not knobs.no_response_format,
            unknown_fields=not knobs.strict_fields,
        )
        self._fates = Fates(knobs)
        self._author = Author()
        self._prefixes: OrderedDict[str, None] = OrderedDict()
        self._canned = encode_completion(
            _CANNED_REQUEST, "gen-offline-canned", _CANNED_CONTENT, cached_tokens=0, prices=knobs.prices
        )

    def close(self) -> None:
        self._author.close()

    def draw(self) -> tuple[int, Fate]:
        """The number of a call that begins, and what happens to it."""
        sequence = self.ledger.calls
        self.ledger.calls += 1
        return sequence, self._fates.draw(sequence)

    def open(self, body: bytes, sequence: int, fate: Fate) -> ChatRequest | Told:
        """The request, or what is told without a look at capacity."""
        knobs = self.knobs
        if knobs.unauthorized_after is not None and sequence >= knobs.unauthorized_after:
            return Told.of(401, "Invalid API key.", "authentication_error")
        if knobs.no_money_after is not None and sequence >= knobs.no_money_after:
            return Told.of(402, "Insufficient credits. Add more credits to go on.", "insufficient_quota")
        if fate.fault is Fault.RATE_LIMITED:
            return Told.of(429, "Too many requests, slow down.", "rate_limit_error", name_wait(self._retry_after))
        try:
            return _CANNED_REQUEST if knobs.canned else read_request(body, self._dialect)
        except UnexpectedFieldsError as error:
            return Told(422, encode_detail(str(error)))
        except BadRequestError as error:
            return Told.of(400, str(error), "invalid_request_error")

    def refuse_tier(self, chat: ChatRequest, sequence: int) -> Told | None:
        """What a live call is told when its tier has no capacity; as at OpenAI, it names no time to wait."""
        if chat.service_tier != "flex" or not self._fates.refuses_flex(sequence):
            return None
        kind = "resource_unavailable"
        return Told(429, encode_error(429, "Resource Unavailable: no flex capacity is free.", kind, code=kind))

    def refuse(self, refusal: Refusal) -> Told:
        return tell(refusal, self._retry_after, time.time())

    def complete(self, chat: ChatRequest, fault: Fault | None, sequence: int) -> Answer:
        return self._canned if self.knobs.canned else self._write(chat, fault, sequence, chat.service_tier)

    def complete_line(self, body: bytes, style: Style) -> Answer | Told:
        """A line's answer, charged. Places and limits a minute are those of live calls alone."""
        sequence, fate = self.draw()
        chat = self.open(body, sequence, fate)
        if isinstance(chat, Told):
            return chat
        reserve = self.capacity.check_money(chat.prompt_tokens, chat.max_tokens, BATCH)
        if isinstance(reserve, Refusal):
            return self.refuse(reserve)
        if fate.fault is Fault.SERVER_ERRORS:
            return Told.of(500, "The engine failed on purpose.", "server_error")
        if style.batch_model is not None:
            chat = replace(chat, model=f"{style.batch_model.removesuffix(':batch')}:batch", service_tier=BATCH)
        answer = self._write(chat, fate.fault, sequence, BATCH, style)
        self.ledger.cost += answer.cost or Decimal(0)
        return answer

    def _write(
        self, chat: ChatRequest, fault: Fault | None, sequence: int, tier: str | None, style: Style = Style()
    ) -> Answer:
        digest = digest_request(chat.messages, chat.seed)
        if self.knobs.canned:
            content, prefix = _CANNED_CONTENT, ""
        else:
            content, prefix = self._compose(chat, digest), chat.messages[0].content
        if fault is Fault.MALFORMED:
            content = f"Here is the conversation:\n{content[: len(content) * 2 // 3]}"
        elif fault is Fault.WRONG_SCHEMA:
            content = _WRONG_SCHEMAS[sequence % len(_WRONG_SCHEMAS)]
        elif fault is Fault.EMPTY:
            content = ""
        return encode_completion(
            chat,
            f"gen-{'offline' if style.batch_model is None else 'batch'}-{digest.hex()}",
            content,
            cached_tokens=self._count_cached(prefix),
            prices=self.knobs.prices.at(tier) if self.knobs.prices else None,
            provider=None if style.batch_model is None else PROVIDER,
            has_usage=style.has_usage,
        )

    def _compose(self, chat: ChatRequest, digest: bytes) -> str:
        if chat.judgement is not None:
            return encode_assent(chat.judgement)
        written = self._author.write(chat.messages, digest)
        if chat.wants_conversation:
            return encode_conversation(written)
        # In a talk that is under way, what comes next: an answer, or a question of who plays the user.
        role = "assistant" if "<knowledge>" in chat.messages[0].content else "user"
        said = [each.content for each in written if each.role == role]
        return said[min(len(chat.messages) // 2, len(said)) - 1]

    def _count_cached(self, prefix: str) -> int:
        """Tokens of a request that an earlier one began with, too."""
        is_known = prefix in self._prefixes
        self._prefixes[prefix] = None
        self._prefixes.move_to_end(prefix)
        if len(self._prefixes) > _PREFIXES_KEPT:
            self._prefixes.popitem(last=False)
        return count_tokens(len(prefix.encode("utf-8", "surrogatepass"))) if is_known else 0
