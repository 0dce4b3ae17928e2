"""What is looked for in conversations, as a recipe says it: its tables `[audit]`, `[judge]` and `[repair]`."""

import re

from asyncgen.did_you_mean import did_you_mean
from asyncgen.recipe.judge import CLAIMS, asked_questions
from asyncgen.recipe.problems import Problems
from asyncgen.recipe.recipe import AuditOptions, JudgeOptions, Repair
from asyncgen.recipe.tables import AuditTable, JudgeTable, RepairTable

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")


def read_audit(table: AuditTable, problems: Problems) -> AuditOptions:
    for rule, phrases in table.phrases.items():
        for place, phrase in enumerate(phrases or ()):
            if phrase is not None and not phrase.strip():
                problems.add(("audit", "phrases", rule, place), "expected text, got a blank phrase")
    return AuditOptions(
        tuple(filter(None, table.off)),
        {rule: tuple(filter(None, phrases or ())) for rule, phrases in table.phrases.items()},
    )


def read_judge(table: JudgeTable, problems: Problems) -> JudgeOptions:
    for name, text in table.questions.items():
        key = ("judge", "questions", name)
        if not _NAME.fullmatch(name) or name == CLAIMS:
            problems.add(key, f"expected a name of lower-case letters, digits and dashes, and not {CLAIMS!r}")
        elif text and not text.strip():
            problems.add(key, 'expected a question, or "" where it is not to be asked')
    own = {name: text.strip() for name, text in table.questions.items() if text is not None}
    options = JudgeOptions(table.model, own)
    if not asked_questions(options):
        problems.add(("judge", "questions"), "expected at least one question that is asked")
    if table.model is not None and not table.model.strip():
        problems.add(("judge", "model"), "expected the model's name")
    return options


def read_repair(table: RepairTable, judge: JudgeOptions, problems: Problems) -> Repair:
    """What is looked for before a conversation is written."""
    is_judged = bool(table.judge)
    if not table.rules and not is_judged:
        problems.add(("repair", "rules"), "expected at least one rule, or judge = true")
    known = (CLAIMS, *asked_questions(judge))
    for name in table.below:
        if not is_judged:
            problems.add(("repair", "below"), "expected it only beside judge = true")
        elif name not in known:
            problems.add(("repair", "below", name), f"expected one of {', '.join(known)}{did_you_mean(name, known)}")
    below = {name: least for name, least in table.below.items() if least is not None}
    return Repair(tuple(filter(None, table.rules)), is_judged, below)
