"""Histories of runs in batches that are killed at any byte: what the journal tells is what the endpoint has billed.

Driver, collector, desk and files are the real ones; the endpoint is a few lines, and it and the kills are drawn.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import msgspec
from hypothesis import example, given
from hypothesis import strategies as st
from outputs import HEADER, conversations

from asyncgen.answered import Usage
from asyncgen.conversation import Message, encode_line
from asyncgen.endpoint.answer import Completion, classify_response
from asyncgen.endpoint.batches.batch import Batch
from asyncgen.endpoint.batches.rows import Row
from asyncgen.endpoint.batches.rules import OPENAI
from asyncgen.endpoint.structure import Ladder
from asyncgen.errors import BadReplyError, FatalError, NotRunError, UncertainCreateError
from asyncgen.jobs.work import Product, Request
from asyncgen.money.account import Account, Tariff
from asyncgen.money.budget import Budget
from asyncgen.money.price import Price
from asyncgen.output.begin import Start, prepare
from asyncgen.output.files import Files, Record
from asyncgen.output.journal import BATCHES_VERSION
from asyncgen.output.ledger import read_journal
from asyncgen.output.paths import OutputPaths
from asyncgen.pacing.retry import RetryPolicy
from asyncgen.recipe.recipe import JsonValue, Recipe, Rules
from asyncgen.runs.batches.driver import BatchDriver, make_driver
from asyncgen.runs.batches.under_way import UnderWay
from asyncgen.runs.config import Batching
from asyncgen.runs.desk import Desk
from asyncgen.runs.events import Event
from asyncgen.runs.live import Live
from asyncgen.runs.tariffs import make_batch_tariffs
from asyncgen.runs.verdict import Verdict
from asyncgen.stop import Stop
from asyncgen.timings import Timings

INDICES, SIZE = 6, 3
LISTED = Price(Decimal("0.3e-6"), Decimal("2.5e-6"))
BILLED = Price(Decimal("0.15e-6"), Decimal("1.25e-6"))  # in batches, which the list says nothing of
AT_ONCE = Timings(first_look=0, longest_look=0, look_up=0, longest_look_up=0)
RECIPE = Recipe(
    name="test",
    description="",
    source="test",
    sampling="balanced",
    knowledge="What is known.",
    system=None,
    user="{turn}",
    request={"model": "m"},
    headers=(),
    dimensions=(),
    rules=Rules(),
)
HEADER_OF_BATCHES = msgspec.structs.replace(HEADER, version=BATCHES_VERSION, num=INDICES)

# What becomes of a line that is run, and is paid for: its row is whole, or not.
GOOD, BARE, BAD, BLANK, CUT, TWICE = "good", "without usage", "a bad reply", "a blank reply", "cut", "there twice"
# And of one that is not run.
MISSING, BROKEN, UNRUN = "no row", "a server error", "not run"
FATES = (GOOD, BARE, BAD, BLANK, CUT, TWICE, MISSING, BROKEN, UNRUN)


class KilledError(BaseException):
    """As SIGKILL: nobody handles it."""


@dataclass
class Kills:
    """`borders`: after how many steps each run is killed, and which share of the bytes of its last write is there."""

    borders: list[tuple[int, float]]
    left: int = 0
    share: float = 1.0

    def begin(self) -> None:
        self.left, self.share = self.borders.pop(0) if self.borders else (-1, 1.0)

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise KilledError


@dataclass
class Endpoint:
    """A form of batches.

    `fates`: of its lines, in order; those behind are good. `lost`: whether the answer to a create is lost, likewise;
    `twins`: whether something on the way repeats it.
    """

    kills: Kills
    fates: list[str]
    lost: list[bool]
    twins: list[bool]
    tells_cost: bool
    is_reversed: bool
    rules = OPENAI
    batches: list[Batch] = field(default_factory=list)
    rows: dict[str, list[bytes]] = field(default_factory=dict)
    run: Counter[str] = field(default_factory=Counter)
    good: Counter[str] = field(default_factory=Counter)
    billed: Decimal = Decimal(0)

    async def upload(self, requests: Path, name: str) -> str:
        self.kills.step()
        self.rows[name] = requests.read_bytes().splitlines()  # noqa: ASYNC240 - a few hundred bytes
        return name

    async def create(
        self, requests: Path, file_id: str, *, model: str, label: str, fields: Mapping[str, JsonValue]
    ) -> Batch:
        del requests, model, fields
        self.kills.step()
        usages = []
        rows: list[bytes] = []
        for line in self.rows[file_id]:
            told, usage = self._run(line)
            rows += told
            usages += [] if usage is None else [usage]
        prompt, completion = (sum(each[place] for each in usages) for place in (0, 1))
        cost = sum((cost_of(*each) for each in usages), Decimal(0))
        whole = Usage(prompt, 0, completion, cost if self.tells_cost else None)
        made = 2 if self.twins and self.twins.pop(0) else 1
        for _ in range(made):
            batch = Batch(f"batch-{len(self.batches)}", "completed", is_over=True, label=label, usage=whole)
            self.batches.insert(0, batch)
            self.rows[batch.id] = rows[::-1] if self.is_reversed else rows
        self.billed += made * cost
        self.kills.step()
        if self.lost and self.lost.pop(0):
            raise UncertainCreateError("the connection broke")
        return self.batches[0]

    def _run(self, line: bytes) -> tuple[list[bytes], tuple[int, int] | None]:
        """The rows of a line, and the tokens that are billed for it."""
        request = json.loads(line)
        name, turn = request["custom_id"], request["body"]["messages"][-1]["content"]
        fate = self.fates.pop(0) if self.fates else GOOD
        self.run[name] += 1
        if fate == MISSING:
            return [], None
        if fate in (BROKEN, UNRUN):
            response = {"status_code": 500, "body": {"error": {"message": "broken"}}} if fate == BROKEN else None
            error = None if fate == BROKEN else {"code": "batch_expired"}
            return [msgspec.json.encode({"custom_id": name, "response": response, "error": error})], None
        prompt, completion = 90 + 7 * len(self.run), 20 + len(self.run)
        text = {BAD: "I would rather not", BLANK: " "}.get(fate, f"{turn}, as no. {len(self.run)} of all")
        self.good[turn] += fate in (GOOD, BARE, TWICE)
        usage = {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "cost": str(cost_of(prompt, completion)),
        }
        body = {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": text}}]}
        response = {"status_code": 200, "body": body if fate == BARE else {**body, "usage": usage}}
        row = msgspec.json.encode({"custom_id": name, "response": response, "error": None})
        return {CUT: [row[: len(row) // 2]], TWICE: [row, row]}.get(fate, [row]), (prompt, completion)

    async def get(self, batch_id: str) -> Batch:
        self.kills.step()
        return next(each for each in self.batches if each.id == batch_id)

    async def list_since(self, moment: float) -> AsyncIterator[Batch]:
        del moment
        self.kills.step()
        for each in self.batches:
            yield each

    async def fetch_rows(self, batch: Batch, to: Path) -> None:
        self.kills.step()
        to.write_bytes(b"".join(row + b"\n" for row in self.rows[batch.id]))  # noqa: ASYNC240

    def classify(self, row: Row) -> Completion:
        if not row.has_run:
            raise NotRunError("not run")
        return classify_response(row.status or 200, {}, row.body)


def cost_of(prompt: int, completion: int) -> Decimal:
    return BILLED.cost(fresh=prompt, cached=0, output=completion)


class Dialogue:
    """An index is two replies, one after the other, each to its own request."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._replies: list[str] = []

    @property
    def request(self) -> Request:
        return Request({"turn": f"no. {self._index}, turn {len(self._replies)}"})

    def take(self, reply: Completion, *, ask: int) -> Product | None:
        del ask
        if not reply.text.startswith("no."):
            raise BadReplyError("wrong-shape", "no turn")
        assert reply.text.startswith(f"{self.request.values['turn']},"), "an answer to another request"
        self._replies.append(reply.text)
        if len(self._replies) == 1:
            return None
        said = tuple(Message(role, text) for role, text in zip(("user", "assistant"), self._replies, strict=True))
        return Product(said, encode_line(said))


def ignored(event: Event) -> None:
    """What nobody looks at."""
    del event


DIALOGUES = SimpleNamespace(kind="conversations", prompts={"": RECIPE}, digests={}, open=Dialogue)


class CutWriter:
    """What is handed over is written with the next that must be synced; a kill leaves a part of that."""

    def __init__(self, files: Files, kills: Kills) -> None:
        self._files = files
        self._kills = kills
        self._waiting: list[Record] = []

    def put_nowait(self, record: Record) -> None:
        self._waiting.append(record)

    def put_synced(self, record: Record) -> asyncio.Future[None]:
        files = (self._files.journal, self._files.rejects, self._files.output)  # in the order in which they are written
        before = [each.size for each in files]
        self._files.append_batch([*self._waiting, record])
        self._waiting = []
        try:
            self._kills.step()
        except KilledError:
            there = int(self._kills.share * sum(each.size - size for each, size in zip(files, before, strict=True)))
            for each, size in zip(files, before, strict=True):
                kept = min(there, each.size - size)
                there -= kept
                with each.path.open("r+b") as file:
                    file.truncate(size + kept)
            raise
        synced = asyncio.get_running_loop().create_future()
        synced.set_result(None)
        return synced

    async def run(self) -> None:
        """Nothing is left to do."""

    async def save_rest(self) -> int:
        return 0

    def close(self) -> None:
        """Nothing is open here."""


@contextmanager
def begun(paths: OutputPaths) -> Iterator[tuple[Start, Files]]:
    start = prepare(paths, HEADER_OF_BATCHES, collects=True)
    files = start.open()
    try:
        yield start, files
    finally:
        files.close()


def driver_of(start: Start, files: Files, api: Endpoint) -> BatchDriver:
    stop, writer = Stop(), CutWriter(files, api.kills)
    live_tariff = Tariff(LISTED)
    tariffs = make_batch_tariffs({"": live_tariff}, start.ledger.totals, start.ledger.batches)
    budget = Budget(Account(spent=start.ledger.totals.cost, tariffs=[live_tariff, *tariffs.values()]), stop)
    verdict = Verdict(600, has_worked=True)
    desk = Desk(
        DIALOGUES,
        writer,
        budget,
        {"": live_tariff},
        verdict,
        ignored,
        stop,
        reasks=99,
        model="m",
        line_hash=start.header.line_hash,
        steps=start.steps,
    )
    seat = SimpleNamespace(ladder=Ladder(RECIPE, {"model": "m"}))
    retries = RetryPolicy(99, stop, Random(0), asyncio.sleep, lambda _error, _seconds: None, AT_ONCE)
    live = Live(desk, {"": seat}, retries)  # type: ignore[dict-item]
    under_way = UnderWay(desk, tariffs, start.lines.is_done, start.paths.batches, "the endpoint", start.ledger.batches)
    return make_driver(
        live,
        api,  # type: ignore[arg-type]
        Batching(size=SIZE, no_live=True),
        under_way,
        models={"": "m"},
        base_url=HEADER.base_url,
        indices=start.indices,
    )


def run(paths: OutputPaths, api: Endpoint) -> bool:
    """One run, to its end or to a kill; whether all is made."""
    api.kills.begin()
    with begun(paths) as (start, files):
        driver = driver_of(start, files, api)
        with suppress(KilledError, FatalError):  # three batches in a row that bring nothing end a run
            assert not [*asyncio.run(driver.make(start.pending()))]
            return True
    return False


BORDERS = st.lists(st.tuples(st.integers(1, 40), st.floats(0, 1)), max_size=5)
SOME = st.lists(st.booleans(), max_size=5)


@given(
    st.builds(
        Endpoint,
        st.builds(Kills, BORDERS),
        st.lists(st.sampled_from(FATES), max_size=16),
        lost=SOME,
        twins=SOME,
        tells_cost=st.booleans(),
        is_reversed=st.booleans(),
    )
)
@example(Endpoint(Kills([]), [CUT] * SIZE, [], [], tells_cost=False, is_reversed=False))
@example(Endpoint(Kills([(5, 0.0)]), [], [], [True], tells_cost=False, is_reversed=False))
def test_every_row_is_booked_once_whatever_a_kill_has_left(api: Endpoint) -> None:
    api.fates[:0] = [GOOD] * SIZE  # a batch that shows at once what lines cost there
    api.lost[:0] = [False]
    with TemporaryDirectory() as folder:
        paths = OutputPaths.of(Path(folder) / "x.jsonl")
        while not run(paths, api):
            pass
        ledger = read_journal(paths.journal).ledger
        made = [[each.content.partition(",")[0] for each in said] for said in conversations(paths.output)]
        assert sorted(made) == [[f"no. {index}"] * 2 for index in range(INDICES)]
        assert ledger.totals.cost == api.billed
        assert (ledger.totals.lost, ledger.totals.unpriced) == (0, 0)
        assert max(api.run.values()) == 1, "a line was in two batches"
        assert not ledger.batches.open
        assert not paths.batches.exists() or {each.suffix for each in paths.batches.iterdir()} <= {".unread"}
