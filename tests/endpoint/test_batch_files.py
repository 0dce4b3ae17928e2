import asyncio
import email
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest
from batch_script import KEY, PAGE, batches_of, lines_in, refuses, run, says
from quick import each_row
from raw_server import Act, hang, response, send, send_and_close, send_and_reset

from asyncgen.endpoint.batches.batch import Batch, BatchApi
from asyncgen.endpoint.batches.rules import OPENAI, BatchRules, rules_of
from asyncgen.endpoint.presets import Endpoint, Provider
from asyncgen.errors import (
    NOT_SENT,
    AccessDeniedError,
    AsyncgenError,
    BatchQueueFullError,
    BatchTooLargeError,
    NoMoneyError,
    NotFoundError,
    NotYetError,
    RateLimitedError,
    RequestRejectedError,
    ServerError,
    TransientError,
    UncertainCreateError,
)

REQUESTS = b'{"custom_id":"a-0-1"}\n{"custom_id":"a-1-1"}\n'
MADE = {"id": "batch_1", "object": "batch", "status": "validating", "created_at": 1_700_000_000}


def rules_for(url: str) -> BatchRules:
    return rules_of(Endpoint(Provider("custom", ""), url))


@pytest.fixture
def requests_file(tmp_path: Path) -> Path:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(REQUESTS)
    return path


async def create(batches: BatchApi, requests: Path = Path("unused")) -> Batch:
    return await batches.create(requests, "file-1", model="m", label="k7f3q", fields={})


def failing(act: Act, call: Callable[[BatchApi], Awaitable[object]], *, timeout: float = 30.0) -> AsyncgenError:
    """The error of one call; no part of it holds the key, nor an object of the HTTP library."""
    caught: list[AsyncgenError] = []

    async def scenario() -> None:
        async with batches_of(OPENAI, act, timeout=timeout) as (batches, _):
            with pytest.raises(AsyncgenError) as error:
                await call(batches)
            caught.append(error.value)

    run(scenario())
    (error,) = caught
    assert KEY not in f"{error} {error!r} {error.args!r} {vars(error)!r}"
    assert error.__cause__ is None
    return error


# ---- upload


def test_a_file_is_uploaded_as_a_form_whose_fields_come_before_it(requests_file: Path) -> None:
    async def scenario() -> None:
        async with batches_of(OPENAI, says({"id": "file-1"})) as (batches, server):
            assert await batches.upload(requests_file, "k7f3q.jsonl") == "file-1"
        (request,) = server.requests
        assert request.line == "POST /v1/files HTTP/1.1"
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        kind = request.headers["content-type"].encode()
        form = email.message_from_bytes(b"content-type: " + kind + b"\n\n" + request.body)
        _, purpose, file = form.walk()
        assert (purpose.get_param("name", header="content-disposition"), purpose.get_payload()) == ("purpose", "batch")
        assert file.get_filename() == "k7f3q.jsonl"
        assert file.get_payload(decode=True) == REQUESTS

    run(scenario())


def test_a_large_file_is_uploaded_whole_without_being_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    path.write_bytes(b"x" * (5 * 2**20 + 17))

    async def scenario() -> None:
        async with batches_of(OPENAI, says({"id": "file-1"})) as (batches, server):
            await batches.upload(path, "large.jsonl")
        assert server.requests[0].body.count(b"x" * (5 * 2**20 + 17)) == 1

    run(scenario())


def test_together_takes_a_file_at_another_place_for_another_purpose(requests_file: Path) -> None:
    async def scenario() -> None:
        async with batches_of(rules_for("https://api.together.ai/v1"), says({"id": "f"})) as (batches, server):
            await batches.upload(requests_file, "k7f3q.jsonl")
        assert server.requests[0].line == "POST /v1/files/upload HTTP/1.1"
        assert b'name="purpose"\r\n\r\nbatch-api\r\n' in server.requests[0].body
        assert b'name="file_name"\r\n\r\nk7f3q.jsonl\r\n' in server.requests[0].body

    run(scenario())


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (send(response(b"<html><title>413</title></html>", "413 Request Entity Too Large")), BatchTooLargeError),
        (refuses("400 Bad Request", "File is too large: the maximum is 209715200 bytes"), BatchTooLargeError),
        (refuses("404 Not Found", "Not Found"), NotFoundError),
        (send(response(b"", "404 Not Found")), NotFoundError),
        (send(response(b"", "405 Method Not Allowed")), NotFoundError),
        (says({"detail": "Not Found"}, "404 Not Found"), NotFoundError),
        (refuses("404 Not Found", "There is nothing at /v1/files."), NotFoundError),
        (refuses("403 Forbidden", "Batch is not available", "not_available_for_plan"), AccessDeniedError),
        (refuses("401 Unauthorized", f"Incorrect API key provided: {KEY}", "invalid_api_key"), AccessDeniedError),
        (refuses("402 Payment Required", "Insufficient credits"), NoMoneyError),
        (refuses("429 Too Many Requests", "slow down"), RateLimitedError),
        (refuses("400 Bad Request", "Invalid file name"), RequestRejectedError),
        (send(PAGE), ServerError),
        (says({"object": "file"}), TransientError),
        (send_and_close(b""), TransientError),
    ],
)  # fmt: skip
def test_a_file_that_is_not_taken_is_refused_by_kind(act: Act, kind: type[AsyncgenError], requests_file: Path) -> None:
    error = failing(act, lambda batches: batches.upload(requests_file, "a.jsonl"))
    assert isinstance(error, kind)
    if kind is NotFoundError:
        assert str(error).endswith(
            "answered 404 where batches would be; run without --batch: the same run is made of live calls"
        ) or "answered 405 where" in str(error)


# ---- create


def test_a_batch_is_made_by_one_post_that_names_its_file_and_its_label() -> None:
    async def scenario() -> None:
        async with batches_of(OPENAI, says(MADE)) as (batches, server):
            batch = await create(batches)
        (request,) = server.requests
        assert request.line == "POST /v1/batches HTTP/1.1"
        assert msgspec.json.decode(request.body) == {
            "input_file_id": "file-1",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h",
            "metadata": {"asyncgen": "k7f3q"},
        }
        assert (batch.id, batch.is_over, batch.created_at) == ("batch_1", False, 1_700_000_000)

    run(scenario())


@pytest.mark.parametrize(
    ("url", "body", "line"),
    [
        (
            "https://api.mistral.ai/v1",
            {
                "input_files": ["file-1"],
                "model": "m",
                "endpoint": "/v1/chat/completions",
                "timeout_hours": 24,
                "metadata": {"asyncgen": "k7f3q"},
            },
            "POST /v1/batch/jobs HTTP/1.1",
        ),
        ("https://api.x.ai/v1", {"input_file_id": "file-1", "name": "k7f3q"}, "POST /v1/batches HTTP/1.1"),
        (
            "https://api.novita.ai/openai/v1",
            {"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "48h"},
            "POST /v1/batches HTTP/1.1",
        ),
        (
            "https://mine.openai.azure.com/openai?api-version=2025-04-01",
            {
                "input_file_id": "file-1",
                "endpoint": "/chat/completions",
                "completion_window": "24h",
                "metadata": {"asyncgen": "k7f3q"},
            },
            "POST /v1/batches HTTP/1.1",
        ),
    ],
)
def test_each_provider_is_asked_in_its_own_words(url: str, body: dict[str, object], line: str) -> None:
    async def scenario() -> None:
        async with batches_of(rules_for(url), says(MADE)) as (batches, server):
            await create(batches)
        assert server.requests[0].line == line
        assert msgspec.json.decode(server.requests[0].body) == body

    run(scenario())


def test_a_gateway_that_repeats_calls_by_itself_is_told_not_to(requests_file: Path) -> None:
    async def scenario() -> None:
        acts = [says({"id": "file-1"}, "200 OK", "X-LiteLLM-Version: 1.108.7"), says(MADE)]
        async with batches_of(OPENAI, *acts) as (batches, server):
            await batches.upload(requests_file, "a.jsonl")
            await create(batches)
        assert msgspec.json.decode(server.requests[1].body)["max_retries"] == 0

    run(scenario())


def test_a_batch_that_stands_in_a_wrapper_is_read() -> None:
    async def scenario() -> None:
        async with batches_of(rules_for("https://api.together.xyz/v1"), says({"job": MADE}, "201 Created")) as (
            batches,
            _,
        ):
            assert (await create(batches)).id == "batch_1"

    run(scenario())


@each_row(
    "act",
    [
        send(PAGE),
        refuses("500 Internal Server Error", "oops"),
        refuses("504 Gateway Timeout", "oops"),
        refuses("408 Request Timeout", "oops"),
        refuses("409 Conflict", "exists already"),
        send(response(b"<html>no</html>", "400 Bad Request")),
        says({}),
        says({"status": "validating"}),
        says({"id": "req_1", "error": {"message": "upstream failed"}}),
        send(response(b"<html>hello</html>")),
        send_and_close(b""),
        send_and_reset(b""),
        send_and_close(response(b'{"id":"batch_1"', length=500)),
        hang,
    ],
)
def test_whether_there_is_a_batch_is_not_known_when_no_good_answer_and_no_refusal_came(act: Act) -> None:
    error = failing(act, create, timeout=30.0 if act is not hang else 0.25)
    assert isinstance(error, UncertainCreateError)
    assert "not known" in str(error)


@each_row(
    ("act", "kind"),
    [
        (refuses("404 Not Found", "No such File object: file-1"), NotYetError),
        (refuses("400 Bad Request", "Input file file-1 not found"), NotYetError),
        (refuses("400 Bad Request", "file-1 is too large: at most 50,000 requests in a batch"), BatchTooLargeError),
        (send(response(b"<html><title>413</title></html>", "413 Payload Too Large")), BatchTooLargeError),
        (refuses("400 Bad Request", "Enqueued token limit reached for m", "token_limit_exceeded"), BatchQueueFullError),
        (refuses("429 Too Many Requests", "10 batches unfinished", "batch_limit_exceeded"), BatchQueueFullError),
        (refuses("429 Too Many Requests", "slow down"), RateLimitedError),
        (refuses("429 Too Many Requests", "Too many requests: at most 60 requests a minute"), RateLimitedError),
        (refuses("401 Unauthorized", "bad key"), AccessDeniedError),
        (refuses("402 Payment Required", "Insufficient credits"), NoMoneyError),
        (refuses("500 Internal Server Error", "Insufficient credits. Add more", "insufficient_quota"), NoMoneyError),
        (refuses("403 Forbidden", "no batches for you"), AccessDeniedError),
        (refuses("400 Bad Request", "Unknown parameter: metadata"), RequestRejectedError),
        (refuses("404 Not Found", "The model m does not exist", "model_not_found"), NotFoundError),
        (send(response(b"<html><title>404</title></html>", "404 Not Found")), NotFoundError),
    ],
)
def test_a_refusal_says_that_there_is_no_batch(act: Act, kind: type[AsyncgenError]) -> None:
    assert type(failing(act, create)) is kind


@each_row(
    ("words", "is_early"),
    [
        ("No such File object: file-1", True),
        ("The file 'file-1' does not exist", True),
        ("File with ID file-1 not found for purpose batch", True),
        ("File file-1 could not be found", True),
        ("Could not find the input file", True),
        ("Input file file-1 is not yet processed", True),
        ("The file file-1 is still being processed", True),
        ("Line 3 of the file: unknown parameter x", False),
        ("Missing custom_id in line 3 of the input file", False),
        ("The file is not valid JSONL", False),
        ("File must have the purpose batch", False),
        ("This file was not uploaded with purpose batch", False),
    ],
)
def test_a_file_that_is_not_known_yet_is_told_from_a_bad_one(words: str, *, is_early: bool) -> None:
    error = failing(refuses("400 Bad Request", words), create)
    assert type(error) is (NotYetError if is_early else RequestRejectedError)


def test_a_batch_that_was_never_asked_for_is_not_one_that_may_exist() -> None:
    async def scenario() -> None:
        async with batches_of(OPENAI, says(MADE)) as (batches, server):
            await create(batches)
            await server._close()
            with pytest.raises(TransientError) as caught:
                await create(batches)
        assert not caught.value.maybe_billed

    run(scenario())


def test_a_call_that_is_cancelled_says_whether_it_had_left() -> None:
    async def scenario() -> None:
        reached = asyncio.Event()

        async def act(writer: asyncio.StreamWriter) -> None:
            reached.set()
            await hang(writer)

        async with batches_of(OPENAI, act) as (batches, _):
            call = asyncio.create_task(create(batches))
            await reached.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await call
            assert caught.value.args == ()
            call = asyncio.create_task(create(batches))
            await asyncio.sleep(0)
            call.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await call
            assert caught.value.args == (NOT_SENT,)

    run(scenario())


def test_a_create_that_is_answered_5xx_is_sent_once() -> None:
    async def scenario() -> None:
        async with batches_of(OPENAI, send(PAGE)) as (batches, server):
            with pytest.raises(UncertainCreateError):
                await create(batches)
        assert len(server.requests) == 1

    run(scenario())


# ---- get


@each_row(
    ("act", "kind"),
    [
        (refuses("404 Not Found", "No batch found with id 'batch_1'", "batch_not_found"), NotYetError),
        (send(response(b"<html><title>Not found</title></html>", "404 Not Found")), NotFoundError),
        (says({"detail": "Not Found"}, "404 Not Found"), NotFoundError),
        (send(PAGE), ServerError),
        (send(response(b"<html>fine</html>")), TransientError),
        (refuses("400 Bad Request", "odd"), ServerError),
        (refuses("500 Internal Server Error", "unknown id"), ServerError),
        (says({"status": "completed"}), TransientError),
        (send_and_close(b""), TransientError),
        (refuses("401 Unauthorized", "bad key"), AccessDeniedError),
        (refuses("410 Gone", "the results of this batch are gone"), NotFoundError),
        (refuses("402 Payment Required", "Insufficient credits"), NoMoneyError),
    ],
)
def test_a_poll_that_fails_waits_or_stops(act: Act, kind: type[AsyncgenError]) -> None:
    assert isinstance(failing(act, lambda batches: batches.get("batch_1")), kind)


def test_what_has_been_there_is_not_gone_because_an_edge_has_a_bad_hour() -> None:
    async def scenario() -> None:
        gone = send(response(b"<html>no</html>", "404 Not Found"))
        async with batches_of(OPENAI, says(MADE), gone) as (batches, _):
            await batches.get("batch_1")
            with pytest.raises(NotYetError):
                await batches.get("batch_1")

    run(scenario())


def test_an_id_is_sent_back_as_it_came_and_leads_nowhere_else() -> None:
    async def scenario() -> None:
        odd = "../a b/ü?x=1#y%2e"
        async with batches_of(OPENAI, says({**MADE, "id": odd})) as (batches, server):
            assert (await batches.get(odd)).id == odd
        assert server.requests[0].line == "GET /v1/batches/..%2Fa%20b%2F%C3%BC%3Fx=1%23y%252e HTTP/1.1"

    run(scenario())


def test_the_wait_that_a_poll_is_told_comes_with_its_error() -> None:
    act = says({"error": {"message": "slow"}}, "429 Too Many Requests", "Retry-After: 7")
    error = failing(act, lambda batches: batches.get("batch_1"))
    assert isinstance(error, RateLimitedError)
    assert error.retry_after == 7


# ---- list


async def listed(batches: BatchApi, moment: float = 0.0) -> list[str]:
    return [batch.id async for batch in batches.list_since(moment)]


def page(*ids: str, created_at: float = 100.0, **more: object) -> Act:
    """Each a second older than the one before."""
    made = [{**MADE, "id": each, "created_at": created_at - age} for age, each in enumerate(ids)]
    return says({"object": "list", "data": made, **more})


def test_a_list_is_followed_to_its_end() -> None:
    async def scenario() -> None:
        acts = [page("c", "b", has_more=True, last_id="b"), page("a", has_more=False)]
        async with batches_of(OPENAI, *acts) as (batches, server):
            assert await listed(batches) == ["c", "b", "a"]
        lines = [request.line.split()[1] for request in server.requests]
        assert lines == ["/v1/batches?limit=100", "/v1/batches?limit=100&after=b"]

    run(scenario())


def test_a_list_that_has_the_newest_first_ends_with_a_page_of_older_ones() -> None:
    async def scenario() -> None:
        acts = [page("d", "c"), page("b", "a", created_at=10.0), page("z")]
        async with batches_of(OPENAI, *acts) as (batches, server):
            assert await listed(batches, 50.0) == ["d", "c", "b", "a"]
        assert len(server.requests) == 2

    run(scenario())


def test_a_list_that_has_the_oldest_first_is_read_to_its_end() -> None:
    async def scenario() -> None:
        old = says({"data": [{**MADE, "id": each, "created_at": age} for age, each in enumerate("ab", 1)]})
        acts = [old, page("c", created_at=3.0), page("d"), page()]
        async with batches_of(OPENAI, *acts) as (batches, _):
            assert await listed(batches, 50.0) == ["a", "b", "c", "d"]

    run(scenario())


def test_a_list_without_times_is_read_to_its_end() -> None:
    async def scenario() -> None:
        acts = [says({"data": [{"id": "b"}, {"id": "a"}]}), page()]
        async with batches_of(OPENAI, *acts) as (batches, _):
            assert await listed(batches, 50.0) == ["b", "a"]

    run(scenario())


def test_a_server_that_knows_no_pages_is_read_once() -> None:
    async def scenario() -> None:
        async with batches_of(OPENAI, page("b", "a"), page("b", "a")) as (batches, _):
            assert await listed(batches) == ["b", "a"]

    run(scenario())


@each_row(
    "acts",
    [
        [page("b", has_more=True), page("b", has_more=True)],
        [page(has_more=True)],
        [page("b", has_more=True), page(has_more=True)],
        [says({})],
        [says({"object": "list"})],
        [says({"message": "hello"})],
        [says({"data": {}})],
        [send(response(b"7"))],
        [page("b", has_more=True), send(PAGE)],
    ],
)
def test_a_list_that_cannot_be_read_to_its_end_proves_nothing(acts: list[Act]) -> None:
    async def scenario() -> None:
        async with batches_of(OPENAI, *acts) as (batches, _):
            with pytest.raises(TransientError):
                await listed(batches)

    run(scenario())


@each_row("body", [b"[]", b'{"data":[]}', b'{"data":null}', b'{"batches":[]}', b'{"data":[1,{},null]}'])
def test_a_list_may_be_empty(body: bytes) -> None:
    async def scenario() -> None:
        async with batches_of(OPENAI, send(response(body))) as (batches, _):
            assert await listed(batches) == []

    run(scenario())


def test_a_bare_list_is_read_whole() -> None:
    async def scenario() -> None:
        rules = rules_for("https://api.together.ai/v1")
        acts = [says([{**MADE, "id": "a"}, {**MADE, "id": "b"}]), says([])]
        async with batches_of(rules, *acts) as (batches, _):
            assert await listed(batches) == ["a", "b"]

    run(scenario())


def test_a_list_by_pages_and_one_by_tokens_are_followed() -> None:
    async def scenario() -> None:
        rules = rules_for("https://api.mistral.ai/v1")
        async with batches_of(rules, page("b"), page("a"), page()) as (batches, server):
            assert await listed(batches) == ["b", "a"]
        lines = [request.line.split()[1] for request in server.requests]
        assert lines == [f"/v1/batch/jobs?page_size=100{more}" for more in ("", "&page=1", "&page=2")]
        acts = [
            says({"batches": [{"batch_id": "b", "name": "k"}], "pagination_token": "t"}),
            says({"batches": [{"batch_id": "a"}]}),
        ]
        async with batches_of(rules_for("https://api.x.ai/v1"), *acts) as (batches, server):
            assert await listed(batches) == ["b", "a"]
        assert server.requests[1].line == "GET /v1/batches?limit=100&pagination_token=t HTTP/1.1"

    run(scenario())


def test_a_list_that_fails_says_so_and_is_not_an_empty_one() -> None:
    error = failing(send(PAGE), listed)
    assert isinstance(error, ServerError)


# ---- results


def over(*files: str | None, status: str = "completed") -> Batch:
    return Batch("batch_1", status, is_over=True, files=tuple(filter(None, files)))


def test_both_files_are_fetched_into_one_that_is_its_owners_alone(tmp_path: Path) -> None:
    to = tmp_path / "rows.jsonl"
    to.write_bytes(b"what an earlier try has left")
    to.chmod(0o600)

    async def scenario() -> None:
        acts = [send(response(b'{"custom_id":"a"}')), send(response(b'{"custom_id":"b"}\n'))]
        async with batches_of(OPENAI, *acts) as (batches, server):
            await batches.fetch_rows(over("out", "err"), to)
        assert lines_in(to) == [{"custom_id": "a"}, {"custom_id": "b"}]
        assert [request.line.split()[1] for request in server.requests] == [
            "/v1/files/out/content",
            "/v1/files/err/content",
        ]
        assert stat.S_IMODE(to.stat().st_mode) == 0o600

    run(scenario())


@pytest.mark.parametrize("status", ["failed", "expired", "cancelled", "CANCELLED"])
def test_a_batch_without_files_leaves_an_empty_one(status: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with batches_of(OPENAI) as (batches, _):
            await batches.fetch_rows(over(status=status), tmp_path / "rows")
        assert (tmp_path / "rows").read_bytes() == b""

    run(scenario())


def test_a_completed_batch_that_names_no_file_yet_is_asked_again(tmp_path: Path) -> None:
    error = failing(hang, lambda batches: batches.fetch_rows(over(), tmp_path / "rows"))
    assert isinstance(error, NotYetError)


@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (send(PAGE), ServerError),
        (refuses("404 Not Found", "No such File object: out"), NotYetError),
        (send_and_close(response(b'{"custom_id":"a"}\n', length=500)), TransientError),
        (says({}, "204 No Content"), TransientError),
    ],
)
def test_a_download_that_fails_may_be_repeated(act: Act, kind: type[AsyncgenError], tmp_path: Path) -> None:
    assert isinstance(failing(act, lambda batches: batches.fetch_rows(over("out"), tmp_path / "rows")), kind)


def test_results_in_pages_are_fetched_to_their_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        acts = [
            says({"results": [{"batch_request_id": "a"}], "pagination_token": "t"}),
            says({"results": [{"batch_request_id": "b"}], "pagination_token": None}),
        ]
        async with batches_of(rules_for("https://api.x.ai/v1"), *acts) as (batches, server):
            await batches.fetch_rows(over(), tmp_path / "rows")
        assert lines_in(tmp_path / "rows") == [{"batch_request_id": "a"}, {"batch_request_id": "b"}]
        assert server.requests[1].line.split()[1] == "/v1/batches/batch_1/results?limit=100&pagination_token=t"

    run(scenario())


@pytest.mark.parametrize("second", [{"results": [], "pagination_token": "t"}, {"object": "nothing"}])
def test_results_in_pages_without_an_end_are_no_results(second: dict[str, object], tmp_path: Path) -> None:
    async def scenario() -> None:
        acts = [says({"results": [{"batch_request_id": "a"}], "pagination_token": "t"}), says(second)]
        async with batches_of(rules_for("https://api.x.ai/v1"), *acts) as (batches, _):
            with pytest.raises(TransientError):
                await batches.fetch_rows(over(), tmp_path / "rows")
        assert not (tmp_path / "rows").exists()

    run(scenario())


def test_a_file_that_broke_off_without_a_word_is_told_by_its_size(tmp_path: Path) -> None:
    async def scenario() -> None:
        cut = send_and_close(b"HTTP/1.0 200 OK\r\n\r\n" + b'{"custom_id":"a"}\n')
        async with batches_of(OPENAI, cut, says({"id": "out", "bytes": 36})) as (batches, _):
            with pytest.raises(TransientError, match="broke off"):
                await batches.fetch_rows(over("out"), tmp_path / "rows")
        async with batches_of(OPENAI, cut, says({"id": "out", "bytes": 18})) as (batches, _):
            await batches.fetch_rows(over("out"), tmp_path / "rows")
        assert lines_in(tmp_path / "rows") == [{"custom_id": "a"}]

    run(scenario())


def test_results_have_their_name_only_when_they_are_whole(tmp_path: Path) -> None:
    async def scenario() -> None:
        acts = [send(response(b'{"custom_id":"a"}')), send(PAGE)]
        async with batches_of(OPENAI, *acts) as (batches, _):
            with pytest.raises(ServerError):
                await batches.fetch_rows(over("out", "err"), tmp_path / "rows")
        assert not (tmp_path / "rows").exists()

    run(scenario())


def test_an_older_address_of_azure_leads_to_the_files_of_its_resource(requests_file: Path, tmp_path: Path) -> None:
    base = "/openai/deployments/mine?api-version=2024-10-21"
    rules = rules_for(f"https://mine.openai.azure.com{base}")

    async def scenario() -> None:
        acts = [says({"id": "file-1"}), says(MADE), says(MADE), page(), send(response(b"{}\n")), says(MADE)]
        async with batches_of(rules, *acts, base=base) as (batches, server):
            await batches.upload(requests_file, "a.jsonl")
            await create(batches)
            await batches.get("b")
            assert await listed(batches) == []
            await batches.fetch_rows(over("out"), tmp_path / "rows")
            await batches.cancel("b")
        assert [request.line.removesuffix(" HTTP/1.1") for request in server.requests] == [
            "POST /openai/files?api-version=2024-10-21",
            "POST /openai/batches?api-version=2024-10-21",
            "GET /openai/batches/b?api-version=2024-10-21",
            "GET /openai/batches?api-version=2024-10-21&limit=100",
            "GET /openai/files/out/content?api-version=2024-10-21",
            "POST /openai/batches/b/cancel?api-version=2024-10-21",
        ]

    run(scenario())


def test_the_files_of_together_are_fetched_where_files_are(tmp_path: Path) -> None:
    async def scenario() -> None:
        rules = rules_for("https://api.together.ai/v1")
        async with batches_of(rules, send(response(b"{}\n"))) as (batches, server):
            await batches.fetch_rows(over("out", status="COMPLETED"), tmp_path / "rows")
        assert server.requests[0].line == "GET /v1/files/out/content HTTP/1.1"

    run(scenario())


def test_a_disk_that_takes_no_results_is_not_a_connection_that_broke(tmp_path: Path) -> None:
    error = failing(hang, lambda batches: batches.fetch_rows(over("out"), tmp_path / "no folder" / "rows"))
    assert (error.reason, "No such file or directory" in str(error)) == ("output", True)


# ---- cancel


@each_row(
    ("act", "was_asked"),
    [
        (says({**MADE, "status": "cancelling"}), True),
        (refuses("409 Conflict", "it is completed"), True),
        (refuses("400 Bad Request", "Cannot cancel a batch with status completed"), True),
        (send(response(b"", "404 Not Found")), False),
        (send(response(b"", "405 Method Not Allowed")), False),
    ],
)
def test_a_batch_is_cancelled_where_that_is_possible(act: Act, was_asked: bool) -> None:  # noqa: FBT001
    async def scenario() -> None:
        async with batches_of(OPENAI, act) as (batches, server):
            assert await batches.cancel("batch_1") is was_asked
        assert server.requests[0].line == "POST /v1/batches/batch_1/cancel HTTP/1.1"

    run(scenario())


def test_xai_cancels_with_a_colon() -> None:
    async def scenario() -> None:
        async with batches_of(rules_for("https://api.x.ai/v1"), says({"batch_id": "b"})) as (batches, server):
            assert await batches.cancel("b")
        assert server.requests[0].line == "POST /v1/batches/b:cancel HTTP/1.1"

    run(scenario())
