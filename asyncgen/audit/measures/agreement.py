"""How far two who have answered the same yes-no questions agree, beyond what chance would have them agree."""

from collections import Counter
from collections.abc import Iterable

import msgspec


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """`agreed`: the share of equal answers. `kappa`: Cohen's; 0 is chance, 1 is always.

    `balanced`: the mean of the shares found by the second of what is yes and of what is no by the first. Both figures
    are None where they say nothing: everybody says the same of everything, or the first never says one of the two.
    """

    compared: int
    agreed: float
    kappa: float | None
    balanced: float | None


def measure_agreement(answers: Iterable[tuple[bool, bool]]) -> Agreement:
    """Of at least one pair, the first of whom is believed."""
    counts = Counter(answers)
    total = counts.total()
    yes, no = (counts[each, True] + counts[each, False] for each in (True, False))
    second_yes = counts[True, True] + counts[False, True]
    agreed = (counts[True, True] + counts[False, False]) / total
    chance = (yes * second_yes + no * (total - second_yes)) / total**2
    return Agreement(
        compared=total,
        agreed=agreed,
        kappa=(agreed - chance) / (1 - chance) if chance < 1 else None,
        balanced=(counts[True, True] / yes + counts[False, False] / no) / 2 if yes and no else None,
    )


def measure_by_question(answers: Iterable[tuple[str, bool, bool]]) -> dict[str, Agreement]:
    by_question: dict[str, Counter[tuple[bool, bool]]] = {}
    for name, first, second in answers:
        by_question.setdefault(name, Counter())[first, second] += 1
    return {name: measure_agreement(counts.elements()) for name, counts in by_question.items()}
