"""How far an output has come, according to its journal: done, failed by reason, pending, what it has used."""

from collections import Counter
from decimal import Decimal

import msgspec

from asyncgen.endpoint.presets import OFFLINE
from asyncgen.output.journal import Filtered, Header
from asyncgen.output.ledger import Ledger
from asyncgen.output.match import Lines
from asyncgen.text import quantity


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    started: str
    num: int
    provider: str
    base_url: str
    model: str | None
    seed: int | None
    recipe: str


class BatchReport(msgspec.Struct, frozen=True, kw_only=True):
    """A batch under way.

    `id`: at its endpoint, None where nobody knows whether it was made. `pending`: requests without a result in the
    journal. `held_usd`: what these are reckoned at.
    """

    label: str
    id: str | None
    since: str
    requests: int
    pending: int
    held_usd: msgspec.Raw | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `--json` prints, in this order.

    `cost_usd`: the digits of an exact decimal; None while no cost is known. `tiers`: answered calls by the service tier
    that is billed, where that was told.
    """

    num: int
    done: int
    failed: int
    failed_by_reason: dict[str, int]
    pending: int
    calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    tiers: dict[str, int]
    cost_usd: msgspec.Raw | None
    batches: list[BatchReport]
    runs: list[RunReport]


def make_report(ledger: Ledger, lines: Lines) -> Report:
    """Done, failed and pending are about the indices of the newest run; the sums are over all runs.

    Of a filtered file nothing is pending: all that was asked of it is what it holds.
    """
    indices = ledger.headers[-1].indices if ledger.headers else range(0)
    num = len(indices)
    done = lines.count_done(num)
    if ledger.headers and ledger.headers[-1].filtered:
        num = done
    failed = Counter(reason for index, reason in ledger.failed.items() if index in indices and not lines.is_done(index))
    totals = ledger.totals
    return Report(
        num=num,
        done=done,
        failed=failed.total(),
        failed_by_reason=dict(failed.most_common()),
        pending=num - done - failed.total(),
        calls=totals.calls,
        prompt_tokens=totals.prompt_tokens,
        cached_tokens=totals.cached_tokens,
        completion_tokens=totals.completion_tokens,
        tiers={tier: number for tier, number in totals.tiers.most_common() if tier is not None},
        cost_usd=None if totals.cost is None else msgspec.Raw(digits_of(totals.cost).encode()),
        batches=[
            BatchReport(
                label=batch.label,
                id=batch.id,
                since=batch.intent.time,
                requests=len(batch),
                pending=batch.untold,
                held_usd=None if batch.held is None else msgspec.Raw(digits_of(batch.held).encode()),
            )
            for batch in ledger.batches.under_way.values()
        ],
        runs=[
            RunReport(
                started=header.started,
                num=header.num,
                provider=header.provider,
                base_url=header.base_url,
                model=asked_model(header),
                seed=header.seed,
                recipe=header.recipe,
            )
            for header in ledger.headers
        ],
    )


def asked_model(header: Header) -> str | None:
    """The model that writes unless an answer names another. Offline, that of the recipe has written nothing."""
    model = OFFLINE if header.provider == OFFLINE else header.request.get("model")
    return model if isinstance(model, str) else None


def describe_filter(filtered: Filtered) -> str:
    """A phrase such as `from x.jsonl, of whose 10 lines were left out: 2 near-duplicate; this is the train part`."""
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in filtered.left_out.items()) or "none"
    part = f"; this is the {filtered.part} part" if filtered.part else ""
    return f"from {filtered.source}, of whose {quantity(filtered.lines, 'line')} were left out: {left_out}{part}"


def digits_of(cost: Decimal) -> str:
    """The exact amount without an exponent, which not every JSON reader takes for a decimal."""
    return format(cost, "f")
