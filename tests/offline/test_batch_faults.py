"""What each knob makes of files, batches and their rows."""

import asyncio
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from engine_batches import (
    INLINE,
    PRICED,
    URL,
    Client,
    body,
    books,
    call,
    create,
    create_inline,
    download,
    ended,
    lines,
    made,
    made_inline,
    names,
    rows,
    run,
    upload,
)
from hypothesis import given
from hypothesis import strategies as st
from sweep import at_most

from asyncgen.errors import ConfigError
from asyncgen.offline.batch_knobs import BatchKnobs
from asyncgen.offline.knobs import Knobs

# ---- creating and finding


@pytest.mark.parametrize("is_inline", [False, True])
def test_a_lost_create_has_made_the_batch(is_inline: bool) -> None:  # noqa: FBT001 - a case
    async def test(client: Client) -> None:
        with pytest.raises(aiohttp.ClientError):
            await (create_inline(client, 1) if is_inline else create(client, lines(1), metadata={"asyncgen": "k7"}))
        (found,) = (await call(client, "GET", "/v1/batches"))[1]["data"]
        assert found.get("metadata") == (None if is_inline else {"asyncgen": "k7"})
        assert (await ended(client, found["id"]))["status"] == "completed"
        assert [each["answered"] for each in await books(client, "created")] == [False]

    run(test, lost=1.0)


def test_a_create_answered_500_has_made_the_batch() -> None:
    async def test(client: Client) -> None:
        assert (await create(client, lines(1)))[0] == 500
        assert len((await call(client, "GET", "/v1/batches"))[1]["data"]) == 1

    run(test, errored=1.0)


def test_a_create_answered_500_may_have_made_none() -> None:
    async def test(client: Client) -> None:
        told = [await create(client, lines(1)) for _ in range(40)]
        made = [batch["id"] for status, batch in told if status == 200]
        errored = sum(status == 500 for status, _ in told)
        listed = [each["id"] for each in (await call(client, "GET", "/v1/batches?limit=100"))[1]["data"]]
        entries = await books(client, "created")
        assert [each["batch"] for each in entries] == listed[::-1]
        assert [each["batch"] for each in entries if each["answered"]] == made
        assert 0 < errored - (len(listed) - len(made)) < errored

    run(test, unmade=0.3, errored=0.3)


def test_a_hidden_batch_is_404_and_not_listed_at_first() -> None:
    async def test(client: Client) -> None:
        batches = ((await create(client, lines(1)), "/v1/batches"), (await create_inline(client, 1), INLINE))
        for (_, batch), path in batches:
            status, told = await call(client, "GET", f"{path}/{batch['id']}")
            assert status == 404
            assert ("Batch job" in told["error"]["message"]) == (path == INLINE)
            assert (await call(client, "GET", path))[1]["data"] == []

    run(test, hidden=1_000.0)


def test_a_hidden_batch_appears() -> None:
    async def test(client: Client) -> None:
        _, batch = await create(client, lines(1))
        while (await call(client, "GET", f"/v1/batches/{batch['id']}"))[0] == 404:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0)
        assert len((await call(client, "GET", "/v1/batches"))[1]["data"]) == 1

    run(test, hidden=0.05)


def test_a_late_file_is_unknown_to_a_create_only() -> None:
    async def test(client: Client) -> None:
        status, told = await create(client, lines(1))
        assert (status, "No such File object" in told["error"]["message"]) == (404, True)
        (file,) = (await call(client, "GET", "/v1/files"))[1]["data"]
        assert (await call(client, "GET", f"/v1/files/{file['id']}"))[0] == 200

    run(test, late_files=1_000.0)


def test_an_outage_after_a_create_is_html() -> None:
    async def test(client: Client) -> None:
        assert (await call(client, "GET", "/v1/batches"))[0] == 200
        _, batch = await create(client, lines(1))
        for path in (f"/v1/batches/{batch['id']}", "/v1/batches", "/v1/files/file-x/content"):
            status, page = await call(client, "GET", path)
            assert (status, "<html>" in page) == (502, True)
        assert (await upload(client, b""))[0] == 502

    run(test, outage=1_000.0)


def test_a_share_of_polls_fails() -> None:
    async def test(client: Client) -> None:
        statuses = {(await call(client, "GET", "/v1/batches"))[0] for _ in range(50)}
        assert statuses == {200, 502}

    run(test, gateway_errors=0.5)


def test_a_share_of_uploads_fails() -> None:
    async def test(client: Client) -> None:
        assert {(await upload(client, b""))[0] for _ in range(50)} == {200, 502}
        assert (await call(client, "GET", "/v1/files"))[0] == 200

    run(test, upload_errors=0.5)


def test_unfinished_batches_may_be_limited() -> None:
    async def test(client: Client) -> None:
        assert (await create_inline(client, 1))[0] == 202
        status, told = await create_inline(client, 1)
        assert (status, told["error"]["code"]) == (429, 429)
        assert (await create(client, lines(1)))[1]["error"]["code"] == "batch_limit_exceeded"

    run(test, max_unfinished=1, stuck=1.0)


def test_a_plan_may_have_no_batches() -> None:
    async def test(client: Client) -> None:
        for method, path in (("POST", "/v1/files"), ("POST", "/v1/batches"), ("GET", "/v1/batches")):
            status, told = await call(client, method, path)
            assert (status, told["error"]["code"]) == (403, "not_available_for_plan")

    run(test, forbidden=True)


def test_inline_batches_may_be_under_beta_alone() -> None:
    async def test(client: Client) -> None:
        status, page = await create_inline(client, 1)
        assert (status, "<html>" in page) == (404, True)
        assert (await create_inline(client, 1, "/api/beta/batches"))[0] == 202

    run(test, beta_only=True)


def test_lists_may_be_missing_or_never_end_and_metadata_forgotten() -> None:
    async def no_list(client: Client) -> None:
        assert (await call(client, "GET", "/v1/batches"))[0] == 404

    async def repeated(client: Client) -> None:
        _, batch = await create(client, lines(1), metadata={"asyncgen": "k7"})
        for query in ("", f"?after={batch['id']}"):
            _, page = await call(client, "GET", f"/v1/batches{query}")
            assert ([each["id"] for each in page["data"]], page["has_more"]) == ([batch["id"]], True)
            assert page["data"][0]["metadata"] is None

    run(no_list, no_list=True)
    run(repeated, repeated_pages=True, no_metadata=True)


def test_without_the_switch_there_are_no_batches() -> None:
    with pytest.raises(ConfigError, match="--batch-lost, --batch-errored: the shares"):
        BatchKnobs(lost=0.6, errored=0.6)
    with pytest.raises(ConfigError, match="--batch-absent-ids: expected one of null, missing, empty, got 'nil'"):
        BatchKnobs(absent_ids="nil")
    assert Knobs().batches is None


def test_books_without_an_entry_are_empty_and_canned_lines_have_their_answer() -> None:
    async def test(client: Client) -> None:
        assert await books(client, "created") == []
        found, _ = await rows(client, await made(client, lines(2)))
        assert {row["response"]["body"]["model"] for row in found} == {"offline"}

    run(test, Knobs(canned=True))


# ---- what fails as a whole


def test_the_queue_of_tokens_fails_a_batch_until_another_has_ended() -> None:
    async def test(client: Client) -> None:
        _, first = await create(client, lines(2))
        second = await made(client, lines(2))
        assert (second["status"], second["errors"]["data"][0]["code"]) == ("failed", "token_limit_exceeded")
        await call(client, "POST", f"/v1/batches/{first['id']}/cancel")
        await ended(client, first["id"])
        _, third = await create(client, lines(2))
        await call(client, "POST", f"/v1/batches/{third['id']}/cancel")
        assert (await ended(client, third["id"]))["status"] == "cancelled"

    run(test, queued_tokens=200, stuck=1.0)


def test_a_refused_model_fails_a_batch() -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(1))
        assert (batch["status"], batch["errors"]["data"][0]["code"]) == ("failed", "model_not_found")
        assert (await create_inline(client, 1))[0] == 400

    run(test, refused_models="other,m")


def test_a_rejected_line_fails_its_batch_by_its_number_or_name() -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(1))
        assert (batch["status"], batch["errors"]["data"][0]["line"]) == ("failed", 1)
        inline = await made_inline(client, 1)
        assert (inline["status"], inline["error"] is None) == ("failed", False)

    run(test, rejected=1.0)


def test_a_stuck_batch_waits_until_it_is_cancelled() -> None:
    async def test(client: Client) -> None:
        _, batch = await create(client, lines(2))
        path = f"/v1/batches/{batch['id']}"
        while (await call(client, "GET", path))[1]["status"] != "in_progress":  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0)
        await call(client, "POST", f"{path}/cancel")
        assert (await ended(client, batch["id"]))["status"] == "cancelled"

    run(test, stuck=1.0)


def test_a_delay_is_spread_over_the_lines() -> None:
    async def test(client: Client) -> None:
        _, batch = await create(client, lines(2))
        path = f"/v1/batches/{batch['id']}"
        while not (told := (await call(client, "GET", path))[1])["request_counts"]["completed"]:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        assert (told["status"], told["request_counts"]["completed"], told["usage"]) == ("in_progress", 1, None)
        assert told["output_file_id"] is None

    run(test, delay=1_000.0)


# ---- rows


def test_all_lines_failed_is_completed_without_an_output() -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(2))
        assert (batch["status"], batch["output_file_id"]) == ("completed", None)
        assert batch["request_counts"] == {"total": 2, "completed": 0, "failed": 2}
        _, errors = await rows(client, batch)
        assert [row["response"]["status_code"] for row in errors] == [503, 503]
        assert {row["error"] for row in errors} == {None}
        inline = await made_inline(client, 2)
        assert (inline["status"], inline["usage"]["cost"]) == ("completed", 0)
        assert "failed" in inline["error"]["message"]
        for row in inline["results"]:
            assert (row["id"], row["response"]) == (f"offline-{row['custom_id']}", None)
            assert row["error"].keys() == {"type", "message", "param"}

    run(test, PRICED, failed=1.0, failed_status=503)


def test_an_expired_batch_has_what_was_done_and_a_row_for_each_of_the_rest() -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(20))
        found, errors = await rows(client, batch)
        assert batch["status"] == "expired"
        assert sorted(names(found) + names(errors)) == sorted(f"c{each}" for each in range(20))
        assert {row["error"]["code"] for row in errors} == {"batch_expired"}
        assert batch["request_counts"] == {"total": 20, "completed": len(found), "failed": 0}
        paid = [each["cost"] for each in await books(client, "line")]
        assert len(paid) == len(found) > 0
        assert all(paid)
        inline = await made_inline(client, 20)
        assert (inline["status"], inline["results"], inline["usage"]["cost"] > 0) == ("expired", None, True)

    run(test, PRICED, expired=0.5)


def test_an_expired_inline_batch_may_have_what_was_done() -> None:
    async def test(client: Client) -> None:
        inline = await made_inline(client, 20)
        answered = [row for row in inline["results"] if row["response"]]
        assert (inline["status"], 0 < len(answered) < 20, len(inline["results"])) == ("expired", True, 20)

    run(test, expired=0.5, partial_results=True)


@pytest.mark.parametrize(("knobs", "status"), [({"withheld": 1_000.0}, 402), ({"gone_after": 0.0}, 410)])
def test_results_may_be_withheld_or_gone(knobs: dict[str, Any], status: int) -> None:
    async def test(client: Client) -> None:
        _, batch = await create_inline(client, 1)
        while (answer := await call(client, "GET", f"{INLINE}/{batch['id']}"))[0] == 200:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0)
        assert answer[0] == answer[1]["error"]["code"] == status
        if status == 402:
            assert (answer[1]["status"], answer[1]["results"]) == ("completed", None)

    run(test, **knobs)


def test_a_file_of_results_may_be_gone() -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(1))
        assert (await call(client, "GET", f"/v1/files/{batch['output_file_id']}/content"))[0] == 404
        assert (await call(client, "GET", f"/v1/files/{batch['input_file_id']}/content"))[0] == 200

    run(test, gone_after=0.0)


def test_missing_rows_are_in_neither_file_and_not_paid_for() -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(20))
        found, errors = await rows(client, batch)
        assert (batch["status"], errors) == ("completed", [])
        assert 0 < len(found) < 20
        assert names(await books(client, "line")) == names(found)

    run(test, missing=0.5)


def test_rows_may_lack_their_usage_which_the_batch_tells() -> None:
    async def test(client: Client) -> None:
        inline = await made_inline(client, 2)
        assert [row["response"]["body"].get("usage") for row in inline["results"]] == [None, None]
        assert inline["usage"]["cost"] > 0
        batch = await made(client, lines(2))
        assert batch["usage"]["total_tokens"] > 0

    run(test, PRICED, without_usage=1.0)


def test_an_unreadable_row_leaves_the_others_alone() -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(20))
        _, text = await call(client, "GET", f"/v1/files/{batch['output_file_id']}/content")
        readable = 0
        for row in text.splitlines():
            try:
                json.loads(row)
                readable += 1
            except ValueError:
                assert row.startswith('{"id":"batch_req_')
        assert (len(text.splitlines()), 0 < readable < 20) == (20, True)
        kinds = {type(row) for row in (await made_inline(client, 20))["results"]}
        assert kinds == {dict, str}

    run(test, unreadable=0.5)


def test_a_body_may_be_a_string() -> None:
    async def test(client: Client) -> None:
        found, _ = await rows(client, await made(client, lines(1)))
        assert json.loads(found[0]["response"]["body"])["object"] == "chat.completion"

    run(test, string_bodies=True)


@pytest.mark.parametrize(("form", "told"), [("null", None), ("empty", ""), ("missing", "absent")])
def test_an_absent_file_is_told_in_many_ways(form: str, told: str | None) -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(1))
        assert batch.get("error_file_id", "absent") == told
        assert (await create(client, lines(1)))[1].get("output_file_id", "absent") == told

    run(test, absent_ids=form)


def test_counts_may_be_wrong_and_rows_out_of_order() -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(20))
        found, _ = await rows(client, batch)
        assert batch["request_counts"] == {"total": 0, "completed": 0, "failed": 0}
        assert names(found) != sorted(names(found), key=lambda name: int(name[1:]))
        assert len(set(names(found))) == 20

    run(test, wrong_counts=True, shuffled=True)


@pytest.mark.parametrize(
    ("live", "status"),
    [
        (Knobs(no_money_after=1), 402),
        (Knobs(unauthorized_after=1), 401),
        (Knobs(rate_limited=1.0), 429),
        (Knobs(server_errors=1.0), 500),
        (Knobs(strict_fields=True), 422),
        (Knobs(price_in=Decimal(1), balance=Decimal("0.00001")), 402),
    ],
    ids=["no money", "no access", "rate", "error", "field", "balance"],
)
def test_lines_are_refused_as_live_calls_are(live: Knobs, status: int) -> None:
    async def test(client: Client) -> None:
        content = b"".join(
            json.dumps({"custom_id": f"c{each}", "method": "POST", "url": URL, "body": body(each, top_k=1)}).encode()
            + b"\n"
            for each in range(3)
        )
        batch = await made(client, content)
        errors = await download(client, batch["error_file_id"])
        assert errors[-1]["response"]["status_code"] == status

    run(test, live)


def test_an_error_of_an_inline_row_has_the_words_of_a_live_one() -> None:
    async def test(client: Client) -> None:
        requests = [{"custom_id": "a", "body": body(top_k=1)}]
        asked = {"endpoint": URL, "model": "m", "requests": requests}
        _, batch = await call(client, "POST", INLINE, json=asked)
        (row,) = (await ended(client, batch["id"], INLINE))["results"]
        assert "top_k" in row["error"]["message"]

    run(test, Knobs(strict_fields=True))


def test_contents_are_spoiled_as_live_ones_are() -> None:
    async def test(client: Client) -> None:
        found, _ = await rows(client, await made(client, lines(1)))
        assert found[0]["response"]["body"]["choices"][0]["message"]["content"] == ""

    run(test, Knobs(empty=1.0))


def test_the_engine_runs_again_as_it_ran() -> None:
    seen: list[Any] = []

    async def test(client: Client) -> None:
        found, errors = await rows(client, await made(client, lines(30)))
        told = [row["response"]["body"]["choices"] for row in found]
        seen.append((names(found), names(errors), told))

    for _ in range(2):
        run(test, Knobs(seed=5, malformed=0.2), expired=0.2, failed=0.2, missing=0.2, shuffled=True)
    assert seen[0] == seen[1]
    run(test, Knobs(seed=6, malformed=0.2), expired=0.2, failed=0.2, missing=0.2, shuffled=True)
    assert seen[2] != seen[0]


_share = st.sampled_from([0.0, 0.1, 0.3])


@at_most(20)
@given(
    shares=st.fixed_dictionaries({}, optional=dict.fromkeys(("expired", "failed", "missing"), _share)),
    shuffled=st.booleans(),
    live=st.builds(
        Knobs, seed=st.integers(0, 9), empty=_share, server_errors=_share, no_money_after=st.integers(20, 40)
    ),
)
def test_whatever_befalls_a_batch_each_line_is_in_one_place_and_the_books_agree(
    shares: dict[str, float], live: Knobs, *, shuffled: bool
) -> None:
    async def test(client: Client) -> None:
        batch = await made(client, lines(25))
        found, errors = await rows(client, batch)
        seen = names(found) + names(errors)
        assert len(set(seen)) == len(seen)
        assert len(seen) == 25 or shares.get("missing")
        assert (len(found), len([row for row in errors if row["response"]])) == (
            batch["request_counts"]["completed"],
            batch["request_counts"]["failed"],
        )
        noted = await books(client, "line")
        costs = {row["custom_id"]: row["response"]["body"]["usage"]["cost"] for row in found}
        assert {each["custom_id"]: each["cost"] for each in noted if each["status"] == 200} == costs
        statuses = {row["custom_id"]: row["response"]["status_code"] for row in errors if row["response"]}
        assert {each["custom_id"]: each["status"] for each in noted if each["status"] != 200} == statuses
        (over,) = await books(client, "ended")
        _, ledger = await call(client, "GET", "/ledger")
        assert ledger["lines"] == len(noted)
        assert over["cost"] == ledger["cost"] == pytest.approx(sum(costs.values()))

    run(test, replace(live, price_in=PRICED.price_in, price_out=PRICED.price_out), shuffled=shuffled, **shares)
