"""What a judge is asked about a conversation: yes-no questions by name, which a recipe may change.

"Yes" is always the good answer, so that a share of them can be told, and a limit set, without knowing the question.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from asyncgen.recipe.recipe import JudgeOptions, Recipe
from asyncgen.recipe.scenario import Drawn

CLAIMS = "claims"  # the name under which the share of supported claims is told
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
