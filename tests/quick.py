"""Timings for tests: long enough to come in their order, too short to be felt."""

from asyncgen.timings import Timings

QUICK = Timings(
    first_backoff=0.002,
    longest_backoff=0.02,
    hint_spread=0.002,
    pause_spread=0.01,
    first_probe=0.01,
    longest_probe=0.02,
    frame=0.01,
    plain_line=0.01,
    first_look=0.02,
    longest_look=0.05,
    look_up=0.02,
    longest_look_up=0.2,
    gather=0.002,
)
