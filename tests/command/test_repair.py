"""Lines of a finished output made again: which, with what words, at what cost, and what a kill leaves at any moment."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bakery import GOOD, LEAK, is_second, number_of, talk, write_recipe
from batch_server import BatchServer
from fake_provider import Call, FakeProvider, Reply, completion, error
from quick import QUICK

import asyncgen
from asyncgen.command.main import main
from asyncgen.conversation import BLAKE2B, XXH3, decode_line, digest_conversation
from asyncgen.data import replaced
from asyncgen.data.replaced import replace_lines
from asyncgen.offline.knobs import Knobs
from asyncgen.recipe.judge import QUESTIONS

OUTPUT, JOURNAL, REJECTS = Path("x.jsonl"), Path("x.jsonl.journal"), Path("x.jsonl.rejects")
NUM = 6
LEAKY = ("n1", "n3", "n4")


@pytest.fixture(autouse=True)
def _recipe() -> None:
    write_recipe(numbers=NUM)


def leaky(call: Call) -> Reply:
    """Some leak at first, and are mended when told."""
    number = number_of(call)
    answer = LEAK if number in LEAKY and not is_second(call) else GOOD
    return talk(answer, f"How hot, {number}?", cost=0.25)


def generate(provider: FakeProvider, *more: str) -> int:
    base = ["generate", "--base-url", provider.base_url, "--recipe", "recipe.toml", "-n", str(NUM), "-o", "x.jsonl"]
    return main([*base, "--quiet", *more])


def repair(provider: FakeProvider, *more: str) -> int:
    return main(["repair", "x.jsonl", "--base-url", provider.base_url, "--quiet", "--yes", *more])


def lines() -> list[str]:
    return OUTPUT.read_text("utf-8").splitlines()


def rejects() -> list[dict[str, Any]]:
    return [json.loads(line) for line in REJECTS.read_text("utf-8").splitlines()]


def status(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["status", "x.jsonl", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_flagged_lines_alone_are_made_again_in_their_places_and_the_old_ones_kept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with FakeProvider(leaky) as provider:
        assert generate(provider) == 0
        before = lines()
        assert repair(provider) == 0
        again = provider.calls[NUM:]
        assert generate(provider) == 0
        assert len(provider.calls) == NUM + len(LEAKY)
    assert sorted(map(number_of, again)) == sorted(LEAKY)
    assert all(LEAK in call.body["messages"][1]["content"] for call in again)
    assert all("prompt-leak" in call.body["messages"][2]["content"] for call in again)
    after = lines()
    assert [line.replace(LEAK, GOOD) for line in before] == after
    assert {each["text"] for each in rejects()} == {line for line in before if LEAK in line}
    assert {each["reason"] for each in rejects()} == {"prompt-leak"}
    assert not [*Path().glob("*.repair.*"), *Path().glob("*.next")]
    told = status(capsys)
    assert (told["done"], told["pending"], told["calls"], told["cost_usd"]) == (NUM, 0, NUM + 3, 0.25 * (NUM + 3))


def test_what_cannot_be_mended_stays_as_it_was_and_is_tried_again_the_next_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stubborn(call: Call) -> Reply:
        return (
            leaky(call)
            if number_of(call) != "n3"
            else leaky(replace(call, body={"messages": call.body["messages"][:1]}))
        )

    with FakeProvider(stubborn) as provider:
        assert generate(provider) == 0
        assert repair(provider, "--reasks", "1") == 3
        assert len(provider.calls) == NUM + 2 + 2
    said = capsys.readouterr()
    assert "next " not in said.err, "all is told in the end"
    assert "output " not in said.err, "which is gone by then"
    assert [line.split()[1:3] for line in said.out.splitlines()[-2:]] == [["asyncgen", "repair"], ["asyncgen", "audit"]]
    assert "2 of 3 flagged lines repaired" in said.out
    assert [LEAK in line for line in lines()].count(True) == 1
    assert status(capsys)["cost_usd"] == 0.25 * (NUM + 4)
    assert len(rejects()) == 2 + 2
    with FakeProvider(leaky) as provider:
        assert repair(provider) == 0
        assert len(provider.calls) == 1
    assert LEAK not in OUTPUT.read_text("utf-8")


@pytest.mark.slow
def test_killed_in_the_middle_nothing_has_changed_and_the_same_line_goes_on() -> None:
    def holds(call: Call) -> Reply:
        return replace(leaky(call), hold=is_second(call) and number_of(call) == "n3")

    with FakeProvider(holds) as provider:
        assert generate(provider) == 0
        before = OUTPUT.read_bytes(), JOURNAL.read_bytes()
        command = [sys.executable, "-m", "asyncgen", "repair", "x.jsonl", "--base-url", provider.base_url, "--yes"]
        process = subprocess.Popen([*command, "--no-adaptive"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        provider.wait_for_calls(NUM + 3)
        while len(Path("x.jsonl.repair.jsonl").read_bytes().splitlines()) < 2:
            assert process.poll() is None
        process.kill()
        process.wait()
        assert (OUTPUT.read_bytes(), JOURNAL.read_bytes()) == before
        provider.release()
        assert repair(provider) == 0
        assert len(provider.calls) == NUM + 3 + 1
    assert LEAK not in OUTPUT.read_text("utf-8")


def test_killed_between_any_two_changes_of_names_nothing_is_lost_or_asked_for_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    moments: dict[tuple[tuple[str, int], ...], Path] = {}
    apart = tmp_path_factory.mktemp("moments")

    def note() -> None:
        there = tuple(sorted((each.name, each.stat().st_size) for each in Path().iterdir()))
        if there not in moments:
            moments[there] = Path(shutil.copytree(Path.cwd(), apart / str(len(moments))))

    def watch(of: object, name: str) -> None:
        real: Callable[..., object] = getattr(of, name)

        def call(*arguments: object, **named: object) -> object:
            note()
            return real(*arguments, **named)

        patch.setattr(of, name, call)

    def watched(*arguments: Any) -> int:  # the run itself has ended
        for of, name in ((Path, "replace"), (Path, "unlink"), (os, "fsync")):
            watch(of, name)
        return replace_lines(*arguments)

    with FakeProvider(leaky) as provider:
        assert generate(provider) == 0
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(replaced, "replace_lines", watched)
            assert repair(provider) == 0
        expected, kept = lines(), sorted(each["text"] for each in rejects())
        number = len(provider.calls)
        assert len(moments) > 8
        for moment in moments.values():
            os.chdir(moment)
            assert repair(provider) == 0
            assert len(provider.calls) == number, moment
            assert (lines(), sorted(each["text"] for each in rejects())) == (expected, kept), moment
            assert not [*Path().glob("*.repair.*"), *Path().glob("*.next")]
        assert generate(provider) == 0
        assert len(provider.calls) == number


def test_lines_that_somebody_edited_stay_and_nothing_is_sent_before_a_yes(capsys: pytest.CaptureFixture[str]) -> None:
    with FakeProvider(leaky) as provider:
        assert generate(provider) == 0
        REJECTS.unlink()
        REJECTS.mkdir()
        assert repair(provider) == 2
        assert "x.jsonl.rejects is no ordinary file" in capsys.readouterr().err
        REJECTS.rmdir()
        made = OUTPUT.read_text("utf-8").replace("How hot, n1?", "How hot?")
        OUTPUT.write_text(f"broken\n{made}", "utf-8")
        assert repair(provider) == 2
        assert capsys.readouterr().err.endswith("line 1 (byte 0) is not a conversation: mend or delete it\n")
        OUTPUT.write_text(made, "utf-8")
        assert main(["repair", "x.jsonl", "--yes", "--provider", "offline"]) == 2
        assert f"name the one it was made by with --base-url {provider.base_url}\n" in capsys.readouterr().err
        assert main(["repair", "x.jsonl", "--base-url", provider.base_url]) == 2
        assert len(provider.calls) == NUM
        told = capsys.readouterr().err
        assert (
            "2 of 6 lines to make again (2 prompt-leak): at least $0.5000, by what its lines have taken, and $" in told
        )
        assert "add --yes" in told
        assert repair(provider) == 0
        assert "1 flagged line left as before" in capsys.readouterr().err
        assert len(provider.calls) == NUM + 2
    assert [LEAK in line for line in lines()].count(True) == 1


def test_what_a_judge_scores_below_the_mark_is_made_again_with_its_evidence_and_metadata_stay() -> None:
    def judged(call: Call) -> Reply:
        if "schema" not in str(call.body.get("response_format")) or "claims" not in str(call.body["response_format"]):
            return leaky(call)
        holds = LEAK not in str(call.body["messages"])
        questions = call.body["response_format"]["json_schema"]["schema"]["properties"]["questions"]["properties"]
        answers = {name: {"evidence": "it leaks", "holds": holds} for name in questions}
        return completion(json.dumps({"claims": [], "questions": answers}))

    with FakeProvider(judged) as provider:
        assert generate(provider, "--save-metadata") == 0
        assert main(["judge", "x.jsonl", "--base-url", provider.base_url, "--quiet"]) == 0
        before = [json.loads(line)["metadata"] for line in lines()]
        asked = len(provider.calls)
        assert repair(provider, "--below", "grounded=1") == 0
        again = provider.calls[asked:]
    assert sorted(map(number_of, again)) == sorted(LEAKY)
    assert all("it leaks" in call.body["messages"][2]["content"] for call in again)
    after = [json.loads(line)["metadata"] for line in lines()]
    assert [each["index"] for each in after] == [each["index"] for each in before]
    assert LEAK not in OUTPUT.read_text("utf-8")


def test_an_output_of_format_1_is_repaired_and_judged_and_gone_on_with(capsys: pytest.CaptureFixture[str]) -> None:
    def judged(call: Call) -> Reply:
        return (
            completion('{"claims": [], "questions": {"fair": {"evidence": "", "holds": true}}}')
            if ("claims" in str(call.body["response_format"]))
            else leaky(call)
        )

    with FakeProvider(judged) as provider:
        assert generate(provider) == 0
        made = map(decode_line, OUTPUT.read_bytes().splitlines())
        digests = {digest_conversation(each, XXH3).hex(): digest_conversation(each, BLAKE2B).hex() for each in made}
        journal = b""
        for line in JOURNAL.read_bytes().splitlines():
            entry = json.loads(line)
            entry |= {"version": 1, "line_hash": BLAKE2B} if entry["type"] == "run" else {}
            entry |= {"journal": len(journal), "check": None} if entry["type"] == "mark" else {}
            entry |= {"digest": digests[entry["digest"]]} if entry["type"] == "done" else {}
            journal += json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        JOURNAL.write_bytes(journal)
        off = "".join(f'{name} = ""\n' for name in QUESTIONS)
        asked = f'[repair]\njudge = true\n[judge]\nmodel = "judge"\n[judge.questions]\n{off}fair = "Is it fair?"\n'
        write_recipe(asked, numbers=NUM)
        assert repair(provider, "--recipe", "recipe.toml") == 0
        assert LEAK not in OUTPUT.read_text("utf-8")
        assert len(Path("x.jsonl.grades.jsonl").read_bytes().splitlines()) == len(LEAKY)
        write_recipe(numbers=NUM)
        assert generate(provider, "-n", str(NUM + 1)) == 0
        assert len(provider.calls) == NUM + 2 * len(LEAKY) + 1
    assert status(capsys)["done"] == NUM + 1


def test_the_line_that_a_refused_repair_names_goes_on_whatever_the_stopped_one_was_asked_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    mended = False

    def refuses(call: Call) -> Reply:
        return error(401, "no") if not mended and is_second(call) and number_of(call) == "n4" else leaky(call)

    with FakeProvider(refuses) as provider:
        assert generate(provider) == 0
        assert repair(provider, "-c", "1", "--model", "other", "--param", "reasoning.effort=low") == 1
        capsys.readouterr()
        assert repair(provider) == 2, "another model"
        told = capsys.readouterr().err
        assert "Run it as before" in told
        assert "to make again" not in told, "nobody is asked for what is refused"
        assert main(["repair", "x.jsonl", "--rules", "prompt-leak", "--yes"]) == 2
        told = capsys.readouterr().err
        line = told.partition("asyncgen repair")[2].partition(" goes on with it")[0]
        assert f"--base-url {provider.base_url} " in line
        assert "custom" not in told
        made = Path("x.jsonl.repair.jsonl").read_text("utf-8").splitlines()
        shutil.copytree(Path.cwd(), Path.cwd() / "taken")
        assert main(["repair", "x.jsonl", "--take"]) == 3, "nobody is asked, so nobody needs to be named"
        assert made
        assert {*made} <= {*lines()}
        os.chdir("taken")
        mended, asked = True, len(provider.calls)
        capsys.readouterr()
        assert main(["repair", *shlex.split(line), "--yes", "--quiet"]) == 0
        told = capsys.readouterr().err
        assert "(3 prompt-leak), 2 of which are made, 1 left: about $0.2500, by what those have taken" in told
        assert [call.body["model"] for call in provider.calls[asked:]] == ["other"] * (len(LEAKY) - len(made))
    assert LEAK not in OUTPUT.read_text("utf-8")


def test_a_repair_under_way_is_gone_on_with_as_it_was_begun_or_begun_anew(capsys: pytest.CaptureFixture[str]) -> None:
    def refuses(call: Call) -> Reply:
        return error(401, "no") if is_second(call) and number_of(call) == "n4" else leaky(call)

    with FakeProvider(refuses) as provider:
        assert generate(provider) == 0
        assert repair(provider, "-c", "1") == 1
        before = lines()
        assert repair(provider, "--rules", "prompt-leak", "--rules", "truncated") == 2
        told = capsys.readouterr().err
        went_on = "repair x.jsonl --rules control-token --rules copied-opener --rules prompt-leak --rules truncated"
        went_on += f" --base-url {provider.base_url}"
        assert f"{went_on} goes on with it" in told
        assert repair(provider, "--rules", "prompt-leak", "--take") == 2, "what others have made would be given up"
        assert repair(provider, "--rules", "email") == 0
        assert went_on in capsys.readouterr().err.splitlines()[-1]
        shutil.copytree(Path.cwd(), Path.cwd() / "taken")
        begun = Path("x.jsonl.repair.jsonl.journal")
        begun.write_bytes(begun.read_bytes().replace(b'"done"', b'"dome"', 1))
        assert repair(provider) == 2
        assert "is damaged; restore the file from a backup; --overwrite sets this" in capsys.readouterr().err
        assert "--overwrite" in told
        assert "--allow-changed" not in told
        assert lines() == before
    with FakeProvider(leaky) as provider:
        assert repair(provider, "--rules", "prompt-leak", "--overwrite") == 0
        assert len(provider.calls) == len(LEAKY)
        assert LEAK not in OUTPUT.read_text("utf-8")
        os.chdir("taken")
        made = Path("x.jsonl.repair.jsonl")
        made.write_bytes(made.read_bytes().splitlines(keepends=True)[0])
        assert repair(provider, "--take", "--overwrite") == 2
        assert repair(provider, "--take") == 3
        assert len(provider.calls) == len(LEAKY)
        assert [LEAK in line for line in lines()].count(True) == 2, "what was lost, and n4, at which it was stopped"
        assert generate(provider) == 0
        assert len(provider.calls) == len(LEAKY)
        assert not [*Path().glob("*.repair.*")]
        assert repair(provider, "--take") == 2


def test_in_batches_lines_are_made_again_and_judged_at_the_price_that_is_billed(tmp_path: Path) -> None:
    shutil.copytree(Path(asyncgen.__file__).parent / "recipes" / "persona", "mine")
    toml = Path("mine/recipe.toml")
    priced = Knobs(price_in=Decimal("0.5"), price_out=Decimal(3))
    with BatchServer(priced) as server:
        base = ["--base-url", server.base_url, "--quiet", "--batch", "--no-live"]
        make = ["generate", "-n", "12", "--recipe", "mine", "-o", "x.jsonl", *base]
        assert main(make, QUICK) == 0
        assert main(["repair", "x.jsonl", "--yes", *base], QUICK) == 0
        assert main(make, QUICK) == 0
        toml.write_text(toml.read_text("utf-8") + "\n[repair]\njudge = true\n", "utf-8")
        assert main([*make[:6], "y.jsonl", *base], QUICK) == 0
        paid = sum(Decimal(str(each["cost"])) for each in server.books("line") if each.get("cost"))
    told = Decimal(0)
    for name in ("x", "y"):
        for line in (tmp_path / f"{name}.jsonl.journal").read_bytes().splitlines():
            told += json.loads(line, parse_float=Decimal).get("cost") or 0
    assert told == paid
    assert len(Path("y.jsonl.grades.jsonl").read_bytes().splitlines()) == 12
