"""A line of a batch's requests out, a line of its results in; pure."""

from collections.abc import Mapping, Sequence

import msgspec

from asyncgen.endpoint.batch_rules import BatchRules
from asyncgen.recipe.recipe import JsonValue


class Row(msgspec.Struct, frozen=True):
    """One result. `status` and `body`: of the answer, None and empty where there was none.

    `code` and `message`: why there was none. What it means is told by `BatchApi.classify`.
    """

    custom_id: str
    status: int | None
    body: bytes
    code: str | None = None
    message: str = ""


def request_line(custom_id: str, payload: Sequence[bytes], rules: BatchRules) -> bytes:
    """A live request as a line of a batch's file, its newline last."""
    raise NotImplementedError


def read_row(line: bytes) -> Row | None:
    """What a line of results says; None for one that cannot be read or names no request."""
    raise NotImplementedError


def batch_fields(settings: Mapping[str, JsonValue], rules: BatchRules) -> dict[str, JsonValue]:
    """The settings that a batch takes as a whole. Raises ConfigError for one that nothing of it takes."""
    raise NotImplementedError
