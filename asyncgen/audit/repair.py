"""The lints that a run applies to a conversation before it writes it, where its recipe asks for that."""

from collections.abc import Sequence

from asyncgen.audit.copied_opener import dimensions_of_examples
from asyncgen.audit.rules import RULES, AuditSettings
from asyncgen.audit.wrong_language import declared_by
from asyncgen.conversation import Conversation
from asyncgen.data.dataset import Record
from asyncgen.errors import ConfigError
from asyncgen.jobs.repair import Look, Repaired
from asyncgen.jobs.work import Job
from asyncgen.recipe.recipe import Recipe
from asyncgen.recipe.scenario import Scenarios
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.run import conversations


def checked_conversations(config: GenerateConfig) -> Job:
    """The conversations of a recipe, repaired where it says so. Raises ConfigError where several calls write each."""
    recipe = config.plan.recipe
    if not recipe.repair:
        return conversations(config)
    if recipe.talk is not None:
        raise ConfigError(
            f"{recipe.source}: [repair] is for conversations that one call writes; leave it out, or [talk]"
        )
    job = conversations(config)
    return Repaired(job, make_look(recipe, job.scenarios))


def make_look(recipe: Recipe, scenarios: Scenarios) -> Look:
    from asyncgen.audit.line_work import LineSettings, LineWork  # noqa: PLC0415 - half a second, for these runs alone

    settings = LineSettings(
        charset=recipe.rules.charset,
        system=recipe.system,
        audit=AuditSettings.of(recipe),
        single=[each.name for each in recipe.dimensions if each.pick is None],
        knowledge=recipe.knowledge,
        examples=dimensions_of_examples(recipe.dimensions),
        languages=declared_by(recipe, recipe.dimensions),
        naming=(),
        is_grounded=False,
    )
    work, rules = LineWork(settings), frozenset(recipe.repair)

    def look(index: int, conversation: Conversation) -> Sequence[tuple[str, str]]:
        found = work.find(work.subject(Record(1, 0, conversation, index), scenarios.draw_values(index)))
        described = ((each.rule, f"{RULES[each.rule].description}: {each.evidence}") for each in found)
        return [(rule, told) for rule, told in described if rule in rules]

    return look
