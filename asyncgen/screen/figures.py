"""Figures as a person reads them: durations, rates, counts."""

COUNT_UNITS = ((999_950_000, 1e9, "B"), (999_950, 1e6, "M"), (1_000, 1e3, "k"))  # from, size, sign
MAX_DURATION = 100 * 86_400.0  # seconds; a longer guess is no guess


def format_duration(seconds: float | None) -> str:
    if seconds is None or seconds >= MAX_DURATION:
        return "--"
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    if days:
        return f"{days}d {hour:02}h"
    if hours:
        return f"{hours}h {minute:02}m"
    return f"{minutes}m {second:02}s" if minutes else f"{second}s"


def format_rate(rate: float | None) -> str:
    if rate is None:
        return "--"
    return f"{rate:,.1f}" if rate >= 1 else f"{rate:.2f}"


def format_count(number: int) -> str:
    """Three or four figures: 999, 12.3k, 93.4M."""
    for least, size, sign in COUNT_UNITS:
        if number >= least:
            return f"{number / size:,.1f}{sign}"
    return f"{number:,}"
