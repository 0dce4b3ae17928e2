"""asyncgen as a Python program has it, over a loopback endpoint."""

import ast
import asyncio
import logging
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fake_provider import Call, FakeProvider, Reply, always_good, completion, error
from quick import each_row

import asyncgen
from asyncgen.api.settings import GivenSettings
from asyncgen.audit.audit import audit_dataset
from asyncgen.audit.kept import write_audit
from asyncgen.command.pages import FOLDER
from asyncgen.conversation import Message
from asyncgen.data.dataset import Dataset
from asyncgen.errors import AccessDeniedError, BudgetSpentError
from asyncgen.output.earlier import read_status
from asyncgen.output.paths import OutputPaths
from asyncgen.runs.events import Event, Written
from asyncgen.runs.run import FEWEST_LIVE
from asyncgen.runs.settings import Settings

OUTPUT = Path("x.jsonl")
KEY = "sk-marker-0a1b2c3d"


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    with FakeProvider() as started:
        yield started


def settings(provider: FakeProvider, **others: Any) -> dict[str, Any]:
    return {"base_url": provider.base_url, "num": 12, "concurrency": 2, "output": OUTPUT, "environment": {}, **others}


def lines_on_disk() -> int:
    return OUTPUT.read_bytes().count(b"\n")


def made() -> list[int]:
    """The indices of the lines there are."""
    return [line.index for line in asyncgen.open(OUTPUT) if line.index is not None]


# ---- generate


def test_each_conversation_is_told_with_all_that_is_known_of_it_and_is_on_disk_by_then() -> None:
    async def story(given: Mapping[str, Any]) -> list[asyncgen.Generated]:
        generated = []
        async for each in asyncgen.generate("nanochat", **given):
            generated.append(each)
            assert lines_on_disk() >= len(generated)
        return generated

    with FakeProvider(lambda call: completion("no JSON", cost=0.5) if not call.number else priced(call)) as provider:
        generated = asyncio.run(story(settings(provider)))
    assert [each.index for each in generated] == made()
    assert sorted(made()) == list(range(12))
    again = next(each for each in generated if each.asks == 2)
    assert (again.cost, again.model, again.finish_reason) == (Decimal("0.75"), "fake", "stop")
    assert [message.role for message in again.messages] == ["user", "assistant"]
    assert again.scenario["topic"] in again.messages[0].content
    for each, line in zip(generated, asyncgen.open(OUTPUT), strict=True):
        assert (each.scenario, each.messages, each.cost) == (line.scenario, line.messages, line.cost)


def priced(call: Call) -> Reply:
    said = [Message("user", call.scenario), Message("assistant", f"Number {call.number}.")]
    return completion(msgspec.json.encode({"messages": said}).decode(), cost=0.25)


def test_what_is_left_early_is_gone_on_with_by_the_same_call(provider: FakeProvider) -> None:
    async def story(given: Mapping[str, Any]) -> None:
        for _ in range(3):
            async for _ in asyncgen.generate("nanochat", **given):
                break
        async for _ in asyncgen.generate("nanochat", **given):
            pass

    asyncio.run(story(settings(provider, num=100)))
    assert sorted(made()) == list(range(100))
    assert len(provider.calls) == 100


def test_a_loop_that_ends_right_after_a_break_waits_for_what_is_under_way() -> None:
    async def script(call: Call) -> Reply:
        if call.number >= 3:
            await asyncio.to_thread(left.wait)
        return always_good(call)

    async def story(provider: FakeProvider) -> None:
        async for _ in asyncgen.generate("nanochat", **settings(provider, num=50)):
            await asyncio.to_thread(provider.wait_for_calls, 5)
            break
        left.set()

    left = threading.Event()
    with FakeProvider(script) as provider:
        asyncio.run(story(provider))
        assert len(made()) == len(provider.calls) == 5


def holding(call: Call) -> Reply:
    """From the fourth call on nothing is answered until the provider is released."""
    reply = always_good(call)
    return Reply(reply.status, reply.body, reply.headers, hold=call.number >= 3)


@pytest.mark.parametrize(("how", "lines"), [("closed", 5), ("cancelled", 5), ("cancelled twice", 3)])
def test_leaving_lets_calls_under_way_end_and_a_second_cancellation_does_not(how: str, lines: int) -> None:
    async def take_all(generation: asyncgen.Generation) -> None:
        async for _ in generation:
            pass

    async def story(provider: FakeProvider) -> None:
        generation = asyncgen.generate("nanochat", **settings(provider, num=50))
        for _ in range(3):
            await anext(generation)
        await asyncio.to_thread(provider.wait_for_calls, 5)  # two of them are held
        leaving = asyncio.create_task(generation.aclose() if how == "closed" else take_all(generation))
        for _ in range(how.count("cancelled") + how.count("twice")):
            await settled()
            leaving.cancel()
        await settled()
        if how != "cancelled twice":
            provider.release()
        await asyncio.wait({leaving})
        assert leaving.cancelled() == (how != "closed")

    with FakeProvider(holding) as provider:
        asyncio.run(story(provider))
        assert len(made()) == lines
        assert len(provider.calls) == 5


async def settled() -> None:
    """Until what is ready now has been done."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_slow_consumer_holds_the_run_back(provider: FakeProvider) -> None:
    async def story(given: Mapping[str, Any]) -> None:
        taken = 0
        async for _ in asyncgen.generate("nanochat", **given):
            taken += 1
            await asyncio.to_thread(provider.wait_for_calls, min(taken + 2, 100))  # as far as it gets without us
            assert len(provider.calls) <= taken + 2 + 2 * FEWEST_LIVE
        assert taken == 100

    asyncio.run(story(settings(provider, num=100)))


def test_what_ends_a_run_early_is_raised_with_what_was_made_on_disk() -> None:
    taken = []

    async def story(given: Mapping[str, Any]) -> None:
        async for each in asyncgen.generate("nanochat", **given):
            taken.append(each.index)  # noqa: PERF401 - also what came before the end

    with FakeProvider(lambda call: always_good(call) if call.number < 5 else error(401)) as provider:
        with pytest.raises(AccessDeniedError):
            asyncio.run(story(settings(provider, concurrency=1)))
        assert taken == made() == [0, 1, 2, 3, 4]


# ---- run


def test_a_run_says_what_it_has_done_and_what_failed() -> None:
    def script(call: Call) -> Reply:
        return error(400, "no such thing") if call.number == 3 else always_good(call)

    with FakeProvider(script) as provider:
        result = asyncgen.run("nanochat", **settings(provider, concurrency=1))
        assert (result.num, result.done, result.written, result.pending, result.failed) == (12, 11, 11, 0, 1)
        assert result.output == OUTPUT.resolve()
        ((reason, failure),) = result.failures.items()
        assert reason == "request-rejected"
        assert "no such thing" in failure.example
        again = asyncgen.run("nanochat", **settings(provider))
        assert (again.done, again.written, again.failures) == (12, 1, {})
        nothing = asyncgen.run("nanochat", **settings(provider))
        assert (nothing.done, nothing.written) == (12, 0)
    assert len(provider.calls) == 13


def test_a_run_works_where_a_loop_is_running(provider: FakeProvider) -> None:
    async def story() -> asyncgen.Result:
        return asyncgen.run("nanochat", **settings(provider))

    assert asyncio.run(story()).done == 12


def test_money_is_exact_and_a_spent_budget_is_an_error() -> None:
    with FakeProvider(priced) as provider:
        result = asyncgen.run("nanochat", **settings(provider, num=3))
        assert (result.cost, result.total_cost) == (Decimal("0.75"), Decimal("0.75"))
        with pytest.raises(BudgetSpentError):
            asyncgen.run("nanochat", **settings(provider, budget=1.0))
    assert len(made()) == 4


@pytest.mark.usefixtures("_handlers_restored")
def test_an_interrupt_drains_a_run_and_is_raised_behind_it() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def script(call: Call) -> Reply:
        if call.number == 3:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return always_good(call)

    with FakeProvider(script) as provider, pytest.raises(KeyboardInterrupt):
        asyncgen.run("nanochat", **settings(provider, num=100_000))
    assert 4 <= len(made()) == len(provider.calls) < 100_000


def test_everything_that_happens_is_told_and_what_a_listener_raises_ends_the_run(provider: FakeProvider) -> None:
    seen: list[Event] = []
    asyncgen.run("nanochat", on_event=seen.append, **settings(provider, num=5))
    assert sum(len(each.lines) for each in seen if isinstance(each, Written)) == 5

    def stumble(event: Event) -> None:
        if isinstance(event, Written):
            raise LookupError("the listener's own")  # noqa: TRY004

    with pytest.raises(LookupError, match="own"):
        asyncgen.run("nanochat", on_event=stumble, **settings(provider, num=100_000))
    assert len(made()) == len(provider.calls)


# ---- what it leaves alone


def test_nothing_is_printed_and_signals_loops_and_loggers_stay_as_they_were(
    provider: FakeProvider, capfd: pytest.CaptureFixture[str]
) -> None:
    def state() -> list[object]:
        handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD)]
        loggers = [logging.getLogger(), logging.getLogger("asyncgen")]
        return [*handlers, asyncio.get_event_loop_policy(), *[(list(each.handlers), each.level) for each in loggers]]

    before = state()
    asyncgen.run("nanochat", **settings(provider))
    asyncgen.run("nanochat", num=2, provider="offline", output="offline.jsonl")
    assert state() == before
    assert capfd.readouterr().out == ""


def test_a_program_without_logging_is_not_told_warnings_by_pythons_last_resort() -> None:
    script = "import asyncgen, logging; asyncgen.run; logging.getLogger('asyncgen').warning('told')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_what_the_command_says_is_logged(provider: FakeProvider, caplog: pytest.LogCaptureFixture) -> None:
    asyncgen.run("nanochat", **settings(provider, num=2))
    asyncgen.run("nanochat", **settings(provider))
    assert any("2 of 12 are there" in record.message for record in caplog.records if record.name == "asyncgen")


def test_no_secret_is_in_anything_that_is_shown(provider: FakeProvider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    given = settings(provider, environment={"ASYNCGEN_API_KEY": KEY})
    generation = asyncgen.generate("nanochat", **given)
    seen = [repr(generation), repr(vars(generation)), repr(vars(generation._handover))]
    seen += [repr(asyncgen.run("nanochat", **given)), caplog.text]
    assert provider.calls[0].headers["Authorization"].endswith(KEY)
    assert KEY not in "".join(seen)


def test_importing_it_loads_nothing_that_takes_its_time() -> None:
    script = "import sys, asyncgen; print({'aiohttp', 'asyncio', 'msgspec', 'rich', 'uvloop'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", script], text=True).strip() == "set()"


# ---- settings


@each_row(
    ("given", "message"),
    [
        ({"variables": {"depth": 12}}, "there is no setting 'variables'; give what asyncgen.load_recipe"),
        ({"nun": 3}, "there is no setting 'nun'; did you mean num?"),
        ({"num": 0}, "num: expected a whole number of 1 or more, got '0'"),
        ({"num": True}, "num: expected a whole number"),
        ({"temperature": float("nan")}, "temperature: expected a temperature, 0 or more"),
        ({"budget": -1}, "budget: expected US dollars above 0"),
        ({"tier": "cheap"}, "tier: expected one of flex, priority, got 'cheap'"),
        ({"provider": "openruter"}, "provider: expected one of .*; did you mean openrouter?"),
        ({"append": "yes"}, "append: expected a bool, got 'yes'"),
        ({"model": 5}, "model: expected a str, got 5"),
        ({"append": True, "overwrite": True}, "--append keeps what is there"),
        ({"param": {"top_p": object()}}, "param: expected what JSON can say"),
        ({"param": "top_p=0.5"}, "param: expected a table such as"),
        ({"output": 5}, "output: expected a path, got 5"),
        ({"output": ""}, "output: expected a path, got ''"),
        ({"output": "s3://bucket/x"}, "output: expected a path on this machine, got 's3://bucket/x'"),
        ({"output": "s3:/bucket/x"}, "output: 's3:/bucket/x' is neither: s3://bucket/x is an address"),
    ],
)
def test_a_setting_that_is_wrong_is_refused_before_anything_begins(given: dict[str, Any], message: str) -> None:
    for call in (asyncgen.run, asyncgen.generate):
        with pytest.raises(asyncgen.ConfigError, match=message.replace("?", r"\?")):
            call("nanochat", **{"base_url": "http://127.0.0.1:9/v1", "environment": {}, **given})


def test_settings_are_those_of_the_command(provider: FakeProvider) -> None:
    assert set(GivenSettings.__annotations__) == set(Settings.__dataclass_fields__)
    given = settings(provider, num="12", param={"top_p": 0.5, "reasoning.effort": "low"}, temperature=0.25, model=None)
    asyncgen.run(asyncgen.load_recipe("nanochat"), **given)
    body = provider.calls[0].body
    assert (body["top_p"], body["reasoning"], body["temperature"]) == (0.5, {"effort": "low"}, 0.25)


def test_every_public_name_is_there() -> None:
    assert set(asyncgen.__all__) <= set(dir(asyncgen))
    assert all(getattr(asyncgen, name) is not None for name in asyncgen.__all__)
    assert callable(asyncgen.run)
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        asyncgen.runn  # noqa: B018


# ---- open


def test_lines_have_what_an_audit_has_found(provider: FakeProvider) -> None:
    asyncgen.run("nanochat", **settings(provider))
    assert all(line.findings is None for line in asyncgen.open(OUTPUT))
    dataset = Dataset.open(OUTPUT)
    write_audit(dataset, audit_dataset(dataset))
    output = asyncgen.open(OUTPUT)
    lines = list(output)
    assert [line.number for line in lines] == list(range(1, len(output) + 1))
    assert any(line.findings for line in lines)
    for line in lines:
        assert all(finding.line == line.number for finding in line.findings or ())
    ledger, known = read_status(OutputPaths.of(OUTPUT))
    assert output.report.done == known.count_done() == 12
    assert output.report.calls == ledger.totals.calls


def test_a_line_that_was_made_again_costs_what_the_new_one_has_cost() -> None:
    def script(call: Call) -> Reply:
        return completion("no JSON", cost=0.5) if call.number == 3 else priced(call)

    with FakeProvider(script) as provider:
        given = settings(provider, num=3, concurrency=1)
        asyncgen.run("nanochat", **given)
        OUTPUT.write_bytes(b"".join(OUTPUT.read_bytes().splitlines(keepends=True)[1:]))
        asyncgen.run("nanochat", **given)
    assert {line.index: line.cost for line in asyncgen.open(OUTPUT)} == {
        0: Decimal("0.75"),
        1: Decimal("0.25"),
        2: Decimal("0.25"),
    }
    assert asyncgen.open(OUTPUT).report.calls == 5


def test_lines_of_nobodys_run_are_lines() -> None:
    OUTPUT.write_text('[{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]\n')
    output = asyncgen.open(OUTPUT)
    (line,) = output
    assert (line.number, line.index, line.scenario, line.cost, line.model) == (1, None, {}, None, None)
    assert [message.content for message in line.messages] == ["a", "b"]
    assert any("no journal" in note for note in output.notes)
    with pytest.raises(asyncgen.ConfigError, match=r"nothing\.jsonl"):
        asyncgen.open("nothing.jsonl")


# ---- the page


@pytest.mark.slow  # the offline engine starts for each
def test_the_examples_of_the_page_run_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    page = (FOLDER / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}

    async def run_all() -> None:
        for block in blocks:
            code = compile(block, "python.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
            if (waiting := eval(code, names)) is not None:
                await waiting

    asyncio.run(run_all())
    printed = capsys.readouterr().out
    assert "20 of 20 are in" in printed
    assert "OPENAI_API_KEY" in printed
    assert len([line for line in printed.splitlines() if re.match(r"\d+ \d+ ", line)]) >= 80
