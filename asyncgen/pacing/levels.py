"""How runs that share the capacity of an endpoint divide it: evenly, but for those that want less."""

from collections.abc import Sequence

import msgspec

REFUSED_LATELY = 60.0  # seconds; probes of a run that is served what it has are that far apart


class Level(msgspec.Struct, frozen=True):
    """Of a run. `aim`: what it has in flight, or had and climbs to; `most`: what it could if nobody were refused.

    `is_refused`: lately.
    """

    aim: int
    most: int
    is_refused: bool


def fair_share(levels: Sequence[Level]) -> float | None:
    """What each may have, or its own most where that is less, so that together they have what they have now.

    None where nobody lacks anything.
    """
    if len(levels) < 2 or not any(each.is_refused for each in levels):  # noqa: PLR2004
        return None
    left = float(sum(min(each.aim, each.most) for each in levels))
    mosts = sorted(each.most for each in levels)
    for place, most in enumerate(mosts):
        share = left / (len(mosts) - place)
        if most >= share:
            return share
        left -= most
    return float(mosts[-1])
