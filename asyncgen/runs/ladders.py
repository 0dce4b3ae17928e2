"""What each seat is asked for at first: all that the recipe says, or what an earlier run had to step down to."""

from hashlib import blake2b

from asyncgen.endpoint.structure import Ladder
from asyncgen.output.ledger import Ledger
from asyncgen.recipe.recipe import Recipe
from asyncgen.runs.config import RunPlan

SESSION = "session_id"


def make_ladder(plan: RunPlan, seat: str, recipe: Recipe, ledger: Ledger) -> Ladder:
    """`recipe`: what the seat is prompted with."""
    provider, settings = plan.endpoint.provider, plan.settings_of(seat)
    if provider.session and SESSION not in settings:
        # It sends calls to the same prompt cache by it: named after what is constant, in every run over it.
        prompt = f"{recipe.system}\0{recipe.user}\0{recipe.knowledge}"
        settings = {**settings, SESSION: f"asyncgen-{blake2b(prompt.encode(), digest_size=8).hexdigest()}"}
    model = plan.model_of(seat)
    optional = frozenset({*provider.fields, SESSION})
    ladder = Ladder(recipe, settings, optional=optional, marks_cache=provider.marks_cache_of(model))
    if (known := ledger.forms.get((plan.endpoint.base_url, model))) is not None:
        ladder.begin_at(known.step, frozenset(known.without))
    return ladder
