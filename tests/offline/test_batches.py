"""Files and batches on the wire, in both forms."""

import asyncio
import json
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from engine_batches import (
    DAY,
    INLINE,
    PRICED,
    URL,
    Client,
    body,
    books,
    call,
    create,
    create_inline,
    ended,
    line,
    lines,
    made,
    made_inline,
    names,
    rows,
    run,
    upload,
)
from quick import each_row

from asyncgen.offline import batch_work

# ---- files


def test_a_file_is_kept_told_listed_downloaded_and_deleted() -> None:
    async def test(client: Client) -> None:
        fields = {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(DAY)}
        status, file = await upload(client, b"{}\n", **fields)
        assert status == 200
        assert (file["object"], file["bytes"], file["filename"], file["purpose"]) == ("file", 3, "in.jsonl", "batch")
        assert file["expires_at"] - file["created_at"] == DAY
        assert await call(client, "GET", f"/v1/files/{file['id']}") == (200, file)
        assert await call(client, "GET", f"/v1/files/{file['id']}/content") == (200, "{}\n")
        assert (await call(client, "GET", "/v1/files?purpose=batch"))[1]["data"] == [file]
        assert (await call(client, "GET", "/v1/files?purpose=batch_output"))[1]["data"] == []
        deleted = {"id": file["id"], "object": "file", "deleted": True}
        assert await call(client, "DELETE", f"/v1/files/{file['id']}") == (200, deleted)
        for path in (f"/v1/files/{file['id']}", f"/v1/files/{file['id']}/content"):
            assert (await call(client, "GET", path))[0] == 404

    run(test)


@each_row(
    "fields",
    [
        {"purpose": "fine-tune"},
        {"filename": "in.json"},
        {"expires_after[seconds]": "86400"},
        {"expires_after[anchor]": "created_at"},
        {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3599"},
        {"expires_after[anchor]": "created_at", "expires_after[seconds]": "2592001"},
        {"expires_after[anchor]": "created_at", "expires_after[seconds]": "soon"},
    ],
)
def test_an_upload_that_is_wrong_is_refused_and_nothing_is_kept(fields: dict[str, str]) -> None:
    async def test(client: Client) -> None:
        assert (await upload(client, b"{}\n", **fields))[0] == 400
        assert (await call(client, "GET", "/v1/files"))[1]["data"] == []

    run(test)


def test_a_body_that_is_no_form_is_refused() -> None:
    async def test(client: Client) -> None:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        nested = aiohttp.FormData({"purpose": "batch"}, quote_fields=False)
        nested.add_field("inner", b"--c--", filename="x", content_type="multipart/mixed; boundary=c")
        for form in (aiohttp.FormData({"purpose": "batch"}, default_to_multipart=True), nested):
            assert (await call(client, "POST", "/v1/files", data=form))[0] == 400
        assert (await call(client, "POST", "/v1/files", json={}))[0] == 400
        assert (await call(client, "POST", "/v1/files", data=b"x", headers=headers))[0] == 400

    run(test)


def test_a_file_that_is_too_large_is_413() -> None:
    async def test(client: Client) -> None:
        assert (await upload(client, b"x" * 1_000))[0] == 200
        assert (await upload(client, b"x" * 1_001))[0] == 413
        assert (await create_inline(client, 10))[0] == 413

    run(test, max_bytes=1_000)


def test_an_upload_is_not_looked_into() -> None:
    async def test(client: Client) -> None:
        assert (await upload(client, b"\xff no JSON"))[0] == 200

    run(test)


def test_a_batch_goes_on_without_its_file() -> None:
    async def test(client: Client) -> None:
        _, batch = await create(client, lines(2))
        await call(client, "DELETE", f"/v1/files/{batch['input_file_id']}")
        assert (await ended(client, batch["id"]))["request_counts"]["completed"] == 2

    run(test)


# ---- OpenAI's form


def test_a_batch_answers_each_line_as_a_live_call_would() -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(3), metadata={"asyncgen": "k7"})
        assert (batch["status"], batch["object"], batch["model"]) == ("completed", "batch", "m")
        assert batch["request_counts"] == {"total": 3, "completed": 3, "failed": 0}
        assert (batch["metadata"], batch["error_file_id"], batch["errors"]) == ({"asyncgen": "k7"}, None, None)
        found, errors = await rows(client, batch)
        assert (names(found), errors) == (["c0", "c1", "c2"], [])
        for number, row in enumerate(found):
            _, live = await call(client, "POST", URL, json=body(number))
            told = row["response"]["body"]
            assert (row["response"]["status_code"], row["error"]) == (200, None)
            assert (told["id"], told["choices"]) == (live["id"], live["choices"])
            assert told["usage"]["prompt_tokens"] == live["usage"]["prompt_tokens"]
        used = [row["response"]["body"]["usage"] for row in found]
        assert batch["usage"]["input_tokens"] == sum(each["prompt_tokens"] for each in used)
        assert batch["usage"]["output_tokens"] == sum(each["completion_tokens"] for each in used)
        _, file = await call(client, "GET", f"/v1/files/{batch['output_file_id']}")
        assert file["purpose"] == "batch_output"

    run(test)


def test_a_line_costs_half_of_a_live_call_and_the_books_say_what_each_did() -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(2), metadata={"asyncgen": "k7"})
        found, _ = await rows(client, batch)
        _, live = await call(client, "POST", URL, json=body(0))
        costs = [row["response"]["body"]["usage"]["cost"] for row in found]
        assert costs[0] * 2 == live["usage"]["cost"]
        (created,), (accepted,), (over,) = [await books(client, event) for event in ("created", "accepted", "ended")]
        assert (created["form"], created["metadata"], created["answered"]) == ("files", {"asyncgen": "k7"}, True)
        assert accepted["custom_ids"] == ["c0", "c1"]
        assert [(each["custom_id"], each["cost"]) for each in await books(client, "line")] == [
            ("c0", costs[0]),
            ("c1", costs[1]),
        ]
        assert (over["status"], over["batch"]) == ("completed", batch["id"])
        assert Decimal(str(over["cost"])) == sum(map(Decimal, map(str, costs)))
        _, ledger = await call(client, "GET", "/ledger")
        assert (ledger["lines"], ledger["calls"]) == (2, 3)

    run(test, PRICED)


def test_a_body_that_cannot_be_answered_is_an_error_row_of_its_own() -> None:
    async def test(client: Client) -> None:
        content = lines(1) + json.dumps(line(1, body={"model": "m", "messages": []})).encode() + b"\n"
        batch = await made(client, content)
        assert batch["request_counts"] == {"total": 2, "completed": 1, "failed": 1}
        found, errors = await rows(client, batch)
        assert (names(found), names(errors)) == (["c0"], ["c1"])
        assert (errors[0]["response"]["status_code"], errors[0]["error"]) == (400, None)
        assert "messages" in errors[0]["response"]["body"]["error"]["message"]

    run(test)


@each_row(
    ("bad", "code"),
    [
        (b"{", "invalid_json_line"),
        (b"", "invalid_json_line"),
        (b"\xff", "invalid_json_line"),
        (b"[]", "missing_required_parameter"),
        (json.dumps(line(9, method="GET")).encode(), "missing_required_parameter"),
        (json.dumps({"custom_id": "c9", "method": "POST", "url": URL}).encode(), "missing_required_parameter"),
        (json.dumps(line(0)).encode(), "duplicate_custom_id"),
        (json.dumps(line(9, url="/v1/embeddings")).encode(), "url_mismatch"),
        (json.dumps(line(9, body=body(model="other"))).encode(), "model_mismatch"),
    ],
)
def test_one_bad_line_fails_the_whole_batch_after_the_create(bad: bytes, code: str) -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(2) + bad + b"\n")
        assert batch["status"] == "failed"
        (fault,) = batch["errors"]["data"]
        assert (fault["code"], fault["line"]) == (code, 3)
        assert (batch["output_file_id"], batch["error_file_id"], batch["usage"]) == (None, None, None)
        assert await books(client, "line") == []

    run(test)


def test_a_file_is_neither_empty_nor_of_too_many_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(client: Client) -> None:
        for content, code in ((b"", "empty_file"), (lines(4), "too_many_tasks")):
            assert (await made(client, content))["errors"]["data"][0]["code"] == code
        assert (await made(client, lines(3)))["status"] == "completed"

    monkeypatch.setattr(batch_work, "_MOST_LINES", 3)
    run(test)


def test_of_very_many_bad_lines_a_hundred_are_told() -> None:
    async def test(client: Client) -> None:
        batch = await made(client, b"x\n" * 150)
        assert len(batch["errors"]["data"]) == 100

    run(test)


@each_row(
    ("fields", "status"),
    [
        ({"input_file_id": "file-unknown"}, 404),
        ({"endpoint": "/v1/embeddings"}, 400),
        ({"completion_window": "1h"}, 400),
        ({"metadata": {str(number): "" for number in range(17)}}, 400),
        ({"metadata": {"k" * 65: ""}}, 400),
        ({"metadata": {"k": "v" * 513}}, 400),
        ({"metadata": {"k": 1}}, 400),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 1}}, 400),
        ({"output_expires_after": {"anchor": "created_at", "seconds": DAY}}, 200),
        ({"metadata": {str(number).rjust(64): "v" * 512 for number in range(16)}}, 200),
    ],
)
def test_a_create_is_checked_for_its_shape_alone(fields: dict[str, object], status: int) -> None:
    async def test(client: Client) -> None:
        assert (await create(client, b"no JSON", **fields))[0] == status

    run(test)


def test_results_are_no_input() -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(1))
        assert (await create(client, b"", input_file_id=batch["output_file_id"]))[0] == 400

    run(test)


def test_a_list_has_pages_with_the_newest_first() -> None:
    async def test(client: Client) -> None:
        made = [(await create(client, lines(1)))[1]["id"] for _ in range(5)]
        seen: list[str] = []
        page: dict[str, Any] = {"last_id": "", "has_more": True}
        while page["has_more"]:
            _, page = await call(client, "GET", "/v1/batches", params={"limit": "2", "after": page["last_id"]})
            seen += [each["id"] for each in page["data"]]
            assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
        assert seen == made[::-1]
        for query in ("limit=0", "limit=101", "limit=x", "after=batch_unknown"):
            assert (await call(client, "GET", f"/v1/batches?{query}"))[0] == 400

    run(test)


def test_an_unknown_batch_is_404_with_a_code() -> None:
    async def test(client: Client) -> None:
        status, told = await call(client, "GET", "/v1/batches/batch_x")
        assert (status, told["error"]["code"]) == (404, "batch_not_found")

    run(test)


def test_a_cancelled_batch_has_what_was_done_and_a_row_for_each_of_the_rest() -> None:
    async def test(client: Client) -> None:
        _, batch = await create(client, lines(10))
        path = f"/v1/batches/{batch['id']}"
        while (await call(client, "GET", path))[1]["request_counts"]["completed"] < 5:  # noqa: ASYNC110 - the server announces nothing
            await asyncio.sleep(0)
        for _ in range(2):
            assert (await call(client, "POST", f"{path}/cancel"))[1]["status"] == "cancelling"
        over = await ended(client, batch["id"])
        assert (over["status"], over["request_counts"]["completed"]) == ("cancelled", 5)
        found, errors = await rows(client, over)
        assert names(found) + names(errors) == [f"c{each}" for each in range(10)]
        assert {(row["response"], row["error"]["code"]) for row in errors} == {(None, "batch_cancelled")}
        assert (await call(client, "POST", f"{path}/cancel"))[0] == 409
        assert (await call(client, "DELETE", path))[0] == 405

    run(test, stuck=1.0)


# ---- OpenRouter's form


def test_inline_results_come_with_the_batch() -> None:
    async def test(client: Client) -> None:
        batch = await made_inline(client, 3)
        assert batch.keys() >= {"provider", "expires_at", "finalized_at", "request_counts", "error", "model"}
        assert (batch["status"], names(batch["results"])) == ("completed", ["c0", "c1", "c2"])
        told = [row["response"]["body"] for row in batch["results"]]
        assert {(each["model"], each["service_tier"], each["provider"]) for each in told} == {
            ("m:batch", "batch", "offline")
        }
        _, live = await call(client, "POST", "/api/v1/chat/completions", json=body(2))
        assert told[2]["choices"][0]["message"]["content"] == live["choices"][0]["message"]["content"]
        assert told[2]["id"].startswith("gen-batch-")
        cost = sum(Decimal(str(each["usage"]["cost"])) for each in told)
        assert (Decimal(str(batch["usage"]["cost"])), batch["usage"]["is_byok"]) == (cost, False)
        assert (await call(client, "GET", INLINE))[1]["data"][0]["results"] is None

    run(test, PRICED)


@pytest.mark.parametrize("path", ["/v1/batches", "/batches", "/api/v1/batches", "/api/beta/batches"])
def test_inline_requests_are_taken_wherever_batches_are(path: str) -> None:
    async def test(client: Client) -> None:
        status, batch = await create_inline(client, 1, path)
        assert status == 202
        assert (await ended(client, batch["id"], path))["status"] == "completed"

    run(test)


@each_row(
    "text",
    [
        '{"requests": [{"custom_id": "a", "body": {}}], "endpoint": "/v1/chat/completions", "model": "m"}',
        '{"endpoint": "/v1/chat/completions", "requests": [{"custom_id": "a", "body": {}}], "model": "m"}',
        '{"endpoint": "/v1/chat/completions", "model": "m", "requests": []}',
        '{"endpoint": "/v1/chat/completions", "model": "m"}',
        '{"endpoint": "/v1/chat/completions", "model": "m", "completion_window": "1h", "requests": [{}]}',
        '{"endpoint": "/v1/embeddings", "model": "m", "requests": [{"custom_id": "a", "body": {}}]}',
        '{"endpoint": "/v1/chat/completions", "model": "m", "requests": [{"custom_id": "a"}]}',
        '{"endpoint": "/v1/chat/completions", "model": "m", "requests": [{"custom_id": "", "body": {}}]}',
        '{"endpoint": "/v1/chat/completions", "model": "m", "provider": {"sort": "price"}, "requests": [{}]}',
        "[]",
        "",
    ],
)
def test_a_create_out_of_order_or_shape_is_400(text: str) -> None:
    async def test(client: Client) -> None:
        status, told = await call(client, "POST", INLINE, data=text)
        assert (status, told["error"]["code"], told["error"].keys()) == (400, 400, {"code", "message"})
        assert (await call(client, "GET", INLINE))[1]["data"] == []

    run(test)


@pytest.mark.parametrize(
    "fields",
    [{"model": "other"}, {"stream": True}, {"max_tokens": 0}, {"plugins": [{"id": "web"}]}],
    ids=str,
)
def test_a_request_that_no_batch_takes_is_refused_at_once(fields: dict[str, Any]) -> None:
    async def test(client: Client) -> None:
        requests = [{"custom_id": "a", "body": body(**fields)}]
        asked = {"endpoint": URL, "model": "m", "requests": requests}
        assert (await call(client, "POST", INLINE, json=asked))[0] == 400

    run(test)


def test_names_models_and_formats_have_their_rules() -> None:
    async def test(client: Client) -> None:
        async def post(model: str, *requests: tuple[str, object], **fields: object) -> int:
            listed = [{"custom_id": name, "body": body(model=model, response_format=form)} for name, form in requests]
            asked = {"endpoint": URL, "model": model} | fields | {"requests": listed}
            return (await call(client, "POST", INLINE, json=asked))[0]

        text, json_object = {"type": "text"}, {"type": "json_object"}
        assert await post("m", ("a", text), ("a", text)) == 400
        assert await post("m", ("a b", text), ("b", json_object)) == 202
        assert await post("anthropic/m", ("a b", text)) == 400
        assert await post("google/m", ("a", text), ("b", json_object)) == 400
        assert await post("google/m:batch", ("a", text), ("b", text)) == 202
        assert await post("m", ("a", text), provider={"only": ["Offline"]}) == 202
        assert await post("m", ("a", text), provider={"only": ["google-vertex"]}) == 404
        assert await post("sold/out", ("a", text)) == 400

    run(test, refused_models="sold/out")


def test_a_body_that_cannot_be_answered_fails_the_inline_batch_and_is_named() -> None:
    async def test(client: Client) -> None:
        asked = {"endpoint": URL, "model": "m", "requests": [{"custom_id": "bad-1", "body": {"messages": []}}]}
        status, batch = await call(client, "POST", INLINE, json=asked)
        assert status == 202
        over = await ended(client, batch["id"], INLINE)
        assert (over["status"], over["results"]) == ("failed", None)
        assert "bad-1" in over["error"]["message"]

    run(test)


def test_at_most_5000_requests_come_inline() -> None:
    async def test(client: Client) -> None:
        small = [
            {"custom_id": str(each), "body": {"messages": [{"role": "user", "content": "a"}]}} for each in range(5_001)
        ]
        asked = {"endpoint": URL, "model": "m", "requests": small}
        assert (await call(client, "POST", INLINE, json=asked))[0] == 400

    run(test)


def test_an_inline_batch_is_deleted_when_it_has_ended_and_never_cancelled() -> None:
    async def test(client: Client) -> None:
        _, batch = await create_inline(client, 1)
        path = f"{INLINE}/{batch['id']}"
        assert await call(client, "POST", f"{path}/cancel") == (404, "")
        await ended(client, batch["id"], INLINE)
        status, told = await call(client, "DELETE", path)
        assert (status, told["deletion"]["openrouter"]) == (200, "deleted")
        for method in ("GET", "DELETE"):
            assert (await call(client, method, path))[0] == 404

    run(test)


def test_an_inline_batch_under_way_is_not_deleted() -> None:
    async def test(client: Client) -> None:
        _, batch = await create_inline(client, 1)
        assert (await call(client, "DELETE", f"{INLINE}/{batch['id']}"))[0] == 409

    run(test, stuck=1.0)


def test_openrouters_list_is_filtered_and_has_no_files() -> None:
    async def test(client: Client) -> None:
        await made(client, lines(1))
        batch = await made_inline(client, 1)
        at = batch["created_at"]
        for query, number in {
            "": 1,
            "status=completed&status=failed": 1,
            "status=failed": 0,
            f"created_after={at - 9}&created_before={at + 9}": 1,
            f"created_after={at + 9}": 0,
            f"created_before={at - 9}": 0,
            "created_after=2001-02-03": 1,
            "created_before=2001-02-03T04:05:06Z": 0,
        }.items():
            assert len((await call(client, "GET", f"{INLINE}?{query}"))[1]["data"]) == number
        for query in ("status=cancelling", "status=finalizing", "created_after=soon"):
            assert (await call(client, "GET", f"{INLINE}?{query}"))[0] == 400
        assert len((await call(client, "GET", "/v1/batches"))[1]["data"]) == 2

    run(test)
