"""The journal: what is known of every call and every line, one JSON object a line, oldest first.

The output itself carries no index, so that any trainer can read it; the journal says which line is whose, by the
digest of the conversation. It only grows. A batch begins with a mark: the sizes that all files had when they were
last synced, and a checksum of the journal since the mark before. What lies before the newest mark is trusted, and
damage there is refused; what lies behind it may be torn.

Format 1 had no checksums, and one hash. A journal that was begun in it is read as it is and continued in format 2,
under a new header and with the hash that it has. Format 3 has batches; a run that makes none writes format 2. An
asyncgen that does not know them must not go on: it would take their entries for damage, and pay for their work again.
Format 4 begins at an index other than 0, as a shard does; one that does not know that would make those before it, too.
"""

import zlib
from decimal import Decimal
from typing import TypeAlias

import msgspec

from asyncgen.answered import Usage
from asyncgen.conversation import BLAKE2B, LineHash
from asyncgen.endpoint.presets import name_provider
from asyncgen.endpoint.tiers import DEFAULT, SERVICE_TIER, asked_tier
from asyncgen.errors import ConnectionFailedError, NoAnswerError, RateLimitedError, ServerError
from asyncgen.output.indices import check_indices
from asyncgen.recipe.bindings import Bindings, conditions_of
from asyncgen.recipe.recipe import Dimension

VERSION = 2
BATCHES_VERSION = 3
RANGE_VERSION = NEWEST_VERSION = 4
ARRAYS = "arrays of messages"
OBJECTS = "objects with metadata"
GRADES = "grades"
CONVERSATIONS = "conversations"
JUDGEMENTS = "judgements"
DIGEST_SIZE = 16
# Of a call whose reply was kept although it is no answer: as good as lost when its cost is not told.
UNANSWERED = frozenset(leaf.reason for leaf in (ConnectionFailedError, NoAnswerError, RateLimitedError, ServerError))
MAX_INDEX = 2**31 - 1  # what four bytes hold
MAX_ASK = 2**16 - 1
MAX_COST_DIGITS = 30  # before or behind the point; more is damage, and sums of it may overflow


class Filtered(msgspec.Struct, omit_defaults=True, frozen=True, kw_only=True):
    """Where the lines of a filtered file come from.

    `lines`: how many `source` had; `left_out`: how many of them went, by reason; `part`: of a split. `calls`, `cost`
    and `rejected`: what `source` had taken in all, the replies that could not be used by reason.
    """

    source: str
    lines: int
    left_out: dict[str, int]
    part: str | None = None
    calls: int = 0
    cost: Decimal | None = None
    rejected: dict[str, int] = {}


class Header(msgspec.Struct, tag_field="type", tag="run", omit_defaults=True, frozen=True, kw_only=True):
    """One per run, on disk before its first call. Holds all that is needed to compute its scenarios again.

    `num`: how many indices it is about, from `first` on; that is the same in all runs of an output.
    `merged`: of how many shards its lines were put together, where no run of the output has made them.
    `filtered`: the filters that the lines have passed since, the newest one last; no run goes on with such a file.
    `line_hash`: of the digests by which lines are known, the same in all runs of an output.
    `repair`: its lines have taken the place of earlier ones; by which it is known that they have.
    """

    version: int
    asyncgen: str
    started: str
    num: int
    provider: str
    base_url: str
    recipe: str
    dimensions: tuple[Dimension, ...]
    sampling: str
    seed: int | None
    request: dict[str, object]
    line_format: str
    digests: dict[str, str]
    kind: str = CONVERSATIONS
    models: dict[str, dict[str, object]] = {}  # the settings by model, where several share the work
    variables: dict[str, str] = {}  # of the recipe, as this run has them
    filtered: tuple[Filtered, ...] = ()
    line_hash: LineHash = BLAKE2B
    first: int = 0
    merged: int = 0
    repair: str = ""

    @property
    def indices(self) -> range:
        return range(self.first, self.first + self.num)

    @property
    def maker(self) -> str:
        """Who was asked, as messages name it."""
        return name_provider(self.provider, self.base_url)

    @property
    def asked(self) -> tuple[object, ...]:
        """All that decides what is asked for; replies to anything else are of no use."""
        return self.kind, self.digests, self.sampling, self.seed, self.shaping, self.shaping_models

    @property
    def shaping(self) -> dict[str, object]:
        """The settings that shape what is written: all but the service tier, which is a matter of price and wait."""
        return _without_tier(self.request)

    @property
    def shaping_models(self) -> dict[str, dict[str, object]]:
        return {name: _without_tier(settings) for name, settings in self.models.items()}

    @property
    def tiers(self) -> frozenset[str]:
        """The service tiers that its calls ask for."""
        asked = (asked_tier(settings) for settings in self.models.values() or (self.request,))
        return frozenset(each or DEFAULT for each in asked)


def _without_tier(settings: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in settings.items() if key != SERVICE_TIER}


class Mark(msgspec.Struct, tag_field="type", tag="mark", omit_defaults=True, frozen=True):
    """Bytes of output, journal and rejects that were synced when the batch behind it was begun.

    `check`: of the journal's bytes from the mark before on, or from the beginning; None in format 1.
    """

    output: int
    journal: int
    rejects: int
    check: int | None = None


class Call(Usage, omit_defaults=True, frozen=True, kw_only=True):
    """An answered call: what it used, whose request it was, and when it ended. `batch`: the label of its batch."""

    request_id: str | None = None
    time: str = ""
    batch: str | None = None


class Done(Call, tag_field="type", tag="done", frozen=True, kw_only=True):
    """The call whose conversation is a line. `seconds`: sent to received; `in_flight`: calls then under way.

    `verdict`: what a judge has said of the conversation, in its words, where that call was the judge's; `judge`: the
    model that was asked for it.
    """

    index: int
    digest: str
    asks: int = 1
    finish_reason: str | None = None
    model: str | None = None
    seconds: float = 0.0
    in_flight: int = 0
    verdict: str = ""
    judge: str = ""


class Unused(Call, tag_field="type", tag="rejected", frozen=True, kw_only=True):
    """A call whose reply could not be used; the reply is in the rejects file.

    `ends`: nor can the steps before it, and its index begins anew.
    """

    index: int
    reason: str
    ask: int = 1
    ends: bool = False


class Step(Call, tag_field="type", tag="step", frozen=True, kw_only=True):
    """A call that has brought its index a step further. `text`: its reply, with which a later run goes on."""

    index: int
    text: str
    ask: int = 1
    finish_reason: str | None = None
    model: str | None = None


class Failed(msgspec.Struct, tag_field="type", tag="failed", omit_defaults=True, frozen=True, kw_only=True):
    """An index given up. `status`: the HTTP status of the answer that refused it, if one answer did."""

    index: int
    reason: str
    message: str = ""
    status: int | None = None
    asks: int = 1
    time: str = ""
    batch: str | None = None


class Lost(msgspec.Struct, tag_field="type", tag="lost", omit_defaults=True, frozen=True, kw_only=True):
    """A call that was sent and never answered: it may have been billed."""

    index: int
    reason: str
    time: str = ""
    batch: str | None = None


class Stepped(msgspec.Struct, tag_field="type", tag="stepped", frozen=True, kw_only=True):
    """The endpoint refused what was asked for, and has answered a request for less, or for everything again.

    `step`, and the settings that requests go `without`: see `endpoint.structure`.
    """

    step: str
    base_url: str
    model: str
    without: tuple[str, ...] = ()


class Kept(msgspec.Struct, tag_field="type", tag="kept", frozen=True, kw_only=True):
    """A line that asyncgen did not make and was told to keep."""

    digest: str


class Assigned(msgspec.Struct, tag_field="type", tag="assigned", frozen=True, kw_only=True):
    """What further indices stand for, in their order, where what is to be made is not numbered by itself."""

    keys: tuple[str, ...]


class Submitting(msgspec.Struct, tag_field="type", tag="submitting", omit_defaults=True, frozen=True, kw_only=True):
    """A batch is about to be made. From here on its indices are out, until `collected`.

    Indices are as in `indices`; `asks`: of those that are not asked for the first time, by how often; `failures`: of
    those that were not answered since, by how often; `cut_off`: of those whose reply before reached the token limit.
    `size`: bytes of its requests. `held`: what each of them is reckoned at, in US dollars. `seat`, `base_url`: who is
    asked, and where.
    """

    label: str
    indices: str
    asks: dict[int, str] = {}
    failures: dict[int, str] = {}
    cut_off: str = ""
    seat: str = ""
    base_url: str = ""
    size: int = 0
    held: Decimal | None = None
    time: str = ""


class Uploaded(msgspec.Struct, tag_field="type", tag="uploaded", frozen=True, kw_only=True):
    """The requests of a batch are a file at the endpoint. Without one, where it needs one, there can be no batch."""

    label: str
    file: str


class Submitted(msgspec.Struct, tag_field="type", tag="submitted", omit_defaults=True, frozen=True, kw_only=True):
    """A batch is there, under its endpoint's id."""

    label: str
    id: str
    time: str = ""


class Collected(Usage, tag_field="type", tag="collected", omit_defaults=True, frozen=True, kw_only=True):
    """A batch is over, or never was, and all that came of it is on disk; what it has told nothing of is to be made.

    `status`: its endpoint's last word, or one of ours below. `missing`: lines without a result; `lost`: how many of
    these may be billed; `unread`: results that nobody can read. The usage is what no entry of a line has.
    """

    label: str
    status: str
    missing: int = 0
    lost: int = 0
    unread: int = 0
    time: str = ""


# What has become of a batch, where its endpoint has no word for it.
NOT_MADE = "not made"
FORGOTTEN = "forgotten"
TWIN = "made of the same call as another"
TOO_LARGE = "too large"
QUEUE_FULL = "queue full"

Batched: TypeAlias = Submitting | Uploaded | Submitted | Collected
OfIndex: TypeAlias = Done | Step | Unused | Failed | Lost
Entry: TypeAlias = Header | Mark | OfIndex | Kept | Stepped | Assigned | Batched
_decoder = msgspec.json.Decoder(Entry)
_encoder = msgspec.json.Encoder(decimal_format="number")


def encode_entry(entry: Entry) -> bytes:
    return _encoder.encode(entry) + b"\n"


def decode_entry(line: bytes) -> Entry:
    """Raises ValueError for anything that is not a whole, plausible entry."""
    try:
        entry: Entry = _decoder.decode(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if isinstance(entry, Done | Kept | Assigned):
        digests = entry.keys if isinstance(entry, Assigned) else (entry.digest,)
        if any(len(bytes.fromhex(each)) != DIGEST_SIZE for each in digests):
            raise ValueError("not a digest")
    if isinstance(entry, OfIndex) and not 0 <= entry.index <= MAX_INDEX:
        raise ValueError("not an index")
    if isinstance(entry, Header):
        _check_header(entry)
    if isinstance(entry, Submitting):
        check_indices(entry.indices, entry.cut_off, *entry.asks.values(), *entry.failures.values())
        if not entry.indices or not all(0 < ask <= MAX_ASK for ask in entry.asks):
            raise ValueError("no batch")
    cost = entry.held if isinstance(entry, Submitting) else entry.cost if isinstance(entry, Call | Collected) else None
    if cost is not None and not (cost.is_finite() and abs(cost.adjusted()) <= MAX_COST_DIGITS):
        raise ValueError("not an amount of money")
    if isinstance(entry, Mark) and min(entry.output, entry.journal, entry.rejects) < 0:
        raise ValueError("not a size")
    return entry


def entry_or_none(line: bytes) -> Entry | None:
    """None for a line that is torn, or that nobody has written so."""
    try:
        return decode_entry(line)
    except ValueError:
        return None


def _check_header(header: Header) -> None:
    """Raises ValueError."""
    if not 0 <= header.first <= header.first + header.num <= MAX_INDEX + 1:
        raise ValueError("not a range of indices")
    if len({each.name for each in header.dimensions}) < len(header.dimensions):
        raise ValueError("a dimension is there twice")
    if any(map(conditions_of, header.dimensions)):
        Bindings(header.dimensions)  # raises ValueError for what no recipe can say


def as_unused(entry: Done | Step, reason: str, *, index: int) -> Unused:
    """The same call, where its reply turns out to be of no use."""
    call = {name: getattr(entry, name) for name in Call.__struct_fields__}
    return Unused(**call, index=index, reason=reason, ask=entry.asks if isinstance(entry, Done) else entry.ask)


def checksum(data: bytes) -> int:
    return zlib.crc32(data)
