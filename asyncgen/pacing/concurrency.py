"""Finds how many requests may be in flight, from refusals alone: a state machine without clock, loop and randomness.

It searches upwards until the endpoint refuses, keeps to 95 % of what the endpoint was serving then, and climbs from
there to one more than that, at intervals that grow with each probe refused. Growing steadily and halving would leave a
third of the capacity unused. Latency is no signal, because it follows the length of the answer.

A search need not wait for answers, which take seconds: refusals come back in milliseconds, so time in which all places
are taken and nobody is refused is evidence too. Refusals end a search where they lie densely; a few of them are chance.
After an outage the search goes from a few places to what was served before it, and no further. And never are more in
flight than can be answered before their deadline: an endpoint that lets calls queue refuses nobody. See `reach`.

Refusals that go on at a level that was served mean one of two things. Either there is less capacity, perhaps because
others want theirs, and the limit is cut deeper; or they have nothing to do with load: then cuts do not help, so they
are given back, and the share of such refusals is borne until it jumps. From one run of several that share a capacity
the two look alike, for the others take the room that it leaves. But they take their time. So what is borne is tried
again and again: with half of the limit, refusals that are due to load stay away for a while.
"""

import math
from collections import deque

from asyncgen.pacing.reach import Reach

START = 8
TICK = 0.05  # seconds; in a search the limit grows once in each
GROWTH = 1.1  # times, with each tick: from 8 to 256 in 1.7 s
KEEP = 0.95  # of what was being served: most of the capacity, and seldom refused
HALF = 0.5

# Of a fair share, by which a run may be below or above it: who keeps a little too much may be one of many.
UP, DOWN = 0.1, 0.02

# From a cut to the probe: seconds, and answers, whichever takes longer.
FIRST_INTERVAL = 6.0
HELD_INTERVAL = 24.0  # probes that hold shorten the interval to this
MAX_INTERVAL = 48.0
ANSWERS_PER_SECOND = 3.0  # of the interval
MAX_ANSWERS = 75  # at one answer per second, a probe each 75 keeps refusals below 20 in 1,000

# Far below the peak, a probe is due sooner: capacity that went away tends to come back.
LOW = 0.6
LOW_INTERVAL = 4.0
FADE = 0.93  # of the peak, with each probe refused

SOON = 5.0  # seconds of answers; refused again within them, the cut was too small
PATIENCE = 5  # cuts in a row on known ground, before they are given back as a test of their use
EXPECTED = 5.0  # refusals unrelated to load; when none came instead, there are no more
MEMORY = 40  # refusals from which a share is estimated
BORNE = 0.25  # of all requests, refused whatever the limit is; more of them are load
JUMP = 0.35  # of them, which is no chance any more

# A trial: what is refused at a lower limit.
REFUSED_IN_TRIAL = 5  # and refusals have nothing to do with load
TRIAL = 10  # refusals, if it were so; fewer than half of them by then, and they have
ROUNDS = 20  # of all places, and no more: at a limit of 1 it would take minutes
RARE = 0.002  # of all requests; a trial takes no longer for fewer
SPARSE = 0.05  # of all requests: refusals after which cuts in a row are no accident
AGAIN = 4  # times as many refusals are borne before the next trial


class Concurrency:
    """How many requests may be in flight now: `limit`, from 1 to `ceiling`; at the ceiling unless `adaptive`.

    Every request takes a ticket from `start` and reports once how it ended. `in_flight` counts the others under way.
    `goal`: what the limit is on its way to in a search, else the limit. `most`: what it could be were nobody refused.
    `latest_cut`: refusals of tickets up to it belong to the event that caused it. `timeout`, `places`: see Reach.
    """

    def __init__(self, ceiling: int, *, adaptive: bool = True, timeout: float = math.inf, places: int = 4) -> None:
        self.limit = min(START, ceiling) if adaptive else ceiling
        self.latency = 1.0  # mean seconds to an answer; a guess until there is one
        self.latest_cut = 0
        self._ceiling = ceiling
        self._adaptive = adaptive
        self._last_ticket = 0
        self._latest_answer = 0.0

        # `limit` is what refusals allow, `_allowed`, as far as it is in reach: `most`.
        self._reach = Reach(timeout, ceiling, places)
        self._allowed = self.limit
        self.most = ceiling

        # The latest cut.
        self._keep = KEEP
        self._served = ceiling
        self._base = self.limit

        # A search: with time up to `_served`, from the first answer on, and beyond it with answers alone.
        self._is_searching = adaptive
        self._grows_at = math.inf
        self._trusted = 0  # the limit at which answers came latest, when none was being searched for

        # Growth otherwise: from `_base` to one above `_served`, or on from there in steps that double.
        self._interval = FIRST_INTERVAL
        self._peak = 0.0
        self._answers = 0
        self._answered_at = 0.0
        self._elapsed = 0.0
        self._step = 1
        self._raised = 0  # the last ticket when the limit was last raised by a step

        # Refusals on known ground.
        self._refusals = _Refusals()
        self._depth = 0
        self._cuts = 0
        self._is_after_probe = False  # the latest cut was a probe's
        self._before = self.limit  # the limit before these cuts
        self._is_unrelated = False  # a share `_usual` of all requests is refused whatever the limit
        self._usual = 0.0
        self._borne = 0
        self._bearable = MEMORY  # refusals, until they are tried
        self._trial: _Trial | None = None
        self._is_hint_for_all = True  # as the request behind the latest refused probe has shown

    def start(self) -> int:
        """The ticket of a request that leaves now."""
        self._last_ticket += 1
        return self._last_ticket

    @property
    def goal(self) -> int:
        return min(self._served, self.most) if self.is_growing else self.limit

    @property
    def aim(self) -> int:
        """What it was served, to which it climbs back after a cut; in a search what it has."""
        return self.limit if self._is_searching else max(self.limit, min(self._served, self.most))

    @property
    def is_growing(self) -> bool:
        """Whether time alone lets the limit grow."""
        return self._is_searching and self._allowed < min(self._served, self.most) and self._adaptive

    def grow(self, now: float, in_flight: int) -> float:
        """To be called while time lets the limit grow and all places are taken: seconds until there may be room."""
        if now < self._grows_at:
            return self._grows_at - now
        self._grows_at = now + TICK
        self._search_on(math.ceil(self.limit * GROWTH))
        return TICK if in_flight >= self.limit else 0.0

    def succeeded(self, now: float, ticket: int, *, sent: float, is_saturated: bool) -> None:
        """It was answered. `is_saturated`: another request waits for the place, so growing is of use."""
        self.latency += (now - sent - self.latency) / min(ticket, self.limit + 1)
        self._latest_answer = now
        if self._adaptive:
            self._reach.answered(now, sent)
            self._keep_in_reach()
        if ticket <= self.latest_cut:
            return
        if self._is_after_probe and ticket == self.latest_cut + 1:
            self._is_hint_for_all = False
        if self.limit < HALF * self._trusted:  # cut so far without one answer in between: it was an outage
            self.resume(now)
        if self._is_searching and self.limit < self._served:
            self._grows_at = min(self._grows_at, now + TICK)
        else:
            self._trusted = self.limit
        if self._trial is not None:
            if ticket > self._trial.last:
                self._end_trial(1.0)
        elif is_saturated:
            self._grow_with_answer(now, ticket)

    def _grow_with_answer(self, now: float, ticket: int) -> None:
        if self._is_searching:
            if self.limit < self._ceiling:
                self._search_on(self.limit + 1)
        elif self.limit <= self._served:
            self._climb(now)
        elif ticket > self._raised:  # it serves more than it did: the next step, doubled where it once served far more
            self._served = self.limit
            self._peak = max(self._peak, self.limit)
            self._interval = min(self._interval, max(HELD_INTERVAL, self._interval / 2))
            self._is_searching = self.limit < LOW * self._peak
            self._set(max(self._allowed, self.limit + self._step))
            self._raised = self._last_ticket
            self._step *= 2

    def timed_out(self, now: float, *, sent: float) -> None:
        """It was not answered before its deadline, though the endpoint is not down."""
        if self._adaptive:
            self._reach.timed_out(now, sent)
            self._keep_in_reach()

    def resume(self, now: float) -> None:
        """An outage is over: search from the start for what was served before it."""
        self._served = max(self._trusted, self.goal)
        self._trusted = 0
        self._is_searching = self._adaptive
        self._grows_at = now + TICK
        self._refusals.clear()
        if self._adaptive:
            self._reach.resume()
            self._keep_in_reach()
        self._set(min(START, self._served))

    def share(self, fair: float) -> None:
        """Runs at one endpoint have told each other their aims: go half of the way to what each of them should have.

        Down at once, and up at the pace of a probe, as others go down.
        """
        fair = min(fair, self.most)
        if not self._adaptive or self._trial is not None or -UP * fair <= self.aim - fair <= DOWN * fair:
            return
        target = max(1, round((self.aim + fair) / 2))
        if target < self.aim:
            self._is_unrelated = False
            self._refusals.clear()
            self._cut_to(target, 1.0)
        else:
            self._is_searching = False
            self._served = target
            self._base = self.limit
            self._answers = 0
            self._elapsed = 0.0
            self._interval = FIRST_INTERVAL

    def explains(self, now: float, ticket: int) -> bool:
        """Whether a refusal is one more of those that were too many.

        A limit that is fixed stays too high after it, so there it takes an answer now and then to tell them from an
        outage.
        """
        return ticket <= self.latest_cut and (self._adaptive or now - self._latest_answer <= self.latency)

    def overloaded(self, ticket: int, *, in_flight: int, is_hinted: bool) -> bool:
        """It was refused. Whether a hint of when to return is for all: at a level that was being served it is."""
        if ticket <= self.latest_cut:
            # One more of those in flight at the cut was not being served: the same event, seen better.
            if not self._is_searching and self._served > 1:
                if not (self._is_unrelated or self._is_after_probe or self._trial) and self._served > START:
                    self._refusals.add(ticket)  # by all that one cut has met, lost capacity is told from chance
                self._served -= 1
                self._before -= self._is_after_probe
                self._base = min(self._base, math.ceil(self._served * self._keep))
                self._set(min(self.limit, self._base))
            return False
        is_probe = self.limit > self._served
        if self._is_unrelated or not is_probe:
            self._refusals.add(ticket)
        is_jump = self._refusals.exceed(self._usual) if self._is_unrelated else self._refusals.are_dense()
        if self._trial is not None:
            self._judge_trial()
        elif not is_jump and (self._is_unrelated or (self._is_searching and self.limit == self._ceiling)):
            self._bear()
        elif self._is_unrelated or is_probe:
            self._turn_back(in_flight, is_probe=True)
        elif not self._is_searching:
            return self._judge_known_ground(ticket, in_flight, is_hinted=is_hinted)
        elif is_jump:
            self._refusals.clear()
            self._turn_back(in_flight, is_probe=True)
        return False

    def _bear(self) -> None:
        """Refusals are chance, or others' load.

        Of several runs that share a capacity, one that bears refusals would never hear the others.
        """
        self._borne += 1
        share = max(RARE, self._refusals.share(MEMORY))
        if len(self._refusals) == MEMORY:
            self._usual = min(share, BORNE)
        if self._borne >= self._bearable * (1 if share < SPARSE else AGAIN):
            self._before = self.limit
            self._is_unrelated = False
            self._cut_to(self.limit, HALF)
            self._trial = _Trial(self._last_ticket, share)

    def _judge_known_ground(self, ticket: int, in_flight: int, *, is_hinted: bool) -> bool:
        """A level that was served is refused.

        Refusals without a hint are counted before anything is done, because they show quickly what they are: with too
        little capacity, places are refused again as fast as they are taken. A hint that meets the first request after a
        refused probe confirms that one's: no capacity is missing, it is a time that everybody has to wait for.
        """
        if is_hinted and self._is_after_probe and ticket == self.latest_cut + 1:
            self._is_after_probe = False
            self._is_hint_for_all = True
            self.latest_cut = self._last_ticket
            return True
        if self._answers > max(self.limit, MEMORY):
            self._cuts = 0
        if self._refusals.are_most():
            self._refusals.clear()
            self._cut_to(in_flight, HALF)
        elif self.limit > self._base:
            self._turn_back(in_flight, is_probe=False)
        elif is_hinted or self._refusals.are_sparse():
            self._cut_deeper(in_flight)
        elif self._refusals.are_few():
            self._give_back(self._refusals.share(MEMORY))
            return False
        else:
            self._cut_to(in_flight, KEEP)
        return (self._is_hint_for_all or self._depth > 0) and self._trial is None

    def _judge_trial(self) -> None:
        """Refused in a trial: often enough, it goes on whatever the limit is."""
        trial = self._trial
        if trial is None:
            return
        trial.refused += 1
        if trial.refused < REFUSED_IN_TRIAL:
            return
        share = trial.refused / (self._last_ticket - trial.first)
        if share > BORNE:
            self._end_trial(HALF)
        else:
            self._trial = None
            self._give_back(share)

    def _end_trial(self, keep: float) -> None:
        """It was load: of one's own, or of others."""
        self._trial = None
        self._bearable = MEMORY
        self._cut_to(self.limit, keep)

    def _keep_in_reach(self) -> None:
        self.most = max(1, int(min(self._ceiling, self._reach.limit)))
        self.limit = min(self._allowed, self.most)

    def _set(self, limit: int) -> None:
        if self._adaptive:
            self._allowed = max(1, min(self._ceiling, limit))
            self.limit = min(self._allowed, self.most)

    def _search_on(self, limit: int) -> None:
        if not self.is_growing:
            self._set(max(self._allowed, limit))
            return
        self._set(min(limit, self._served))
        if self.limit == self._served < self._ceiling:  # where it was before an outage
            self._is_searching = False
            self._base = self.limit

    def _climb(self, now: float) -> None:
        self._peak = max(self._peak, self._served)
        if self._answers:  # a pause or a silence is no evidence
            self._elapsed += min(now - self._answered_at, self.latency)
        self._answers += 1
        self._answered_at = now
        seconds, answers = self._interval, min(MAX_ANSWERS, self._interval * ANSWERS_PER_SECOND)
        if self._base < LOW * self._peak:
            seconds, answers = min(seconds, LOW_INTERVAL), answers * self._base / self._peak
        progress = min(1.0, self._elapsed / seconds, self._answers / answers)
        if (limit := self._base + math.floor(progress * (self._served + 1 - self._base))) > self._allowed:
            self._set(limit)
        self._raised = self._last_ticket
        if self._is_unrelated:
            self._is_unrelated = bool(self._refusals) or self._answers * self._usual < EXPECTED
        elif progress >= 1 and self._answers >= MAX_ANSWERS:
            self._refusals.clear()
            self._cuts = 0

    def _turn_back(self, in_flight: int, *, is_probe: bool) -> None:
        """The limit had grown too far."""
        if self._is_unrelated:
            self._is_unrelated = self.limit > self._served
            self._refusals.clear()
        if is_probe and not self._refusals:
            self._before = self.limit
        self._cuts += not is_probe
        self._depth = 0
        self._peak *= FADE
        if self._answers:
            self._interval = min(MAX_INTERVAL, self._interval * 2)
        self._cut_to(in_flight, KEEP)
        self._is_after_probe = is_probe

    def _cut_deeper(self, in_flight: int) -> None:
        """Cut by 5, 10, 19, 34, 50 % while refusals return soon; after too many cuts, see what happens without."""
        self._depth = self._depth + 1 if self._elapsed < SOON else max(0, self._depth - 1)
        self._cuts += 1
        if self._cuts > PATIENCE:
            self._cuts = 0
            self._trial = _Trial(self._last_ticket, max(SPARSE, TRIAL / (ROUNDS * self.limit)))
            return
        # Gently where few are in flight: at a limit of 1 it would take minutes to learn anything more.
        floor = self.limit if self.limit <= 2 else min(self.limit - 1, START // 2)  # noqa: PLR2004
        self._cut_to(in_flight, max(HALF, KEEP ** (2**self._depth)), floor=floor)

    def _cut_to(self, in_flight: int, keep: float, *, floor: int = 1) -> None:
        self.latest_cut = self._last_ticket
        self._keep = keep
        self._served = max(1, min(in_flight, self.limit))
        self._base = max(floor, math.ceil(self._served * keep))
        self._served = max(self._served, self._base)
        self._is_searching = False
        self._is_after_probe = False
        self._answers = 0
        self._elapsed = 0.0
        self._step = 1
        self._set(min(self.limit, self._base))

    def _give_back(self, share: float) -> None:
        """Take the refusals for unrelated to load, which the growing limit will soon prove or disprove."""
        self._is_unrelated = True
        self._usual = share
        self._borne = 0
        self._bearable *= AGAIN
        self._is_searching = True
        self._cuts = 0
        self.latest_cut = self._last_ticket
        self._set(max(self.limit, self._before))


class _Trial:
    """So many tickets of a lower limit, and how many of them were refused."""

    def __init__(self, first: int, share: float) -> None:
        self.first = first
        self.last = first + math.ceil(TRIAL / share)
        self.refused = 0


class _Refusals:
    """The tickets of the latest refusals, and how dense they lie among all tickets.

    Tickets and not answers are counted: refusals come back at once and answers late, which would make any share of the
    answers look like an outage at first.
    """

    def __init__(self) -> None:
        self._tickets: deque[int] = deque(maxlen=MEMORY)

    def __len__(self) -> int:
        return len(self._tickets)

    def add(self, ticket: int) -> None:
        self._tickets.append(ticket)

    def clear(self) -> None:
        self._tickets.clear()

    def are_dense(self) -> bool:
        """Whether too many of the latest requests are refused for chance to be the reason."""
        return (len(self) >= 5 and self.share(5) >= 0.8) or (len(self) >= 10 and self.share(10) >= 0.4)  # noqa: PLR2004

    def are_most(self) -> bool:
        """Whether half of the requests or more are refused, lately."""
        return len(self) >= 5 and max(self.share(5), self.share(10)) >= HALF  # noqa: PLR2004

    def are_sparse(self) -> bool:
        """Whether no more is refused than runs that share a capacity refuse each other."""
        return len(self) >= 3 and self.share(3) < SPARSE  # noqa: PLR2004

    def are_few(self) -> bool:
        """Whether a quarter is refused, or after ten of them still not half."""
        return (len(self) >= 3 and self.share(3) < BORNE) or len(self) >= 10  # noqa: PLR2004

    def exceed(self, usual: float) -> bool:
        """Whether they lie denser than chance explains where the share of the refused is `usual`."""
        return (len(self) >= 10 and self.share(10) > min(0.9, 0.4 + 4 * usual)) or (  # noqa: PLR2004
            len(self) == MEMORY and self.share(MEMORY) > min(JUMP, 0.05 + 3 * usual)
        )

    def share(self, last: int) -> float:
        last = min(last, len(self))
        if not last:
            return 0.0
        tickets = list(self._tickets)[-last:]
        return (last - 1) / max(1, max(tickets) - min(tickets))
