"""Whatever an endpoint answers to a call about batches, a value or one of our errors comes of it, and no secret."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from batch_script import KEY
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asyncgen.endpoint.batches.batch import Batch, BatchApi
from asyncgen.endpoint.batches.forms import batches_by
from asyncgen.endpoint.batches.rows import read_row
from asyncgen.endpoint.batches.rules import OPENAI, OPENROUTER, BatchRules, rules_of
from asyncgen.endpoint.client import Client, Response
from asyncgen.endpoint.disk import FilePart, append
from asyncgen.endpoint.presets import Endpoint, Provider
from asyncgen.endpoint.secret import Secret
from asyncgen.errors import AsyncgenError, FatalError, TransientError

WORDS = ["id", "b", "batch_id", "status", "state", "completed", "data", "results", "error", "errors", "message", "code"]
WORDS += ["custom_id", "response", "body", "choices", "status_code", "has_more", "last_id", "pagination_token", "job"]
WORDS += ["request_counts", "total", "output_file_id", "created_at", "usage", "cost", "line", "file not found", KEY]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from([*WORDS, "\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=6),
    max_leaves=12,
)
BODIES = st.binary(max_size=40) | JSON.map(lambda each: json.dumps(each).encode())
ANSWERS = st.lists(
    st.tuples(st.sampled_from([*[200] * 6, 201, 202, 204, 302, 400, 404, 409, 429, 500]), BODIES), max_size=3
)
XAI = rules_of(Endpoint(Provider("custom", ""), "https://api.x.ai/v1"))


class Canned(Client):
    """Answers without a wire, redacted as over one, and in the end as a server that is gone."""

    def __init__(self, answers: Sequence[tuple[int, bytes]]) -> None:
        super().__init__(Endpoint(Provider("custom", ""), "http://a.example/v1", Secret(KEY)), connections=1, timeout=1)
        self._left = list(answers)

    async def send(
        self,
        method: str,
        path: str,
        body: Sequence[bytes | FilePart] = (),
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "",
        to: Path | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the client's own
    ) -> Response:
        status, data = self._left.pop(0) if self._left else (503, b"")
        if to is not None and status == 200:
            append(to, data)
            return Response(status, {}, b"")
        return Response(status, {}, self.redact(data))


def batches_of(rules: BatchRules, answers: Sequence[tuple[int, bytes]]) -> BatchApi:
    return batches_by(rules, Canned(answers), Path("look"))


async def get(batches: BatchApi, _: Path) -> object:
    return await batches.get("b")


async def cancel(batches: BatchApi, _: Path) -> object:
    return await batches.cancel("b")


async def everything(batches: BatchApi, _: Path) -> object:
    return [each async for each in batches.list_since(0.0)]


async def upload(batches: BatchApi, folder: Path) -> object:
    return await batches.upload(folder / "requests", "a.jsonl")


async def create(batches: BatchApi, folder: Path) -> object:
    return await batches.create(folder / "requests", "f", model="m", label="k", fields={})


async def fetch(batches: BatchApi, folder: Path) -> None:
    to = folder / "rows"
    await batches.fetch_rows(Batch("b", "completed", files=("out", "err")), to)
    for line in to.read_bytes().splitlines():
        if row := read_row(line):
            with suppress(AsyncgenError):
                batches.classify(row)


async def gathered(call: Awaitable[object]) -> list[object]:
    return [*await asyncio.gather(call, return_exceptions=True)]


READS, WRITES = [get, cancel, everything, fetch], [upload, create]


@pytest.mark.parametrize("rules", [OPENAI, OPENROUTER, XAI], ids=["openai", "openrouter", "xai"])
@pytest.mark.parametrize("call", [*READS, *WRITES])
@given(answers=ANSWERS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_answer_is_a_value_or_one_of_our_errors(
    call: Callable[[BatchApi, Path], Awaitable[Any]],
    rules: BatchRules,
    answers: list[tuple[int, bytes]],
    tmp_path: Path,
) -> None:
    (tmp_path / "requests").write_bytes(b"{}\n")

    async def scenario() -> object:
        return await call(batches_of(rules, answers), tmp_path)

    (outcome,) = asyncio.run(gathered(scenario()))
    said = repr(outcome)
    if isinstance(outcome, BaseException):
        said += str(vars(outcome))
        msgspec.json.encode(str(outcome))
        assert isinstance(outcome, (TransientError, FatalError) if call in READS else AsyncgenError)
    assert KEY not in said
