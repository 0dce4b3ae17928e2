"""What is beside an output after it was judged, as everybody who looks at the output finds it."""

import codecs
import json
from pathlib import Path

import pytest

from asyncgen.audit.kept import load_audit
from asyncgen.command.main import main
from asyncgen.conversation import Conversation, Message, digest_conversation, encode_document, encode_line
from asyncgen.data.dropped import append_mark, dropped_path, read_dropped
from asyncgen.data.grades import Grades
from asyncgen.data.labels import append_label, labels_path, read_labels
from asyncgen.data.target import audit_path
from asyncgen.errors import ConfigError
from asyncgen.output.grades import GRADE_HASH, Answer, Claim, Grade, Judgement, grades_paths
from asyncgen.output.paths import OutputPaths
from asyncgen.viewer.labelling import Labelling

OUTPUT = Path("x.jsonl")
WRONG = "Cakes are baked at 220 degrees."


def conversation(number: int) -> Conversation:
    return (Message("user", f"How hot, please, number {number}?"), Message("assistant", f"Well {number}: {WRONG}"))


def judgement(*, grounded: bool = True, claims: tuple[Claim, ...] = ()) -> Judgement:
    evidence = "" if grounded else WRONG
    return Judgement(claims, {"grounded": Answer(grounded, evidence), "natural": Answer(holds=True)})


def write_grades(grades: dict[int, tuple[Judgement, ...]], *, lines: int = 6) -> None:
    OUTPUT.write_bytes(b"".join(encode_line(conversation(number)) for number in range(lines)))
    documents = [
        Grade(digest_conversation(conversation(number), GRADE_HASH).hex(), "judge", *judgements)
        for number, judgements in grades.items()
    ]
    path = grades_paths(OutputPaths.of(OUTPUT)).output
    path.write_bytes(b"".join(map(encode_document, documents)))


@pytest.fixture(name="_graded")
def graded() -> None:
    contradicted = Claim(WRONG, "contradicted", "Cakes are baked at 180 degrees.")
    supported = Claim("Bread is baked at 220 degrees.", "supported", "Bread is baked at 220 degrees.")
    write_grades(
        {
            0: (judgement(claims=(supported, supported)),),
            2: (judgement(grounded=False, claims=(contradicted, supported)),),
            4: (judgement(), judgement(grounded=False)),
        }
    )


@pytest.mark.usefixtures("_graded")
def test_an_audit_tells_the_answers_and_finds_what_is_not_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "x.jsonl"]) == 0
    shown = capsys.readouterr().out
    assert "3 lines by judge" in shown
    audit = load_audit(OutputPaths.of(OUTPUT))
    assert audit is not None
    assert audit.judged is not None
    assert audit.judged.questions == {"grounded": 0.5, "natural": 1.0}
    assert audit.judged.claims == {"supported": 3, "contradicted": 1}
    rule = audit.rules["judged"]
    assert (rule.lines, rule.rate) == ([3, 5], 2 / 3)
    assert [(each.line, each.message, each.evidence) for each in rule.examples] == [
        (3, 1, f"grounded: {WRONG}"),
        (3, None, f"claims, contradicted: {WRONG} (known is: Cakes are baked at 180 degrees.)"),
    ]


@pytest.mark.usefixtures("_graded")
def test_show_and_view_have_the_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "x.jsonl"]) == 0
    capsys.readouterr()
    assert main(["show", "x.jsonl", "--finding", "judged"]) == 0
    shown = capsys.readouterr().out
    assert "line 3" in shown
    assert "line 5" in shown
    assert f"    message 2: grounded: {WRONG}" in shown
    assert Labelling(OutputPaths.of(OUTPUT)).evidence_of(conversation(4)) == [f"grounded: {WRONG}"]


@pytest.mark.usefixtures("_graded")
def test_a_person_answers_what_a_judge_was_asked_and_nothing_else() -> None:
    labelling = Labelling(OutputPaths.of(OUTPUT))
    assert labelling.answers_of(conversation(1)) == {}, "it was not judged"
    assert labelling.answers_of(conversation(2)) == {"grounded": None, "natural": None}
    labelling.label(conversation(2), "grounded", holds=False)
    labelling.label(conversation(2), "unasked", holds=False)
    labelling.label(conversation(1), "grounded", holds=False)
    assert labelling.answers_of(conversation(2)) == {"grounded": False, "natural": None}
    labelling.label(conversation(2), "grounded", holds=True)
    assert labelling.answers_of(conversation(2)) == {"grounded": True, "natural": None}
    assert len(labels_path(OutputPaths.of(OUTPUT)).read_bytes().splitlines()) == 2


@pytest.mark.usefixtures("_graded")
def test_grades_that_cannot_be_read_hide_what_they_hold_and_are_told() -> None:
    labelling = Labelling(OutputPaths.of(OUTPUT))
    path = grades_paths(OutputPaths.of(OUTPUT)).output
    path.write_bytes(b"{}\n")
    assert labelling.answers_of(conversation(2)) == {}
    assert labelling.problem is not None
    assert "line 1 is no grade" in labelling.problem


@pytest.mark.usefixtures("_graded")
def test_a_report_has_a_section_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "x.jsonl", "-o", "x.html"]) == 0
    page = Path("x.html").read_text("utf-8")
    assert (
        "3 conversations judged by judge. Of 4 claims against the knowledge base: 3 supported, 1 contradicted." in page
    )
    assert "50.0 %" in page
    capsys.readouterr()


@pytest.mark.usefixtures("_graded")
@pytest.mark.parametrize(
    ("below", "dropped"),
    [
        (["grounded=1"], {2, 4}),
        (["grounded=0.5"], {2}),
        (["claims=0.9"], {2}),
        (["natural=1", "claims=0.5"], set()),
        (["natural=1", "natural=1", "grounded=1"], {2, 4}),
    ],
)
def test_a_filter_leaves_out_what_is_below_a_score_and_keeps_what_was_not_judged(
    capsys: pytest.CaptureFixture[str], below: list[str], dropped: set[int]
) -> None:
    flags = [word for each in below for word in ("--below", each)]
    assert main(["filter", "x.jsonl", "-o", "clean.jsonl", "--keep-order", *flags]) == 0
    kept = [encode_line(conversation(number)) for number in range(6) if number not in dropped]
    assert Path("clean.jsonl").read_bytes() == b"".join(kept)
    assert "not judged" in capsys.readouterr().out


@pytest.mark.usefixtures("_graded")
@pytest.mark.parametrize("name", ["x.jsonl.grades.jsonl", "x.jsonl.labels.jsonl"])
def test_a_filter_writes_over_neither_grades_nor_labels(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["filter", "x.jsonl", "-o", name, "--overwrite"]) == 2
    assert "belongs to the input" in capsys.readouterr().err


@pytest.mark.usefixtures("_graded")
def test_what_no_grade_answers_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["filter", "x.jsonl", "-o", "clean.jsonl", "--below", "grounde=1"]) == 2
    assert "did you mean grounded?" in capsys.readouterr().err
    grades_paths(OutputPaths.of(OUTPUT)).output.unlink()
    assert main(["filter", "x.jsonl", "-o", "clean.jsonl", "--below", "grounded=1"]) == 2
    assert "judge makes them" in capsys.readouterr().err
    assert main(["filter", "x.jsonl", "-o", "clean.jsonl", "--drop", "judged"]) == 2
    assert "needs grades" in capsys.readouterr().err
    assert not Path("clean.jsonl").exists()


@pytest.mark.usefixtures("_graded")
def test_how_far_to_believe_a_judge_is_told_by_labels_and_by_asking_twice(capsys: pytest.CaptureFixture[str]) -> None:
    paths = OutputPaths.of(OUTPUT)
    answers = {0: True, 2: True, 4: False, 5: True}
    for number, holds in answers.items():
        append_label(paths, digest_conversation(conversation(number), GRADE_HASH), "grounded", holds=not holds)
        append_label(paths, digest_conversation(conversation(number), GRADE_HASH), "grounded", holds=holds)
    assert main(["judge", "x.jsonl", "--agreement"]) == 0
    by_hand, twice = capsys.readouterr().out.split("the judge asked again")
    assert [line.split() for line in by_hand.splitlines()[-1:]] == [["grounded", "3", "33.3", "%", "-0.50", "0.25"]]
    assert "grounded" in twice
    assert "natural" in twice


@pytest.mark.usefixtures("_graded")
def test_with_nothing_to_compare_agreement_is_refused_and_nobody_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    write_grades({1: (judgement(),)})
    assert main(["judge", "x.jsonl", "--agreement"]) == 2
    assert "x.jsonl.labels.jsonl" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["{}", '{"digest": "00", "questions": {}}', "[]", '{"digest": "x", "questions": {}}'])
def test_a_line_that_is_no_label_is_named_and_an_unfinished_one_is_not_read(line: str) -> None:
    labels_path(OutputPaths.of(OUTPUT)).write_text(f"{line}\n", "utf-8")
    with pytest.raises(ConfigError, match="line 1 is no label"):
        read_labels(OutputPaths.of(OUTPUT))
    labels_path(OutputPaths.of(OUTPUT)).write_text(line[:-1], "utf-8")
    assert read_labels(OutputPaths.of(OUTPUT)) == {}


@pytest.mark.parametrize("end", ["\r\n", ""])
def test_what_an_editor_has_left_without_a_newline_or_with_its_own_marks_is_read(end: str) -> None:
    digest, paths = "00" * 16, OutputPaths.of(OUTPUT)
    labels_path(paths).write_bytes(f'\ufeff{{"digest": "{digest}", "questions": {{"grounded": true}}}}{end}'.encode())
    dropped_path(paths).write_bytes(f'\ufeff{{"digest": "{digest}", "dropped": true}}{end}'.encode())
    for _ in range(2):  # and once more with a line behind it
        assert read_labels(paths)[bytes.fromhex(digest)] == {"grounded": True}
        assert bytes.fromhex(digest) in read_dropped(paths)
        append_label(paths, b"1" * 16, "grounded", holds=True)
        append_mark(paths, b"1" * 16, is_dropped=True)
    write_grades({1: (judgement(),)})
    grades = grades_paths(paths).output
    grades.write_bytes(codecs.BOM_UTF8 + grades.read_bytes().removesuffix(b"\n") + end.encode())
    assert Grades(paths).of(conversation(1)) is not None


def test_an_audit_from_before_the_judging_is_not_believed(capsys: pytest.CaptureFixture[str]) -> None:
    write_grades({})
    grades_paths(OutputPaths.of(OUTPUT)).output.unlink()
    assert main(["audit", "x.jsonl"]) == 0
    made = json.loads(audit_path(OutputPaths.of(OUTPUT)).read_bytes())["made"]
    write_grades({1: (judgement(grounded=False),)})
    assert main(["show", "x.jsonl", "--finding", "judged"]) == 0
    assert "line 2" in capsys.readouterr().out
    assert made


def test_of_two_grades_the_newer_one_counts_and_an_unfinished_line_is_none() -> None:
    write_grades({1: (judgement(),)})
    path = grades_paths(OutputPaths.of(OUTPUT)).output
    line = path.read_bytes()
    path.write_bytes(line + line.replace(b"true", b"false", 1) + line[:20])
    grades = Grades(OutputPaths.of(OUTPUT))
    assert len(grades) == 1
    grade = grades.of(conversation(1))
    assert grade is not None
    assert grade.score("grounded") == 0
    assert grade.score("unasked") is None
    assert grades.of(conversation(2)) is None


def test_a_line_that_is_no_grade_is_named() -> None:
    write_grades({1: (judgement(),)})
    path = grades_paths(OutputPaths.of(OUTPUT)).output
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(ConfigError, match="line 2 is no grade"):
        Grades(OutputPaths.of(OUTPUT))


def test_what_a_judge_writes_moves_no_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    evil = Answer(holds=False, evidence="\x1b[2J\u202egone\n<b>")
    write_grades({1: (Judgement((), {"grounded": evil}),)})
    assert main(["show", "x.jsonl", "--line", "2", "--finding", "judged"]) == 0
    assert main(["report", "x.jsonl", "-o", "x.html"]) == 0
    out = capsys.readouterr().out
    assert "\x1b[2J" not in out
    assert "\u202e" not in out
    assert "gone\n<b>" not in Path("x.html").read_text("utf-8")
