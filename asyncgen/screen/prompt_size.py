"""How large the texts of a request are, and how much of them all requests begin with."""

import os
from dataclasses import dataclass

from asyncgen.recipe.prompt import build_messages
from asyncgen.recipe.recipe import KNOWLEDGE, PLACEHOLDER, Recipe
from asyncgen.recipe.scenario import Scenarios

SAMPLE = 1000  # indices measured


@dataclass(frozen=True, slots=True)
class PromptSize:
    """Bytes of a request's texts, on average. `shared`: how many of them all requests begin with.

    `cacheable`: the share of `shared` in the largest request.
    """

    system: int
    user: int
    shared: int
    cacheable: float

    @property
    def total(self) -> int:
        return self.system + self.user


def measure_prompt(recipe: Recipe, scenarios: Scenarios) -> PromptSize:
    """Measured over the first indices, however few are asked for: one request alone shares all of itself."""
    system = total = largest = 0
    shared: str | None = None
    for index in range(SAMPLE):
        contents = [message["content"] for message in build_messages(recipe, scenarios.draw(index))]
        text = "".join(contents)
        if shared is None:
            shared = text
        elif not text.startswith(shared):
            shared = os.path.commonprefix([shared, text])  # noqa: RUF071 - they are no paths
        size = len(text.encode())
        system += size - len(contents[-1].encode())
        total += size
        largest = max(largest, size)
    shared_size = len((shared or "").encode())
    mean_system, mean_total = round(system / SAMPLE), round(total / SAMPLE)
    return PromptSize(mean_system, mean_total - mean_system, shared_size, shared_size / largest)


def measure_passages(recipe: Recipe, scenarios: Scenarios) -> int | None:
    """Bytes of passages in a request, on average; None where the whole knowledge base is sent."""
    names = [each.name for each in recipe.dimensions if each.is_of_passages]
    if not names or KNOWLEDGE in PLACEHOLDER.findall(f"{recipe.system}\n{recipe.user}"):
        return None
    return sum(len(scenarios.draw(index)[name].encode()) for index in range(SAMPLE) for name in names) // SAMPLE
