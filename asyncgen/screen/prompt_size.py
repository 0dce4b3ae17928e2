"""How large the texts of a request are, and how much of them all requests begin with."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from asyncgen.recipe.prompt import PromptMessage, build_messages
from asyncgen.recipe.recipe import Recipe
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


class PromptSample:
    """The first scenarios, drawn once, however few are asked for: one request alone shares all of itself."""

    def __init__(self, scenarios: Scenarios) -> None:
        self.drawn = [scenarios.draw(index) for index in range(SAMPLE)]
        self._sizes: dict[tuple[str | None, str, str], PromptSize] = {}

    def measure(self, recipe: Recipe) -> PromptSize:
        """The prompt of a recipe with these dimensions."""
        texts = recipe.system, recipe.user, recipe.knowledge
        if texts not in self._sizes:
            self._sizes[texts] = _measure([build_messages(recipe, each) for each in self.drawn])
        return self._sizes[texts]

    def measure_passages(self, recipe: Recipe) -> int | None:
        """Bytes of passages in a request, on average; None where the whole knowledge base is sent."""
        names = [each.name for each in recipe.dimensions if each.is_of_passages]
        if not names or recipe.sends_knowledge:
            return None
        return sum(len(each[name].encode()) for each in self.drawn for name in names) // SAMPLE


def _measure(prompts: Iterable[Sequence[PromptMessage]]) -> PromptSize:
    system = total = largest = 0
    shared: str | None = None
    for messages in prompts:
        text = "".join([each["content"] for each in messages])
        if shared is None:
            shared = text
        elif not text.startswith(shared):
            shared = os.path.commonprefix([shared, text])  # noqa: RUF071 - they are no paths
        size = len(text.encode())
        system += size - len(messages[-1]["content"].encode())
        total += size
        largest = max(largest, size)
    shared_size = len((shared or "").encode())
    mean_system, mean_total = round(system / SAMPLE), round(total / SAMPLE)
    return PromptSize(mean_system, mean_total - mean_system, shared_size, shared_size / largest)
