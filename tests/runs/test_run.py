"""Whole runs of `generate` over real HTTP, in this process: what is on disk, what was sent, what the user is told."""

import json
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_provider import Call, FakeProvider, Reply, always_good, completion, conversation, error
from quick import QUICK, first

from asyncgen.command.main import main
from asyncgen.runs.pipeline import Pipeline
from asyncgen.timings import Timings

OUTPUT = Path("data/nanochat.jsonl")
JOURNAL = Path("data/nanochat.jsonl.journal")
REJECTS = Path("data/nanochat.jsonl.rejects")


def generate(provider: FakeProvider, *flags: str, timings: Timings = QUICK) -> int:
    return main(["generate", "--base-url", provider.base_url, "--concurrency", "8", *flags], timings)


def lines() -> list[Any]:
    text = OUTPUT.read_bytes()
    assert text == b"" or text.endswith(b"\n")
    return [json.loads(line) for line in text.decode().split("\n")[:-1]]


def entries(kind: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in JOURNAL.read_bytes().splitlines()]
    return [entry for entry in found if entry["type"] == kind]


def indices_done() -> list[int]:
    return sorted(entry["index"] for entry in entries("done"))


def test_a_run_writes_every_index_once_as_nanochat_reads_it() -> None:
    with FakeProvider() as provider:
        assert generate(provider, "-n", "50") == 0
    assert indices_done() == list(range(50))
    for messages in lines():
        assert isinstance(messages, list)
        assert len(messages) >= 2
        for position, message in enumerate(messages):
            assert message["role"] == ("user", "assistant")[position % 2]
            assert isinstance(message["content"], str)


def test_the_request_is_what_the_design_of_the_api_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASYNCGEN_API_KEY", "word")
    with FakeProvider() as provider:
        generate(provider, "-n", "1", "--temperature", "0.5", "--param", "reasoning.effort=low")
    (call,) = provider.calls
    assert call.headers["Authorization"] == "Bearer word"
    assert call.body["stream"] is False
    assert call.body["temperature"] == 0.5
    assert call.body["reasoning"] == {"effort": "low"}
    assert call.body["response_format"]["json_schema"]["strict"] is True
    assert [message["role"] for message in call.body["messages"]] == ["system", "user"]


def test_a_folder_that_is_made_is_told_and_a_blank_line_at_the_end_is_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with FakeProvider() as provider:
        generate(provider, "-n", "2")
        assert f"{OUTPUT.parent.resolve()} was not there: it is made" in capsys.readouterr().err
        with OUTPUT.open("ab") as file:
            file.write(b"\r\n\n")
        generate(provider, "-n", "3")
    assert len(lines()) == 3
    said = capsys.readouterr().err
    assert not any(words in said for words in ("was not whole", "was not there"))
    assert not any(path.suffix == ".torn" for path in OUTPUT.parent.iterdir())


def test_no_more_requests_are_in_flight_than_concurrency_allows() -> None:
    with FakeProvider() as provider:
        generate(provider, "-n", "100")
    assert provider.most_at_once <= 8


@pytest.mark.parametrize(
    "what",
    ["asyncgen.endpoint.connector._Protocol.data_received", "asyncgen.screen.display.Display.refresh"],
    ids=["to read with", "to draw with"],
)
def test_a_run_that_gets_no_memory_ends_with_one_sentence_and_can_go_on(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    with FakeProvider() as provider:
        with pytest.MonkeyPatch.context() as patches:
            patches.setattr(what, fail)
            assert generate(provider, "-n", "100") == 1
        shown = capsys.readouterr().err
        assert shown.count("Stopped: an answer did not fit into memory; lower --concurrency") == 1
        assert "Traceback" not in shown
        assert generate(provider, "-n", "20") == 0
    assert indices_done() == list(range(len(lines())))


def test_a_second_run_has_nothing_to_do_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider() as provider:
        generate(provider, "-n", "20")
        before = {path: path.read_bytes() for path in OUTPUT.parent.iterdir()}
        assert generate(provider, "-n", "20") == 0
        assert generate(provider, "-n", "5", "--show") == 0
    assert len(provider.calls) == 20
    assert {path: path.read_bytes() for path in OUTPUT.parent.iterdir() if path.suffix != ".lock"} == {
        path: data for path, data in before.items() if path.suffix != ".lock"
    }
    shown = capsys.readouterr().err
    assert "nothing to do, all is there: 20 conversations\n" in shown
    assert "nothing to do, all is there: 5 conversations (of 20 in the file)" in shown
    assert "what is there: asyncgen show " in shown
    assert re.search(rf"next +\S+ view {OUTPUT}\nnext +\S+ audit {OUTPUT}\n", shown)


def test_a_run_begins_no_more_tasks_than_it_has_conversations_to_make(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    usual = Pipeline.run

    async def run(self: Pipeline, indices: Iterable[int], *, slots: int, **others: Any) -> None:
        begun.append(slots)
        await usual(self, indices, slots=slots, **others)

    monkeypatch.setattr(Pipeline, "run", run)
    with FakeProvider() as provider:
        for num in ("5", "7", "7", "100"):
            assert generate(provider, "-n", num) == 0
    assert begun == [5, 2, 32], "what is there already needs none, and of many as many as may be alive"


def test_a_larger_num_adds_and_changes_no_line() -> None:
    with FakeProvider() as provider:
        generate(provider, "-n", "20")
        before = OUTPUT.read_bytes()
        assert generate(provider, "-n", "35") == 0
    assert OUTPUT.read_bytes().startswith(before)
    assert indices_done() == list(range(35))


def test_the_same_index_sends_the_same_messages_in_every_run() -> None:
    with FakeProvider() as provider:
        generate(provider, "-n", "10", "--concurrency", "1")
        generate(provider, "-n", "10", "--concurrency", "1", "--output", "other.jsonl")
    assert [call.body for call in provider.calls[:10]] == [call.body for call in provider.calls[10:]]


def test_deleted_lines_are_made_again_after_saying_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider() as provider:
        generate(provider, "-n", "20")
        kept = OUTPUT.read_bytes().splitlines(keepends=True)
        OUTPUT.write_bytes(b"".join(kept[:4] + kept[7:]))
        capsys.readouterr()
        assert generate(provider, "-n", "20") == 0
    assert "made again: 3" in capsys.readouterr().err
    assert len(provider.calls) == 23
    assert len(lines()) == 20


def test_a_file_rewritten_by_another_tool_is_still_known() -> None:
    with FakeProvider() as provider:
        generate(provider, "-n", "20")
        rewritten = [json.dumps(messages, indent=None, separators=(" , ", " : ")) for messages in lines()]
        random.Random(1).shuffle(rewritten)
        OUTPUT.write_text("\n".join(rewritten) + "\n")
        assert generate(provider, "-n", "20") == 0
    assert len(provider.calls) == 20


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--model", "other/model"], "other/model"),
        (["--seed", "7"], "seed: none -> 7"),
        (["--temperature", "0.2"], "temperature: 1.0 -> 0.2"),
        (["--param", "max_tokens=10"], "max_tokens: 8192 -> 10"),
        (["--save-metadata"], "--save-metadata"),
    ],
)
def test_changed_settings_are_refused_by_name_before_anything_is_sent(
    flags: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeProvider() as provider:
        generate(provider, "-n", "5")
        before = JOURNAL.read_bytes()
        assert generate(provider, "-n", "9", *flags) == 2
    assert named in capsys.readouterr().err
    assert len(provider.calls) == 5
    assert JOURNAL.read_bytes() == before


def test_allow_changed_goes_on_under_a_new_header() -> None:
    with FakeProvider() as provider:
        generate(provider, "-n", "5")
        assert generate(provider, "-n", "9", "--model", "other/model", "--allow-changed") == 0
    assert [entry["request"]["model"] for entry in entries("run")] == ["google/gemini-3-flash-preview", "other/model"]
    assert indices_done() == list(range(9))


def test_changed_knowledge_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    knowledge = Path("mine.md")
    knowledge.write_text("nanochat is small.")
    with FakeProvider() as provider:
        generate(provider, "-n", "2", "--knowledge", str(knowledge))
        knowledge.write_text("nanochat is tiny.")
        assert generate(provider, "-n", "3", "--knowledge", str(knowledge)) == 2
    assert "knowledge has changed" in capsys.readouterr().err


def test_a_missing_output_is_refused_and_overwrite_keeps_what_there_was() -> None:
    with FakeProvider() as provider:
        generate(provider, "-n", "5")
        OUTPUT.rename("elsewhere.jsonl")
        assert generate(provider, "-n", "5") == 2
        Path("elsewhere.jsonl").rename(OUTPUT)
        old = OUTPUT.read_bytes()
        assert generate(provider, "-n", "3", "--overwrite") == 0
    assert len(lines()) == 3
    (aside,) = OUTPUT.parent.glob("nanochat.jsonl.bak-*")
    assert aside.read_bytes() == old


def test_an_output_without_a_journal_is_refused_until_append_keeps_it() -> None:
    OUTPUT.parent.mkdir()
    own = '[{"role": "user", "content": "own"}, {"role": "assistant", "content": "line"}]\n'
    OUTPUT.write_text(own)
    with FakeProvider() as provider:
        assert generate(provider, "-n", "5") == 2
        assert [path.name for path in OUTPUT.parent.iterdir()] == [OUTPUT.name]
        assert generate(provider, "-n", "5", "--append") == 0
        assert generate(provider, "-n", "5") == 0
    assert OUTPUT.read_text().startswith(own)
    assert len(lines()) == 6


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (error(401, "No auth credentials found"), "401"),
        (error(402, "Insufficient credits"), "credits"),
        (error(404, "No endpoints found for fake/model"), "No endpoints found"),
        (Reply(308, headers={"Location": "https://elsewhere.example/v1"}), "elsewhere.example"),
    ],
    ids=["wrong key", "no money", "no model", "redirect"],
)
def test_a_hopeless_run_stops_at_once_and_leaves_everything_pending(
    reply: Reply, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASYNCGEN_API_KEY", "a-marked-key")
    with FakeProvider(lambda _: reply) as provider:
        assert generate(provider, "-n", "100") == 1
    assert len(provider.calls) <= 8
    assert entries("failed") == []
    shown = capsys.readouterr().err
    assert said in shown
    assert "asyncgen generate" in shown, "the command that goes on"
    assert "a-marked-key" not in shown + JOURNAL.read_text()


def test_a_key_revoked_in_mid_run_keeps_what_was_made_and_the_rest_goes_on_later() -> None:
    with FakeProvider(lambda call: always_good(call) if call.number < 30 else error(401)) as provider:
        assert generate(provider, "-n", "60") == 1
    made = len(lines())
    assert made == 30
    with FakeProvider() as provider:
        assert generate(provider, "-n", "60") == 0
    assert len(provider.calls) == 30
    assert indices_done() == list(range(60))


def test_the_same_rejection_for_all_stops_after_ten() -> None:
    with FakeProvider(lambda _: error(400, "Invalid model name")) as provider:
        assert generate(provider, "-n", "500") == 1
    assert len(provider.calls) < 40
    assert entries("failed") == []


def test_an_index_that_is_refused_fails_and_is_tried_again_by_the_next_run() -> None:
    refused = set()

    def script(call: Call) -> Reply:
        if call.number % 10 == 9:
            refused.add(call.scenario)
        return error(400, "too long for this one") if call.number % 10 == 9 else always_good(call)

    with FakeProvider(script) as provider:
        assert generate(provider, "-n", "40") == 3
    assert len(lines()) == 36
    assert {entry["reason"] for entry in entries("failed")} == {"request-rejected"}
    with FakeProvider() as provider:
        assert generate(provider, "-n", "40") == 0
    assert {call.scenario for call in provider.calls} == refused
    assert indices_done() == list(range(40))


def test_bad_replies_are_kept_and_asked_again() -> None:
    asked: set[str] = set()

    def script(call: Call) -> Reply:
        """Every fourth index is answered badly the first time."""
        is_new = call.scenario not in asked
        asked.add(call.scenario)
        return completion("no JSON") if is_new and len(asked) % 4 == 0 else always_good(call)

    with FakeProvider(script) as provider:
        assert generate(provider, "-n", "40") == 0
    assert len(lines()) == 40
    rejects = [json.loads(line) for line in REJECTS.read_bytes().splitlines()]
    assert len(rejects) == len(entries("rejected")) == len(provider.calls) - 40 == 10
    assert {(reject["reason"], reject["text"]) for reject in rejects} == {("not-json", "no JSON")}


def test_an_output_in_a_folder_that_cannot_be_made_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").touch()
    with FakeProvider() as provider:
        assert generate(provider, "-n", "1", "-o", "file/data/x.jsonl") == 2
    assert provider.calls == []
    assert "file/data cannot be made: Not a directory" in capsys.readouterr().err


def test_a_bad_hour_costs_no_conversation() -> None:
    faults = random.Random(4)

    def script(call: Call) -> Reply:
        fate = faults.random()
        if fate < 0.10:
            return error(429, "slow down", Retry_After="0")
        if fate < 0.15:
            return error(500)
        if fate < 0.18:
            return Reply(abort=True)
        if fate < 0.23:
            return completion('{"messages": [')
        return always_good(call)

    with FakeProvider(script) as provider:
        assert generate(provider, "-n", "150") == 0
    assert len(lines()) == 150
    assert indices_done() == list(range(150))
    assert not entries("failed")


def test_money_is_summed_exactly_over_runs_and_rejected_replies(capsys: pytest.CaptureFixture[str]) -> None:
    def script(call: Call) -> Reply:
        return completion("bad" if call.number == 3 else good_content(call), cost=0.0001)

    with FakeProvider(script) as provider:
        generate(provider, "-n", "5")
        generate(provider, "-n", "9")
    capsys.readouterr()
    assert main(["status", str(OUTPUT), "--json"]) == 0
    told = capsys.readouterr().out
    assert '"cost_usd":0.0010' in told.replace(" ", "")
    assert json.loads(told)["calls"] == len(provider.calls) == 10


def good_content(call: Call) -> str:
    content: str = json.loads(always_good(call).body)["choices"][0]["message"]["content"]
    return content


def test_equal_conversations_serve_an_index_each() -> None:
    with FakeProvider(lambda _: conversation("always the same")) as provider:
        generate(provider, "-n", "12")
        assert generate(provider, "-n", "12") == 0
        assert len(provider.calls) == 12
        kept = OUTPUT.read_bytes().splitlines(keepends=True)
        OUTPUT.write_bytes(b"".join(kept[:9]))
        assert generate(provider, "-n", "12") == 0
    assert len(provider.calls) == 15
    assert len(lines()) == 12


def test_show_prints_the_conversations_made(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(lambda _: conversation("red\u001b[31m")) as provider:
        assert generate(provider, "-n", "2", "--show", "--reasks", "0") in {1, 3}
    with FakeProvider(lambda _: conversation("plain")) as provider:
        assert generate(provider, "-n", "2", "--show") == 0
    shown = capsys.readouterr().out
    assert shown.count("assistant: It is plain.") == 2
    assert "\u001b" not in shown


def test_save_metadata_writes_objects() -> None:
    with FakeProvider() as provider:
        assert generate(provider, "-n", "3", "--save-metadata") == 0
    assert sorted(line["metadata"]["index"] for line in lines()) == [0, 1, 2]
    assert {"topic", "persona", "dynamic", "model"} <= set(lines()[0]["metadata"])


def refuse_schema(call: Call) -> Reply:
    wanted = call.body.get("response_format", {}).get("type")
    return error(400, "This response_format type is unavailable now") if wanted == "json_schema" else always_good(call)


def refuse_any_format(call: Call) -> Reply:
    return error(422, "Unexpected fields: response_format") if "response_format" in call.body else always_good(call)


def fail_on_schema(call: Call) -> Reply:
    wanted = call.body.get("response_format", {}).get("type")
    return Reply(500, b"Internal Server Error") if wanted == "json_schema" else always_good(call)


@pytest.mark.parametrize(
    ("script", "extra_calls", "step"),
    [
        (refuse_schema, {1}, "json_object"),
        (refuse_any_format, {2}, "prompt only"),
        (fail_on_schema, {4, 5, 6}, "json_object"),
    ],
)
def test_an_endpoint_that_refuses_the_schema_costs_a_call_or_two_and_not_the_run(
    script: Callable[[Call], Reply],
    extra_calls: set[int],
    step: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with FakeProvider(script) as provider:
        assert generate(provider, "-n", "20") == 0
        calls = len(provider.calls)
        assert calls - 20 in extra_calls
        assert f"going on with {step}" in capsys.readouterr().err
        assert [entry["step"] for entry in entries("stepped")][-1] == step
        assert generate(provider, "-n", "30") == 0
        assert len(provider.calls) == calls + 11, "the next run asks for everything once, and remembers the step"


def test_only_one_call_is_made_until_the_endpoint_has_answered() -> None:
    with FakeProvider(lambda call: error(401) if call.number == 0 else always_good(call)) as provider:
        assert generate(provider, "-n", "100") == 1
    assert len(provider.calls) == 1


# ---- who is to blame


UNLUCKY = {
    "500": error(500, "the kernel crashed"),
    "blank": completion("", finish_reason="stop"),
    "null": completion(None),
    "reset": Reply(abort=True),
    "page": Reply(200, b"<html>busy</html>"),
}


@pytest.mark.parametrize("unlucky", first(1, [{4}, {0}, {9}, {7, 8, 9}]), ids=str)
@pytest.mark.parametrize("reply", UNLUCKY.values(), ids=UNLUCKY)
def test_an_index_that_is_never_answered_well_fails_with_its_reason_in_this_run_and_the_next(
    reply: Reply, unlucky: set[int], capsys: pytest.CaptureFixture[str]
) -> None:
    scenarios: list[str] = []

    def script(call: Call) -> Reply:
        scenario = call.scenario.partition("\n\nAnswer with one JSON object")[0]  # which a lower step adds
        if scenario not in scenarios:
            scenarios.append(scenario)
        return reply if scenarios.index(scenario) in unlucky else always_good(call)

    with FakeProvider(script) as provider:
        assert generate(provider, "-n", "10", "--retries", "2", "-c", "1") == 3
        assert len(indices_done()) == 10 - len(unlucky)
        assert len(entries("failed")) == len(unlucky)
        assert "given up after 3 attempts" in capsys.readouterr().err
        before = len(provider.calls)
        assert generate(provider, "-n", "10", "--retries", "2", "-c", "1") == 3
        assert len(provider.calls) - before <= 6 * len(unlucky) + 6
    assert len(entries("failed")) == 2 * len(unlucky)


PAGE = Reply(403, b"<html><body>Attention Required! You have been blocked</body></html>", {"Content-Type": "text/html"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (PAGE, "You have been blocked"),
        (error(400, "not today, nor for you"), "not today"),
        (error(422, "no"), "--model"),
    ],
    ids=["page", "400", "422"],
)
def test_a_refusal_of_everybody_in_mid_run_stops_it_and_marks_few(
    reply: Reply, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with FakeProvider(lambda call: always_good(call) if call.number < 40 else reply) as provider:
        assert generate(provider, "-n", "400") == 1
        assert len(provider.calls) <= 40 + 40
    assert len(entries("failed")) <= 10
    shown = capsys.readouterr().err
    assert "all the same rejection" in shown
    assert said in shown
    with FakeProvider() as provider:
        assert generate(provider, "-n", "400") == 0
    assert indices_done() == list(range(400))


def test_when_a_few_are_refused_the_end_tells_what_the_server_said(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(lambda _: error(400, "nothing for you")) as provider:
        assert generate(provider, "-n", "3", "--show") == 3
    shown = capsys.readouterr().err
    assert "3 failed" in shown
    assert "nothing for you; check --model" in shown


def test_a_misspelt_model_is_told_after_a_call(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(lambda _: error(400, "The model `gtp` does not exist")) as provider:
        assert generate(provider, "-n", "3", "--show") == 1
    assert len(provider.calls) == 1
    assert "The model `gtp` does not exist. Check --model" in capsys.readouterr().err
    assert entries("failed") == []


def test_a_single_401_of_a_key_that_has_been_good_is_only_looked_at_again() -> None:
    with FakeProvider(lambda call: error(401) if call.number == 25 else always_good(call)) as provider:
        assert generate(provider, "-n", "60") == 0
    assert len(provider.calls) == 61
    assert indices_done() == list(range(60))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (error(500, "CUDA error"), "CUDA error"),
        (Reply(200, b"<title>A page for people</title>"), "Most end in /v1"),
        (Reply(abort=True), "log"),
    ],
    ids=["500", "page", "reset"],
)
def test_an_endpoint_that_has_never_answered_is_not_asked_for_ten_minutes(
    reply: Reply, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    timings = replace(QUICK, fruitless=0.3, trouble_said_after=0.0)
    with FakeProvider(lambda _: reply) as provider:
        assert generate(provider, "-n", "40", "--quiet", timings=timings) == 1
    assert entries("failed") == []
    shown = capsys.readouterr().err
    assert shown.count("no answer yet: ") == 1
    assert "has never answered" in shown
    assert said in shown


def test_a_server_that_is_not_running_is_named_with_what_to_look_at(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider() as provider:
        provider.go_down()
        assert generate(provider, "-n", "40", timings=replace(QUICK, fruitless=0.1)) == 1
    assert (
        "no connection (Connection refused); is the server running, and is --base-url right?" in capsys.readouterr().err
    )


def test_settings_may_be_mended_from_run_to_run_until_something_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    def script(call: Call) -> Reply:
        if call.body["max_tokens"] > 100:
            return error(400, "max_tokens is too large")
        return always_good(call) if call.body["model"] == "right" else error(404, "no such model")

    with FakeProvider(script) as provider:
        assert generate(provider, "-n", "3", "--model", "wrong") == 1
        assert generate(provider, "-n", "3", "--model", "wrong", "--param", "max_tokens=100") == 1
        assert generate(provider, "-n", "3", "--model", "right", "--param", "max_tokens=100") == 0
        assert generate(provider, "-n", "4", "--model", "wrong") == 2
    assert [entry["request"]["model"] for entry in entries("run")] == ["wrong", "wrong", "right"]
    assert "--allow-changed" in capsys.readouterr().err.rsplit("Finished", 1)[1]


def test_an_endpoint_that_has_worked_for_this_output_is_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider() as provider:
        assert generate(provider, "-n", "5") == 0
        provider.go_down()
        assert generate(provider, "-n", "9", "--give-up", "0.2", timings=replace(QUICK, fruitless=0.05)) == 1
    assert "--give-up" in capsys.readouterr().err


@pytest.mark.slow
def test_answers_slower_than_the_deadline_name_the_flag(capsys: pytest.CaptureFixture[str]) -> None:
    timings = replace(QUICK, fruitless=0.5, trouble_said_after=0.0)
    with FakeProvider(lambda _: Reply(hold=True)) as provider:
        assert generate(provider, "-n", "4", "--timeout", "0.2", "--quiet", timings=timings) == 1
    said, end = capsys.readouterr().err.split("Stopped: ")
    assert all(
        each.count("no answer within 0.2 s; if answers take longer than that, raise --timeout") == 1
        for each in (said, end)
    )


def test_a_few_answers_slower_than_the_deadline_are_told_while_the_run_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with FakeProvider(lambda call: Reply(hold=True) if 5 <= call.number < 9 else always_good(call)) as provider:
        assert generate(provider, "-n", "30", "--timeout", "0.3") == 0
    assert capsys.readouterr().err.count("raise --timeout") == 1


def test_an_endpoint_that_ignores_the_response_format_is_asked_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    def script(call: Call) -> Reply:
        return always_good(call) if "Answer with one JSON object" in call.scenario else completion("Sure! Let us talk.")

    with FakeProvider(script) as provider:
        assert generate(provider, "-n", "40") == 0
        assert len(provider.calls) <= 40 + 5 + 8
    assert "asking for it in words too" in capsys.readouterr().err


def test_a_prompt_that_the_server_cuts_in_silence_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(lambda call: completion(good_content(call), prompt_tokens=2_050)) as provider:
        assert generate(provider, "-n", "20") == 0
    assert capsys.readouterr().err.count("num_ctx") == 1
    with FakeProvider(lambda call: completion(good_content(call), prompt_tokens=8_000)) as provider:
        assert generate(provider, "-n", "20", "--overwrite") == 0
    assert "num_ctx" not in capsys.readouterr().err
