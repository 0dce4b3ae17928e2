"""Time as a run takes it: how long it waits, and the clock. One value, which tests replace by another.

What decides keeps taking the time as an argument. Here stand the waits that somebody at a desk feels; a length of time
that only tells one kind of failure from another stays beside the decision it belongs to.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timings:
    """In seconds."""

    # Between two attempts of one call: up to the first after one failure, twice as long after each, up to the longest.
    first_backoff: float = 1.0
    longest_backoff: float = 60.0
    hint_spread: float = 1.0  # over which calls that were told the same time come back

    pause_spread: float = 1.0  # over which a full limit comes back after a pause of all, at least

    # In an outage, from probe to probe: how often is what hurts an endpoint that is down. Twice as long after each.
    first_probe: float = 0.25
    longest_probe: float = 2.0

    fruitless: float = 30.0  # an endpoint that has never answered is misspelt or not running, and not in a bad hour
    trouble_said_after: float = 3.0  # in which nothing has answered yet: longer than a second look takes

    transfer: float = 7200.0  # for a file of a batch, up or down, which goes on for as long as it moves
    page: float = 5.0  # for a page of the provider's, such as its prices, which can be done without
    frame: float = 0.25  # from one drawing of the progress to the next, which costs about a millisecond of CPU
    plain_line: float = 5.0  # from one line of progress to the next, where no terminal shows them

    # For the offline engine, to begin and to end.
    engine_start: float = 30.0
    engine_end: float = 5.0

    # Of batches: from one look at those under way to the next, longer after each that shows nothing new, up to the
    # longest; and how long one that may have been made is looked for, at most.
    first_look: float = 2.0
    longest_look: float = 300.0
    look_up: float = 10.0
    longest_look_up: float = 600.0
    longest_silence: float = 48 * 3600.0  # of one that is under way: twice what most endpoints promise
    longest_cancelling: float = 900.0

    gather: float = 0.01  # for a batch of the writer; what waits here keeps a call from being sent

    clock: Callable[[], float] = time.time  # the time of day, since 1970


USUAL = Timings()
