"""How batches misbehave on request: each knob with what its flag says, and which batch, line or request is hit.

As for live calls, a draw depends on the seed and on a number alone: the batch's in order of creation, the line's in it.
"""

import random
from dataclasses import dataclass, fields
from enum import Enum, auto

from asyncgen.errors import ConfigError
from asyncgen.offline.knob import check_numbers, check_shares, flag_of, knob, pick, shares_of

ABSENT_IDS = ("null", "missing", "empty")
_MEBIBYTE = 1024 * 1024


class CreateFault(Enum):
    """What becomes of a create: one value per knob that is a share of creates, as drawn in turn."""

    UNMADE = auto()
    LOST = auto()
    ERRORED = auto()


class LineFault(Enum):
    """What becomes of a line instead of a plain row: one value per knob that is a share of lines, as drawn in turn."""

    EXPIRED = auto()
    FAILED = auto()
    MISSING = auto()
    UNREADABLE = auto()
    WITHOUT_USAGE = auto()


@dataclass(frozen=True, slots=True)
class BatchKnobs:
    """The flag of each is `--batch-NAME`. Times are seconds, shares from 0 to 1, None is for no limit."""

    delay: float = knob(0.0, "SECONDS", "time from the create of a batch to its end, over which its lines are spread")
    hidden: float = knob(0.0, "SECONDS", "time for which a new batch is 404 and absent from the list")
    late_files: float = knob(0.0, "SECONDS", "time for which a new file is unknown to a create")
    outage: float = knob(0.0, "SECONDS", "time after a create for which all but creates are 502 in HTML")
    withheld: float = knob(0.0, "SECONDS", "time after its end for which a batch of OpenRouter's form is 402")
    gone_after: float | None = knob(
        None, "SECONDS", "time from which results are gone: such a batch is 410, a file of results 404"
    )
    lost: float = knob(0.0, "SHARE", "share of creates that make the batch and close the connection")
    unmade: float = knob(0.0, "SHARE", "share of creates that make no batch and answer 500")
    errored: float = knob(0.0, "SHARE", "share of creates that make the batch and answer 500")
    gateway_errors: float = knob(0.0, "SHARE", "share of calls but creates and uploads answered 502 in HTML")
    upload_errors: float = knob(0.0, "SHARE", "share of uploads answered 502 in HTML")
    stuck: float = knob(0.0, "SHARE", "share of batches that never end by themselves")
    rejected: float = knob(0.0, "SHARE", "share of lines found invalid, each of which fails its whole batch")
    expired: float = knob(0.0, "SHARE", "share of lines that are not run, with which their batch expires")
    failed: float = knob(0.0, "SHARE", "share of lines that end in an error")
    failed_status: int = knob(500, "N", "the HTTP status of these errors")
    missing: float = knob(0.0, "SHARE", "share of lines that are not run and have no row")
    unreadable: float = knob(0.0, "SHARE", "share of rows that are cut short")
    without_usage: float = knob(0.0, "SHARE", "share of rows that carry no usage")
    max_bytes: int = knob(200 * _MEBIBYTE, "N", "bytes of an input file or of inline requests, more are answered 413")
    max_unfinished: int | None = knob(None, "N", "batches that may be unfinished at once, more are answered 429")
    queued_tokens: int | None = knob(None, "N", "tokens that unfinished batches may hold, one with more fails")
    absent_ids: str = knob("null", "FORM", f"what stands for a file there is not: {', '.join(ABSENT_IDS)}")
    refused_models: str = knob("", "NAMES", "models that take no batches, separated by commas", "none")
    string_bodies: bool = knob(False, "", "give the body of each row as a string of JSON")
    wrong_counts: bool = knob(False, "", "count no request in any batch")
    shuffled: bool = knob(False, "", "give the rows in another order than the lines")
    partial_results: bool = knob(False, "", "give the results of an expired batch of OpenRouter's form, too")
    forbidden: bool = knob(False, "", "answer 403 to files and batches, as a plan without them does")
    beta_only: bool = knob(False, "", "have OpenRouter's form under /api/beta alone, /api/v1/batches is 404 in HTML")
    no_metadata: bool = knob(False, "", "forget the metadata of a batch")
    no_list: bool = knob(False, "", "answer 404 to lists of batches")
    repeated_pages: bool = knob(False, "", "answer each page of a list with the first one, and say there is more")

    def __post_init__(self) -> None:
        """Raises ConfigError."""
        numbers = {batch_flag(each.name): getattr(self, each.name) for each in fields(self) if each.type is not str}
        shares = [batch_flag(each.name) for each in fields(self) if each.metadata["unit"] == "SHARE"]
        check_numbers(numbers, shares=shares)
        check_shares(shares_of(self, CreateFault), batch_flag)
        check_shares(shares_of(self, LineFault), batch_flag)
        if self.absent_ids not in ABSENT_IDS:
            raise ConfigError(f"--batch-absent-ids: expected one of {', '.join(ABSENT_IDS)}, got {self.absent_ids!r}")

    def refuses(self, model: str | None) -> bool:
        return bool(model) and model in self.refused_models.split(",")


class BatchFates:
    """Draws what befalls batches, lines and requests."""

    def __init__(self, knobs: BatchKnobs, seed: int) -> None:
        self._knobs = knobs
        self._seed = seed
        self._create_shares = shares_of(knobs, CreateFault)
        self._line_shares = shares_of(knobs, LineFault)

    def draw(self, *names: object) -> float:
        """From 0 to 1, for what is named so."""
        return random.Random(":".join(map(str, (self._seed, *names)))).random()  # noqa: S311 - repeatable, not secret

    def draw_line(self, batch: int, line: int) -> LineFault | None:
        return pick(self._line_shares, self.draw("line", batch, line)) if self._line_shares else None

    def draw_create(self, create: int) -> CreateFault | None:
        return pick(self._create_shares, self.draw("create", create))

    def rejects(self, batch: int, line: int) -> bool:
        return self._knobs.rejected > 0 and self.draw("rejected", batch, line) < self._knobs.rejected


def batch_flag(name: str) -> str:
    return flag_of(f"batch_{name}")
