from dataclasses import replace
from decimal import Decimal

import pytest

from asyncgen.money.price import Price
from asyncgen.recipe.load import load_recipe
from asyncgen.recipe.recipe import Recipe
from asyncgen.recipe.scenario import Scenarios
from asyncgen.recipe.talk import with_talk
from asyncgen.screen.prompt_size import PromptSample
from asyncgen.screen.talks import tokens_of_talk

COMPLETION = 900


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("nanochat")


@pytest.fixture(scope="module")
def sample(recipe: Recipe) -> PromptSample:
    return PromptSample(Scenarios(recipe.dimensions, sampling=recipe.sampling, seed=None))


def test_apart_takes_a_call_more_and_little_more_input(recipe: Recipe, sample: PromptSample) -> None:
    together = tokens_of_talk(recipe, sample, COMPLETION)
    apart = tokens_of_talk(with_talk(recipe, "apart"), sample, COMPLETION)
    assert (together.calls, apart.calls) == (1, 2)
    assert together.cached <= apart.cached < 1.1 * together.cached
    assert apart.output == 1.2 * together.output


def test_turn_by_turn_sends_the_knowledge_with_each_answer_and_the_talk_with_each_message(
    recipe: Recipe, sample: PromptSample
) -> None:
    four = with_talk(recipe, "turn by turn")
    talk = four.talk
    assert talk is not None
    two = replace(four, talk=replace(talk, messages=2))
    short, long = (tokens_of_talk(each, sample, COMPLETION) for each in (two, four))
    assert (short.calls, long.calls) == (2, 4)
    assert long.cached == pytest.approx(2 * short.cached, abs=2)
    assert long.fresh - 2 * short.fresh == pytest.approx(COMPLETION / 2, abs=2), "said again: 0, 1, 2 and 3 quarters"
    assert long.output == short.output == COMPLETION


def test_tokens_of_many_cost_so_many_times_as_much(recipe: Recipe, sample: PromptSample) -> None:
    price = Price.per_million(input=Decimal(1), cached=Decimal("0.1"), output=Decimal(3))
    one = tokens_of_talk(recipe, sample, COMPLETION)
    assert one.times(20).cost(price) == 20 * one.cost(price)
