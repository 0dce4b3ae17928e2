"""What a judge is asked about a conversation: yes-no questions by name, which a recipe may change.

"Yes" is always the good answer, so that a share of them can be told, and a limit set, without knowing the question.
"""

import re
from collections.abc import Collection, Mapping
from types import MappingProxyType

from asyncgen.did_you_mean import did_you_mean
from asyncgen.recipe.problems import Problems
from asyncgen.recipe.recipe import JudgeOptions, Recipe, Repair
from asyncgen.recipe.scenario import Drawn
from asyncgen.recipe.tables import JudgeTable, RepairTable

CLAIMS = "claims"  # the name under which the share of supported claims is told
_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
QUESTIONS: Mapping[str, str] = MappingProxyType(
    {
        "grounded": "Is everything that the assistant states about the subject true by the knowledge, with every "
        "figure, date and name told of the right thing?",
        "unswayed": "Where the user claims or assumes something, does the assistant agree to nothing that only the "
        "user has said, and correct what the knowledge contradicts?",
        "first-person": "Does the assistant speak of itself in the first person wherever it speaks of itself?",
        "limits": "Where the user asks for what the knowledge does not tell, or for what the assistant cannot do, does "
        "it say so instead of guessing?",
        "no-flattery": "Is the assistant free of flattery and of praise for the user's questions?",
        "persona": "Do the user's messages show the persona of the scenario without naming it?",
        "follow-up": "Does every further message of the user follow from the answer before it?",
        "opener": "Does the first message fit the topic of the scenario and the first messages it gives as examples?",
        "natural": "Would a person who does not know the answers yet write the user's messages like this?",
    }
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


def least_scores(recipe: Recipe) -> dict[str, float]:
    """By question, or of claims, what a judge's score must not be below before a conversation is written."""
    below = {} if recipe.repair is None else dict(recipe.repair.below)
    return below or dict.fromkeys(asked_questions(recipe.judge), 1.0)


def tell_scenario(drawn: Mapping[str, Drawn], *, without: Collection[str]) -> str:
    """A scenario as a judge is shown it. `without`: dimensions of passages, as it has all of the knowledge base."""
    told = {name: [value for _, value in pairs] for name, pairs in drawn.items() if name not in without}
    return "\n".join(
        f"{name}: {values[0]}" if len(values) == 1 else "\n- ".join([f"{name}:", *values])
        for name, values in told.items()
    )


def asked_questions(options: JudgeOptions) -> dict[str, str]:
    """The built-in questions with the recipe's own over them."""
    return {name: text for name, text in {**QUESTIONS, **options.questions}.items() if text}
