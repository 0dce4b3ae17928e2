"""What is looked for in a conversation that is to be repaired: lints, and what a judge says."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

from asyncgen.audit.judged import RULE as JUDGED
from asyncgen.audit.judged import complaints
from asyncgen.audit.line_work import LineSettings, LineWork
from asyncgen.audit.lints.copied_opener import RULE as COPIED_OPENER
from asyncgen.audit.lints.copied_opener import dimensions_of_examples
from asyncgen.audit.lints.wrong_language import RULE as WRONG_LANGUAGE
from asyncgen.audit.lints.wrong_language import declared_by
from asyncgen.audit.measures.telling import Statements
from asyncgen.audit.rules import AuditSettings
from asyncgen.conversation import Conversation
from asyncgen.data.dataset import Record
from asyncgen.jobs.judgement import judge_recipe
from asyncgen.jobs.repair import Bench, Fault, Look
from asyncgen.output.grades import CONTRADICTED, Judgement, names_below
from asyncgen.recipe.judge import CLAIMS, least_scores, tell_scenario
from asyncgen.recipe.recipe import JUDGE, MODEL, Recipe
from asyncgen.recipe.scenario import Scenarios
from asyncgen.runs.config import RunPlan

RULES_OF_USERS = frozenset({COPIED_OPENER})  # about what they say, which other answers do not mend


def mendable_rules(plan: RunPlan, rules: Iterable[str]) -> frozenset[str]:
    """Those whose faults another last reply can mend."""
    mendable = frozenset(rules)
    if plan.endpoint.is_offline:
        mendable -= {WRONG_LANGUAGE}  # it quotes the documents, in the language they are written in
    if plan.recipe.talk is None:
        return mendable
    return mendable - RULES_OF_USERS if plan.recipe.talk.users == "apart" else frozenset()


def make_look(recipe: Recipe, scenarios: Scenarios, rules: Collection[str]) -> Look:
    settings = LineSettings(
        charset=recipe.rules.charset,
        system=recipe.system,
        audit=AuditSettings.of(recipe),
        single=[each.name for each in recipe.dimensions if each.pick is None],
        examples=dimensions_of_examples(recipe.dimensions),
        statements=Statements(()),
        knowledge=recipe.knowledge,
        languages=declared_by(recipe, recipe.dimensions),
        naming=(),
        is_grounded=False,
    )
    work, wanted = LineWork(settings), frozenset(rules)

    def look(index: int, conversation: Conversation) -> Sequence[Fault]:
        subject = work.subject(Record(1, 0, conversation, index), scenarios.draw_values(index))
        return [(each.rule, each.told) for each in work.find(subject) if each.rule in wanted]

    return look


def make_bench(plan: RunPlan, scenarios: Scenarios) -> Bench | None:
    """The judge beside the writer of a run, if the recipe asks for one: the same that judges a finished output."""
    recipe = plan.recipe
    if recipe.repair is None or not recipe.is_judged:
        return None
    passages = {each.name for each in recipe.dimensions if each.is_of_passages}
    asked = judge_recipe(recipe, recipe.knowledge, str(plan.settings_of(JUDGE)[MODEL]))
    return Bench(
        asked,
        lambda index: tell_scenario(scenarios.draw_values(index), without=passages),
        partial(
            find_faults,
            below=least_scores(recipe),
            questions=asked.judge.questions,
            refuses_contradiction=not recipe.repair.below,
        ),
    )


def find_faults(
    judgement: Judgement,
    *,
    below: Mapping[str, float],
    questions: Mapping[str, str],
    refuses_contradiction: bool = False,
) -> Sequence[Fault]:
    """What is scored below what is asked of it, in words for who is to write it again.

    `refuses_contradiction`: so is every claim that the knowledge base contradicts.
    """
    failed = names_below(judgement, below.items())
    told = []
    for name, evidence in complaints(judgement):
        is_claim = name not in questions
        is_refused = refuses_contradiction and name == f"{CLAIMS}, {CONTRADICTED}"
        if name in failed or (is_claim and CLAIMS in failed) or is_refused:
            what = name if is_claim else f'the answer is no to "{questions[name]}"'
            told.append((JUDGED, " ".join(f"{what}: {evidence}".split())))
    return told
