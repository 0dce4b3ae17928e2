"""A folder as an endpoint: what vLLM's run-batch would read and write."""

import stat
from pathlib import Path

import msgspec
import pytest
from batch_script import lines_in, run

from asyncgen.endpoint.batches.batch import Batch
from asyncgen.endpoint.batches.folder import FolderBatches
from asyncgen.endpoint.batches.rows import read_row, request_line
from asyncgen.endpoint.batches.rules import FOLDER
from asyncgen.errors import AsyncgenError, NotRunError, NotYetError, OutputError, RequestRejectedError

ANSWER = {"id": "c", "choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]}


def result(custom_id: str) -> bytes:
    response = {"status_code": 200, "request_id": "vllm-batch-1", "body": ANSWER}
    return msgspec.json.encode({"id": "vllm-1", "custom_id": custom_id, "response": response, "error": None})


@pytest.fixture
def requests_file(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(b"".join(request_line(name, (b'{"model":"m","messages":[]}',), FOLDER) for name in "abc"))
    return path


async def create(batches: FolderBatches, requests: Path) -> Batch:
    return await batches.create(requests, None, model="m", label="k7f3q", fields={})


def test_a_batch_is_a_file_of_requests_as_openai_has_them(requests_file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "jobs" / "new"
    batches = FolderBatches(folder)

    async def scenario() -> None:
        assert await batches.upload(requests_file, "any") is None
        batch = await create(batches, requests_file)
        assert (batch.id, batch.label, batch.status, batch.is_over, batch.total) == (
            "k7f3q",
            "k7f3q",
            "waiting",
            False,
            3,
        )

    run(scenario())
    (path,) = folder.iterdir()
    assert (path.name, path.read_bytes()) == ("k7f3q.requests.jsonl", requests_file.read_bytes())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert lines_in(path)[0] == {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "m", "messages": []},
    }


def test_a_batch_is_over_when_it_has_a_line_for_each_request(requests_file: Path, tmp_path: Path) -> None:
    batches = FolderBatches(tmp_path / "jobs")
    results = tmp_path / "jobs" / "k7f3q.results.jsonl"

    async def scenario() -> None:
        await create(batches, requests_file)
        for data, finished, status in [
            (result("b") + b"\n", 1, "in_progress"),
            (result("b") + b"\n" + result("a") + b"\n" + result("c")[:-5], 2, "in_progress"),
            (result("b") + b"\n" + result("a") + b"\n" + result("c"), 3, "completed"),
            (result("b") + b"\n" + result("a") + b"\n" + result("c") + b"\n", 3, "completed"),
        ]:
            results.write_bytes(data)
            batch = await batches.get("k7f3q")
            assert (batch.finished, batch.status, batch.is_over) == (finished, status, status == "completed")
        await batches.fetch_rows(await batches.get("k7f3q"), tmp_path / "rows")

    run(scenario())
    rows = [read_row(line) for line in (tmp_path / "rows").read_bytes().splitlines()]
    assert [row and (row.custom_id, batches.classify(row).text) for row in rows] == [
        ("b", "hello"),
        ("a", "hello"),
        ("c", "hello"),
    ]


def test_several_machines_may_share_a_batch_and_somebody_may_say_that_it_is_over(
    requests_file: Path, tmp_path: Path
) -> None:
    batches = FolderBatches(tmp_path / "jobs")

    async def scenario() -> None:
        await create(batches, requests_file)
        for name in ("results-1.jsonl", "results-2.jsonl", "results.jsonl.part", "results-3.jsonl.tmp"):
            (tmp_path / "jobs" / f"k7f3q.{name}").write_bytes(result(name))
        assert not (await batches.get("k7f3q")).is_over
        (tmp_path / "jobs" / "k7f3q.done").touch()
        batch = await batches.get("k7f3q")
        assert (batch.is_over, batch.finished) == (True, 2)
        await batches.fetch_rows(batch, tmp_path / "rows")

    run(scenario())
    assert len(lines_in(tmp_path / "rows")) == 2


def test_a_batch_without_results_leaves_an_empty_file(requests_file: Path, tmp_path: Path) -> None:
    batches = FolderBatches(tmp_path / "jobs")

    async def scenario() -> None:
        await batches.fetch_rows(await create(batches, requests_file), tmp_path / "rows")

    run(scenario())
    assert (tmp_path / "rows").read_bytes() == b""


def test_the_list_tells_all_that_are_there_and_no_half_written_one(requests_file: Path, tmp_path: Path) -> None:
    batches = FolderBatches(tmp_path / "jobs")

    async def scenario() -> None:
        await create(batches, requests_file)
        (tmp_path / "jobs" / ".other.requests.jsonl.part").touch()
        assert [batch.label async for batch in batches.list_since(0.0)] == ["k7f3q"]
        assert [batch.label async for batch in batches.list_since(4e9)] == []
        assert not await batches.cancel("k7f3q")

    run(scenario())


def test_a_batch_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(NotYetError):
            await FolderBatches(tmp_path).get("k7f3q")

    run(scenario())


def test_a_folder_that_cannot_be_used_says_so(requests_file: Path, tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(OutputError):
            await create(FolderBatches(requests_file / "jobs"), requests_file)
        with pytest.raises(OutputError, match="No such file"):
            await create(FolderBatches(tmp_path), tmp_path / "absent")

    run(scenario())


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (
            {
                "response": {"status_code": 400, "request_id": "r", "body": None},
                "error": {"error": {"message": "bad", "type": "BadRequestError", "param": None, "code": 400}},
            },
            RequestRejectedError,
        ),
        ({"response": {"status_code": 400, "request_id": "r", "body": None}, "error": "words"}, RequestRejectedError),
        ({"response": None, "error": {"code": "batch_cancelled", "message": "m"}}, NotRunError),
    ],
)
def test_an_error_of_vllm_stands_beside_its_status(
    fields: dict[str, object], kind: type[AsyncgenError], tmp_path: Path
) -> None:
    row = read_row(msgspec.json.encode({"id": "vllm-1", "custom_id": "a", **fields}))
    assert row is not None
    with pytest.raises(AsyncgenError) as caught:
        FolderBatches(tmp_path).classify(row)
    assert type(caught.value) is kind


def test_the_command_can_be_typed(requests_file: Path, tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "my jobs"
    run(create_and_forget(FolderBatches(folder, said.append), requests_file))
    (line,) = said
    assert line.endswith(
        f"vllm run-batch -i '{folder}/k7f3q.requests.jsonl' -o '{folder}/k7f3q.results.jsonl' --model m"
    )


async def create_and_forget(batches: FolderBatches, requests: Path) -> None:
    await create(batches, requests)
