"""The conversations of a run, each looked at before it is written where the recipe asks for that."""

from asyncgen.jobs.repair import Repaired
from asyncgen.jobs.work import Job
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.open import conversations


def checked_conversations(config: GenerateConfig) -> Job:
    """The conversations of a recipe, repaired where it says so; of sides written apart, it is the answers."""
    recipe, job = config.plan.recipe, conversations(config)
    if recipe.repair is None:
        return job
    from asyncgen.audit.repair import make_bench, make_look, mendable_rules  # noqa: PLC0415 - slow to read

    rules = mendable_rules(config.plan, recipe.repair.rules)
    return Repaired(job, make_look(recipe, job.scenarios, rules), make_bench(config.plan, job.scenarios))
