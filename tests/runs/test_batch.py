"""Whole runs in batches over real HTTP against the offline engine, which misbehaves as real endpoints do."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from batch_server import BatchServer, Handler, refusal
from quick import QUICK

import asyncgen
from asyncgen.api import settings as api_settings
from asyncgen.command.main import main
from asyncgen.errors import OutputError
from asyncgen.offline.knobs import Knobs
from asyncgen.output.ledger import read_journal
from asyncgen.runs.batches.under_way import UnderWay
from asyncgen.runs.configure import configure_run
from asyncgen.timings import Timings

OUTPUT = Path("data/nanochat.jsonl")
JOURNAL = Path("data/nanochat.jsonl.journal")
FOLDER = Path("data/nanochat.jsonl.batches")
PRICED = Knobs(price_in=Decimal("0.5"), price_out=Decimal(3))


def generate(server: BatchServer, *flags: str, num: int = 30, timings: Timings = QUICK) -> int:
    address = ["--base-url", server.base_url]
    return main(["generate", "-n", str(num), "--batch", *address, "-c", "8", "--quiet", *flags], timings)


def generate_inline(server: BatchServer, *flags: str, num: int = 30) -> int:
    address = ["--provider", "openrouter", "--base-url", server.inline_url]
    return main(["generate", "-n", str(num), "--batch", *address, "-c", "8", "--quiet", *flags], QUICK)


def entries(*kinds: str) -> list[dict[str, Any]]:
    found = [json.loads(line, parse_float=Decimal) for line in JOURNAL.read_bytes().splitlines()]
    return [entry for entry in found if entry["type"] in kinds]


def check_whole(num: int = 30) -> None:
    """Every index is one line, and nothing is under way or left lying about."""
    assert len(OUTPUT.read_bytes().splitlines()) == num
    assert Counter(entry["index"] for entry in entries("done")) == Counter(range(num))
    assert len(entries("submitting")) == len(entries("collected"))
    assert not FOLDER.exists()


def check_whole_but_twins(num: int = 30) -> None:
    assert len(OUTPUT.read_bytes().splitlines()) == num
    assert not labels()


def check_books(server: BatchServer) -> None:
    """The journal's money is the endpoint's, to the digit; no line ran twice, and every batch is known."""
    lines = server.books("line")
    told = [
        each
        for each in entries("done", "step", "rejected", "collected")
        if "batch" in each or each["type"] == "collected"
    ]
    assert amount(told) == amount(lines)
    assert max(Counter(line["custom_id"] for line in lines).values()) == 1
    assert {each["id"] for each in entries("submitted")} == {each["batch"] for each in server.books("created")}


def amount(entries: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(str(each["cost"])) for each in entries if each.get("cost") is not None), Decimal(0))


def labels() -> list[str]:
    closed = {each["label"] for each in entries("collected")}
    return [each["label"] for each in entries("submitting") if each["label"] not in closed]


def test_all_but_the_first_are_made_in_a_batch() -> None:
    with BatchServer(PRICED) as server:
        assert generate(server) == 0
        check_whole()
        check_books(server)
        (created,) = server.books("created")
        assert len(server.books("line")) == 29
        assert created["metadata"] == {"asyncgen": entries("submitting")[0]["label"]}
    assert "batch" not in entries("done")[0]


def test_without_live_calls_the_first_is_in_the_batch_too() -> None:
    with BatchServer() as server:
        assert generate(server, "--no-live") == 0
        assert len(server.books("line")) == 30
    check_whole()


def test_inline_batches_make_the_same() -> None:
    with BatchServer(PRICED) as server:
        assert generate_inline(server, "--batch-size", "20") == 0
        check_whole()
        check_books(server)
        assert {each["form"] for each in server.books("created")} == {"inline"}


def test_batches_are_as_large_as_was_asked_for() -> None:
    with BatchServer() as server:
        assert generate(server, "--batch-size", "12") == 0
    check_whole()
    assert [entry["indices"] for entry in entries("submitting")] == ["1-12", "13-24", "25-29"]


# ---- whether a batch was made is not known


@pytest.mark.parametrize("fault", ["lost", "errored"])
@pytest.mark.parametrize("hidden", [0.0, 0.1])
def test_a_batch_whose_making_nobody_confirmed_is_found_and_none_is_made_twice(fault: str, hidden: float) -> None:
    with BatchServer(PRICED, lost=float(fault == "lost"), errored=float(fault == "errored"), hidden=hidden) as server:
        assert generate(server, "--batch-size", "15") == 0
        check_whole()
        check_books(server)
        assert len(server.books("created")) == 2


def test_an_inline_batch_is_found_by_its_model_its_size_and_its_time() -> None:
    with BatchServer(PRICED, lost=1.0) as server:
        assert generate_inline(server, "--batch-size", "20") == 0
        check_whole()
        check_books(server)


def test_a_batch_that_is_surely_not_there_is_made_anew() -> None:
    creates = 0

    async def lose_the_first(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal creates
        if request.method == "POST" and request.path.endswith("/batches"):
            creates += 1
            if creates == 1 and request.transport is not None:
                request.transport.abort()
                return web.Response()
        return await handler(request)

    with BatchServer(PRICED, lose_the_first) as server:
        assert generate(server) == 0
        check_whole()
        check_books(server)
        assert creates == 2
    assert [each["status"] for each in entries("collected")] == ["not made", "completed"]


def test_a_batch_without_its_label_is_known_by_its_file() -> None:
    with BatchServer(PRICED, lost=1.0, no_metadata=True) as server:
        assert generate(server) == 0
        check_whole()
        check_books(server)


async def make_two(request: web.Request, handler: Handler) -> web.StreamResponse:
    """As a gateway that repeats calls, and then breaks down."""
    if request.method == "GET" or not request.path.endswith("/batches") or "again" in request.headers:
        return await handler(request)
    body, headers = await request.read(), {"again": "1", "content-type": request.content_type}
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.post(request.url, data=body, headers=headers) as answer:
                await answer.read()
    return refusal(500, "no answer from above")


def test_batches_that_something_on_the_way_has_made_of_one_call_are_told_apart(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with BatchServer(PRICED, make_two, delay=0.3) as server:
        assert generate(server) == 0
        assert len(server.books("created")) == 2
    check_whole_but_twins()
    assert "made of the same call" in capsys.readouterr().err
    (twin,) = [entry for entry in entries("collected") if "same call" in entry["status"]]
    assert twin["lost"] == 29


def test_a_key_that_may_not_list_batches_collects_its_own() -> None:
    async def forbid_lists(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_list = request.method == "GET" and request.path.endswith("/batches")
        return (
            refusal(403, "You have insufficient permissions for this operation.") if is_list else await handler(request)
        )

    with BatchServer(PRICED, forbid_lists) as server:
        assert generate(server) == 0
        check_whole()
        check_books(server)


def test_of_two_inline_batches_that_may_be_the_one_their_results_tell() -> None:
    with BatchServer(PRICED, make_two) as server:
        assert generate_inline(server) == 0
        assert len(server.books("created")) == 2
    check_whole()


def test_two_inline_batches_that_have_nothing_to_show_are_left_to_the_user(capsys: pytest.CaptureFixture[str]) -> None:
    with BatchServer(PRICED, make_two, rejected=1.0) as server:
        assert generate_inline(server) == 1
    assert f"--forget-batch {labels()[0]}" in capsys.readouterr().err


def test_where_no_list_can_tell_nothing_more_is_sent_for_it_until_it_is_given_up(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with BatchServer(lost=1.0, no_list=True) as server:
        assert generate(server) == 1
        (label,) = labels()
        assert f"--forget-batch {label}" in capsys.readouterr().err
        assert generate(server) == 1
        assert len(server.books("created")) == 1
    with BatchServer() as server:
        other = ["--base-url", server.base_url, "--quiet"]
        assert main(["generate", "-n", "30", *other], QUICK) == 2
        assert main(["generate", "-n", "30", *other, "--forget-batch", label], QUICK) == 0
    assert len(OUTPUT.read_bytes().splitlines()) == 30
    (given_up,) = entries("collected")
    assert (given_up["status"], given_up["lost"]) == ("forgotten", 29)


# ---- what comes back


@pytest.mark.parametrize(
    "knobs",
    [
        {"expired": 0.5},
        {"missing": 0.5},
        {"unreadable": 0.5},
        {"failed": 0.5},
        {"string_bodies": True, "shuffled": True, "wrong_counts": True, "absent_ids": "empty"},
        {"gateway_errors": 0.3, "outage": 0.05, "late_files": 0.05},
        {"hidden": 0.1, "repeated_pages": True, "absent_ids": "missing"},
    ],
    ids="-".join,
)
def test_whatever_becomes_of_lines_and_batches_every_index_is_made_and_no_line_is_paid_for_twice(
    knobs: dict[str, Any],
) -> None:
    with BatchServer(PRICED, **knobs) as server:
        assert generate(server, "--price-in", "0.7", "--price-out", "4.2") == 0
        assert len(OUTPUT.read_bytes().splitlines()) == 30
        assert Counter(entry["index"] for entry in entries("done")) == Counter(range(30))
        check_books(server)


def test_lines_that_do_not_tell_what_they_cost_share_what_the_batch_did_to_the_digit() -> None:
    with BatchServer(PRICED, without_usage=0.5) as server:
        assert generate_inline(server) == 0
        check_whole()
        check_books(server)
    assert all(entry["cost"] and entry["prompt_tokens"] for entry in entries("done"))


def test_a_reply_that_will_not_do_is_kept_and_asked_again_in_the_next_batch() -> None:
    with BatchServer(replace(PRICED, malformed=0.4, seed=1)) as server:
        assert generate(server, "--no-live", "--reasks", "20") == 0
        check_whole()
        check_books(server)
        again = [each["asks"] for each in entries("submitting") if "asks" in each]
    rejected = entries("rejected")
    assert again
    assert all(each["batch"] for each in rejected)
    assert len(OUTPUT.with_suffix(".jsonl.rejects").read_bytes().splitlines()) == len(rejected)
    assert {each["asks"] for each in entries("done") if "asks" in each} >= {2}


def test_the_last_few_are_made_live() -> None:
    with BatchServer(PRICED, expired=0.5) as server:
        assert generate(server) == 0
    assert len(entries("submitting")) == 1
    assert len([each for each in entries("done") if "batch" not in each]) > 1


def test_batches_that_bring_nothing_end_the_run_and_nothing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with BatchServer(expired=1.0) as server:
        assert generate(server, "--no-live") == 1
    assert len(entries("submitting")) == 3
    assert not entries("failed")
    assert "--finish-live" in capsys.readouterr().err


def test_a_line_that_is_named_as_bad_fails_and_the_rest_goes_into_another_batch() -> None:
    with BatchServer(rejected=0.1) as server:
        assert generate(server, "--no-live") == 3
    failed = {entry["index"] for entry in entries("failed")}
    assert failed
    assert {entry["index"] for entry in entries("done")} == set(range(30)) - failed


def test_lines_that_are_all_refused_alike_end_the_run_and_none_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with BatchServer(failed=1.0, failed_status=400) as server:
        assert generate(server) == 1
    assert not entries("failed")
    assert not labels()
    assert "were all the same rejection" in capsys.readouterr().err


def test_a_key_that_is_refused_line_by_line_ends_the_run_and_none_fails() -> None:
    with BatchServer(failed=1.0, failed_status=401) as server:
        assert generate(server) == 1
    assert not entries("failed")
    assert not labels()


# ---- how much is taken at once


@pytest.mark.parametrize(
    ("knobs", "status"), [({"max_bytes": 400_000}, "too large"), ({"queued_tokens": 90_000}, "queue full")]
)
def test_a_size_that_is_refused_is_halved_until_it_is_taken(knobs: dict[str, Any], status: str) -> None:
    with BatchServer(PRICED, **knobs) as server:
        assert generate(server, "--no-live") == 0
        check_whole()
        check_books(server)
        assert generate(server, "--no-live", num=45) == 0
    refused = [entry for entry in entries("collected") if entry["status"] == status]
    assert 0 < len(refused) < 7  # a later run remembers


def test_a_full_queue_is_waited_for() -> None:
    with BatchServer(PRICED, max_unfinished=1, delay=0.1) as server:
        assert generate(server, "--no-live", "--batch-size", "10") == 0
        check_whole()
        check_books(server)


def test_where_batches_are_forbidden_the_run_stops_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    with BatchServer(forbidden=True) as server:
        assert generate(server) == 1
    assert "Batches are not available for your plan" in capsys.readouterr().err
    assert not labels()


# ---- money


def test_a_budget_holds_what_is_under_way_and_is_kept() -> None:
    with BatchServer(PRICED) as server:
        assert generate(server, "--budget", "0.05", num=60) == 1
        spent = amount(entries("done", "rejected", "collected"))
        assert Decimal("0.03") < spent <= Decimal("0.05")
        assert generate(server, num=60) == 0
    check_whole(60)


def test_what_is_under_way_counts_in_full_in_a_later_run() -> None:
    with BatchServer(PRICED, stuck=1.0) as server:
        assert generate(server, "--detach", "--batch-size", "10") == 4
        held = Decimal(str(entries("submitting")[0]["held"])) * 29
        assert generate(server, "--detach", "--budget", str(held), num=31) == 4
        assert len(server.books("created")) == 3


# ---- leaving and coming back


def test_a_run_that_leaves_is_gone_on_with_by_the_same_line(capsys: pytest.CaptureFixture[str]) -> None:
    with BatchServer(PRICED, delay=0.2) as server:
        assert generate(server, "--detach", "--batch-size", "15") == 4
        assert len(labels()) == 2
        capsys.readouterr()
        assert main(["status", str(OUTPUT), "--json"]) == 0
        told = json.loads(capsys.readouterr().out)["batches"]
        assert [(each["label"], each["requests"], each["pending"]) for each in told] == [
            *zip(labels(), (15, 14), (15, 14), strict=True)
        ]
        assert main(["status", str(OUTPUT)]) == 0
        assert re.search(rf"batch +{labels()[0]}: 15 requests, .* ago, \$0\.\d+ held for it", capsys.readouterr().out)
        while (status := generate(server, "--detach", "--batch-size", "15")) == 4:
            pass
        assert status == 0
        check_whole()
        check_books(server)


async def refuse_uploads(request: web.Request, handler: Handler) -> web.StreamResponse:
    is_upload = request.method == "POST" and request.path.endswith("/files")
    return refusal(503, "down") if is_upload else await handler(request)


def test_a_run_that_leaves_does_not_insist_on_handing_in(capsys: pytest.CaptureFixture[str]) -> None:
    with BatchServer(PRICED, refuse_uploads) as server:
        assert generate(server, "--detach", "--give-up", "0.2") == 1
    shown = capsys.readouterr().err
    assert "--finish-live" in shown
    assert not labels()
    assert not FOLDER.exists()


def test_a_run_that_leaves_does_not_insist_on_a_list(capsys: pytest.CaptureFixture[str]) -> None:
    async def hide_the_list(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_list = request.method == "GET" and request.path.endswith("/batches")
        return refusal(503, "down") if is_list else await handler(request)

    with BatchServer(PRICED, hide_the_list, lost=1.0) as server:
        assert generate(server, "--detach", "--give-up", "0.2") == 4
    (label,) = labels()
    assert f"--forget-batch {label}" in capsys.readouterr().err


def test_while_nothing_more_can_be_handed_in_what_is_under_way_is_collected(
    capsys: pytest.CaptureFixture[str],
) -> None:
    is_out = False

    async def take_one_by_one(request: web.Request, handler: Handler) -> web.StreamResponse:
        nonlocal is_out
        if is_out:
            is_out = not request.path.endswith("/content")
            return await refuse_uploads(request, handler)
        is_out = request.method == "POST" and request.path.endswith("/batches")
        return await handler(request)

    with BatchServer(PRICED, take_one_by_one, delay=0.05) as server:
        assert generate(server, "--batch-size", "10", timings=replace(QUICK, fruitless=0.02)) == 0
        check_whole()
        check_books(server)
    assert "no further batch can be handed in before one has ended" in capsys.readouterr().err


def test_what_is_under_way_is_collected_by_every_copy_of_an_output() -> None:
    with BatchServer(PRICED, expired=0.2) as server:
        assert generate(server, "--detach") == 4
        shutil.copytree(OUTPUT.parent, "copy")
        assert generate(server) == 0
        made = len(server.books("created"))
        assert generate(server, "--finish-live", "-o", "copy/nanochat.jsonl") == 0
        assert len(server.books("created")) == made
        check_whole()
        check_books(server)
    lines = {path: {*path.read_bytes().splitlines()} for path in (OUTPUT, Path("copy/nanochat.jsonl"))}
    assert [len(each) for each in lines.values()] == [30, 30]


def test_a_run_that_leaves_does_not_ask_again_for_what_was_given_up() -> None:
    with BatchServer(failed=0.1, failed_status=400) as server:
        assert generate(server, "--no-live") == 3
        before = len(server.books("line"))
        assert generate(server, "--detach") == 3
        assert len(server.books("line")) == before


def test_what_cannot_be_collected_from_the_offline_engine_any_more_is_made_again() -> None:
    engine = ["generate", "-n", "12", "--provider", "offline", "--quiet", "-o", str(OUTPUT)]
    assert main([*engine, "--batch", "--batch-size", "5"], QUICK) == 0
    journal = JOURNAL.read_bytes().splitlines(keepends=True)
    cut = next(number for number, line in enumerate(journal) if b'"submitted"' in line)
    JOURNAL.write_bytes(b"".join(journal[: cut + 1]))  # killed behind the first batch
    OUTPUT.write_bytes(OUTPUT.read_bytes().splitlines(keepends=True)[0])
    assert main([*engine, "--detach", "--batch"], QUICK) == 2
    assert main(engine, QUICK) == 0
    check_whole(12)


def test_another_key_s_batches_are_not_taken_for_gone(capsys: pytest.CaptureFixture[str]) -> None:
    with BatchServer(PRICED, delay=60.0) as server:
        assert generate(server, "--detach") == 4
        (label,) = labels()
        server.forget()
        assert generate(server) == 1
        assert labels() == [label]
        shown = capsys.readouterr().err
    assert "key" in shown
    assert f"--forget-batch {label}" in shown


def test_a_collection_that_was_cut_short_is_gone_through_again_and_books_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def fail(*_: object) -> None:
        raise OutputError("the disk is gone")

    with BatchServer(PRICED) as server:
        with monkeypatch.context() as patched:
            patched.setattr(UnderWay, "close", fail)
            assert generate(server) == 1
        assert len(labels()) == 1
        kept = OUTPUT.read_bytes().splitlines(keepends=True)
        assert len(kept) == 30
        OUTPUT.write_bytes(b"".join(kept[:20]))  # the rest had not reached the disk
        assert main(["status", str(OUTPUT), "--json"]) == 0
        assert generate(server) == 0
        assert len(OUTPUT.read_bytes().splitlines()) == 30
        ledger = read_journal(JOURNAL).ledger
        assert ledger.totals.calls == 30
        live = [entry for entry in entries("done") if "batch" not in entry]
        assert ledger.totals.cost == amount(server.books("line")) + amount(live)
        assert len(server.books("line")) == 29


def test_cancelled_batches_bring_what_they_have(capsys: pytest.CaptureFixture[str]) -> None:
    with BatchServer(PRICED, delay=60.0) as server:
        assert generate(server, "--detach") == 4
        assert generate(server, "--cancel") == 4
        assert not labels()
        assert "Cancelled" in capsys.readouterr().err
        calls = len(server.books("created"))
        before = JOURNAL.read_bytes()
        assert generate(server, "--cancel") == 4
        told = " ".join(capsys.readouterr().err.split())
        assert "nothing to cancel, no batch is under way; 28 of 30 conversations are to be made" in told
        assert "Cancelled" not in told
        assert "--cancel" not in told.partition("next ")[2]
        assert JOURNAL.read_bytes() == before
        assert generate(server, "--finish-live") == 0
        assert generate(server, "--cancel") == 0
        assert "nothing to do, all is there" in capsys.readouterr().err
        assert len(server.books("created")) == calls
        check_whole()
        check_books(server)


def test_where_no_run_has_begun_there_is_nothing_to_cancel(capsys: pytest.CaptureFixture[str]) -> None:
    with BatchServer() as server:
        assert generate(server, "--cancel") == 2
        assert not server.books("line")
    assert f"--cancel: no run has begun on {OUTPUT}, so no batch" in capsys.readouterr().err
    assert not OUTPUT.parent.exists() or not list(OUTPUT.parent.glob(f"{OUTPUT.name}*"))


def test_where_batches_cannot_be_cancelled_they_run_on_and_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with BatchServer(PRICED, delay=60.0) as server:
        assert generate_inline(server, "--detach") == 4
        (label,) = labels()
        assert generate_inline(server, "--cancel") == 4
        assert f"{label} runs on and is billed" in capsys.readouterr().err
        assert labels() == [label]


def test_what_is_left_is_finished_live_when_that_is_asked_for() -> None:
    with BatchServer(PRICED, delay=0.1, expired=1.0) as server:
        assert generate(server, "--detach") == 4
        assert generate(server, "--finish-live") == 0
    check_whole()
    assert len(entries("submitting")) == 1


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--detach"], "--detach is about batches: give --batch, too"),
        (["--batch", "--finish-live", "--no-live"], "give one of them"),
        (["--batch", "--provider", "ollama"], "has no batches"),
    ],
)
def test_flags_that_do_not_go_together_are_refused(
    flags: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", *flags], QUICK) == 2
    assert named in capsys.readouterr().err


def test_several_models_have_batches_of_their_own(tmp_path: Path) -> None:
    recipe = tmp_path / "two"
    recipe.mkdir()
    (recipe / "facts.md").write_text("Bread is made of flour, and it is baked for an hour.")
    (recipe / "user.md").write_text("{knowledge}\n\nTopic: {topic}")
    (recipe / "recipe.toml").write_text(
        'name = "two"\nknowledge = "facts.md"\n[prompt]\nuser = "user.md"\n'
        '[[dimension]]\nname = "topic"\nvalues = ["bread", "butter", "salt"]\n'
        '[[models]]\nmodel = "one"\n[[models]]\nmodel = "other"\n'
    )
    with BatchServer(PRICED) as server:
        assert generate(server, "--recipe", str(recipe), "-o", str(OUTPUT)) == 0
        check_whole()
        check_books(server)
    assert {entry["seat"] for entry in entries("submitting")} == {"one", "other"}


def test_a_talk_goes_turn_by_turn_from_batch_to_batch(tmp_path: Path) -> None:
    (tmp_path / "facts.md").write_text("Rye ferments for 12 hours. Bread is baked for an hour.")
    (tmp_path / "system.md").write_text("<knowledge>\n{knowledge}\n</knowledge>")
    (tmp_path / "user.md").write_text("Topic: {topic}\nDynamic: 4-turn")
    (tmp_path / "recipe.toml").write_text(
        'name = "talk"\nknowledge = "facts.md"\n[request]\nmodel = "m"\n[talk]\nusers = "turn by turn"\nmessages = 4\n'
        '[prompt]\nsystem = "system.md"\nuser = "user.md"\n[[dimension]]\nname = "topic"\nvalues = ["rye", "bread"]\n'
    )
    with BatchServer(PRICED, delay=0.1) as server:
        flags = ["--recipe", str(tmp_path / "recipe.toml"), "-o", str(OUTPUT), "--no-live", "--detach"]
        while (status := generate(server, *flags, num=8)) == 4:
            pass  # every run takes up the steps of those before
        assert status == 0
        check_whole(8)
        check_books(server)
    assert [entry["seat"] for entry in entries("submitting")] == ["user", "assistant"] * 2
    assert len(entries("step")) == 24


def test_files_go_out_and_come_in_where_there_is_no_server(tmp_path: Path) -> None:
    folder = tmp_path / "cluster"
    flags = ["generate", "-n", "12", "--provider", "vllm", "--model", "m", "--quiet", "-o", str(OUTPUT), "--detach"]
    assert main([*flags, "--batch-files", str(folder)], QUICK) == 4
    (requests,) = folder.glob("*.requests.jsonl")
    answers = []
    for line in map(json.loads, requests.read_bytes().splitlines()):
        messages = [{"role": role, "content": f"{role} of {line['custom_id']}"} for role in ("user", "assistant")]
        choice = {"finish_reason": "stop", "message": {"content": json.dumps({"messages": messages})}}
        response = {"status_code": 200, "body": {"choices": [choice]}}
        answers.append(json.dumps({"custom_id": line["custom_id"], "response": response, "error": None}) + "\n")
    requests.with_name(requests.name.replace("requests", "results")).write_text("".join(answers))
    assert main([*flags, "--batch-files", str(folder)], QUICK) == 0
    check_whole(12)


def test_a_program_makes_them_in_batches_as_the_command_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_settings, "configure_run", partial(configure_run, timings=QUICK))
    with BatchServer(PRICED) as server:
        result = asyncgen.run("nanochat", num=12, batch=True, batch_size=6, base_url=server.base_url, bar=False)
        assert (result.done, result.written, result.pending) == (12, 12, 0)
        check_books(server)
    assert len(entries("submitting")) == 2


@pytest.mark.slow
def test_ctrl_c_leaves_what_is_under_way_and_says_so() -> None:
    with BatchServer(stuck=1.0) as server:
        command = [sys.executable, "-m", "asyncgen", "generate", "-n", "9", "--batch", "--base-url", server.base_url]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        server.wait_for("GET /v1/batches/")
        process.send_signal(signal.SIGINT)
        _, shown = process.communicate(timeout=30)
        assert process.returncode == 130
        assert re.search(r"batches +1 under way, with 8 requests: the same line collects what comes", shown)
        assert labels()
