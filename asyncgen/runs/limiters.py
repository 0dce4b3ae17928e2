"""The limiters of a run: one for all that it asks, or one for each model, with its share of what is allowed to all."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from random import Random

from asyncgen.output.files import Record
from asyncgen.pacing.concurrency import Concurrency
from asyncgen.pacing.levels import Level
from asyncgen.pacing.limiter import Limiter
from asyncgen.pacing.outage import Outage
from asyncgen.pacing.pause import Gate
from asyncgen.pacing.rates import Rates, divide
from asyncgen.runs.config import GenerateConfig
from asyncgen.runs.events import Paced
from asyncgen.runs.tariffs import prompt_bytes
from asyncgen.text import BYTES_A_TOKEN

ANSWER_TOKENS = 1000  # of a long answer, before any call has told


class Limiters:
    """By seat.

    `on_answer`: called after each attempt, when its limiter is up to date. `on_room`: called by whoever comes to one or
    is let in, while at one of them nobody waits, so that a place stays free. `is_one_coming`: another one, for it.
    """

    def __init__(
        self, config: GenerateConfig, seats: Collection[str], random: Random, on_answer: Callable[[], None]
    ) -> None:
        plan = config.plan
        self.on_room: Callable[[], None] = lambda: None
        self.is_one_coming: Callable[[], bool] = lambda: False
        weights = {each.name: each.weight for each in plan.recipe.models}
        # All models ask a seat that is no model's.
        weights |= {seat: sum(weights.values()) for seat in seats if weights and seat not in weights}
        self._weights = [*weights.values()] or [1.0]
        places = divide(plan.concurrency, self._weights)
        limiters = [
            Limiter(
                Concurrency(
                    capacity,
                    adaptive=config.adaptive,
                    timeout=config.timeout,
                    places=plan.endpoint.provider.places,
                ),
                Gate(random, config.timings),
                Outage(config.timings),
                rates=rates,
                tokens_per_call=prompt_bytes(plan.recipe) / BYTES_A_TOKEN + ANSWER_TOKENS,
                on_answer=on_answer,
                on_move=self._look_for_room,
                is_one_coming=lambda: self.is_one_coming(),  # noqa: PLW0108 - it is set later
                capacity=capacity,
            )
            for capacity, rates in zip(places, config.rates.divide(self._weights), strict=True)
        ]
        self.by_seat = dict(zip(weights, limiters, strict=True)) if weights else dict.fromkeys(seats, limiters[0])
        self._names = {
            limiter: f"{plan.model_of(seat)} {plan.endpoint.base_url}" for seat, limiter in self.by_seat.items()
        }

    def _look_for_room(self) -> None:
        for limiter in self._names:
            if not limiter.is_awaited:
                self.on_room()
                return

    def levels(self) -> dict[str, Level]:
        """How much of the capacity of an endpoint each has, by model and address."""
        return {name: limiter.level() for limiter, name in self._names.items()}

    def share(self, shares: Mapping[str, float]) -> None:
        """What would be fair among runs that have told each other their levels."""
        for limiter, name in self._names.items():
            if name in shares:
                limiter.share(shares[name])

    def pace(self, rates: Rates, until: float) -> None:
        """Keep to other rates, all together, until a time of `time.monotonic`."""
        for limiter, share in zip(self._names, rates.divide(self._weights), strict=True):
            limiter.pace(share, until)

    def writing(self, records: Sequence[Record]) -> None:
        """These are being written, until `written`."""
        answers = Counter(each.seat for each in records if each.is_reply)
        for seat, limiter in self.by_seat.items():
            limiter.writing(answers[seat])

    def written(self) -> None:
        for limiter in self._names:
            limiter.written()

    def close(self) -> None:
        for limiter in self._names:
            limiter.close()

    def paced(self, *, is_known: bool) -> Paced:
        """All together: places are added up, and nothing is sent until one of them may send.

        `is_known`: an answer has shown how long one takes.
        """
        limit, weighted, paused_until = 0, 0.0, math.inf
        for each in self._names:
            limit += each.concurrency.limit
            weighted += each.concurrency.limit * each.concurrency.latency
            paused_until = min(paused_until, each.gate.open_at)
        return Paced(limit, weighted / limit if is_known else None, paused_until)
