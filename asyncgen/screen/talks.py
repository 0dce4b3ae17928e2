"""What a conversation takes in each way of talking: both sides in one call, apart, and turn by turn."""

from dataclasses import replace

from rich.console import Group
from rich.text import Text

from asyncgen.money.price import format_cost
from asyncgen.money.ways import Tokens
from asyncgen.recipe.recipe import Recipe
from asyncgen.recipe.talk import ANSWERS_WANTED, ASSISTANT, USER, count_messages, prompts_by_seat, with_talk
from asyncgen.runs.config import RunPlan
from asyncgen.runs.quotes import Quote
from asyncgen.screen.figure_table import FigureTable
from asyncgen.screen.prompt_size import PromptSample
from asyncgen.screen.rows import labelled_grid
from asyncgen.text import estimate_tokens

USERS_SHARE = 0.2  # of a conversation's tokens, as what users type is short
TOGETHER = "together"


def tokens_of_talk(recipe: Recipe, sample: PromptSample, completion: int) -> Tokens:
    """Of one conversation of `completion` tokens. Of what is said in a talk, no cache is counted on."""
    talk = recipe.talk
    sizes = {seat: sample.measure(each) for seat, each in prompts_by_seat(recipe).items()}
    fresh = {seat: estimate_tokens(each.total - each.shared) for seat, each in sizes.items()}
    cached = {seat: estimate_tokens(each.shared) for seat, each in sizes.items()}
    if talk is None or talk.users == "apart":
        said = 0 if talk is None else round(completion * USERS_SHARE)
        return Tokens(sum(fresh.values()) + said, sum(cached.values()), completion + said, len(sizes))
    messages = sum(count_messages(talk, each) for each in sample.drawn) / len(sample.drawn)
    repeated = round(completion * (messages - 1) / 2)  # each message is sent again with every later one
    each_side = messages / 2
    return Tokens(
        round(each_side * (fresh[USER] + fresh[ASSISTANT])) + repeated,
        round(each_side * (cached[USER] + cached[ASSISTANT])),
        completion,
        round(messages),
    )


def compare_talks(plan: RunPlan, sample: PromptSample, completion: int, quote: Quote | None) -> Group | None:
    """None for a recipe that cannot be talked in another way."""
    if plan.recipe.models:
        return None
    table = FigureTable("way", "calls", "input", "output", "warm cache", "no cache", texts={"way"})
    talk = plan.recipe.talk
    together = replace(plan.recipe, user=plan.recipe.user.removesuffix(ANSWERS_WANTED), talk=None)
    recipes = {TOGETHER: together}
    for users in ("apart", "turn by turn"):
        is_own = talk is not None and talk.users == users
        recipes[users] = plan.recipe if is_own else with_talk(together, users)
    for way, recipe in recipes.items():
        tokens = tokens_of_talk(recipe, sample, completion).times(plan.num)
        costs = ["not known"] * 2
        if quote is not None:
            costs = [format_cost(each) for each in (tokens.cost(quote.price), tokens.cost_without_cache(quote.price))]
        counts = (tokens.calls, tokens.fresh + tokens.cached, tokens.output)
        table.add_row(way, *(f"{each:,}" for each in counts), *costs)
    note = f"(users = in [talk], see asyncgen help recipes; users write {USERS_SHARE:.0%} of a conversation: assumed)"
    return Group(table, Text(), labelled_grid({"": note.replace("%", " %")}))
