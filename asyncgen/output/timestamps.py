"""Moments as the journal writes them: ISO 8601 in UTC, to the millisecond."""

from datetime import UTC, datetime
from functools import lru_cache


def timestamp(seconds: float) -> str:
    """Of so many seconds since 1970."""
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return f"{_date_and_time(whole)}.{milliseconds:03}Z"


@lru_cache(maxsize=1)  # thousands of calls end in the same second
def _date_and_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def seconds_of(text: str) -> float:
    """Since 1970, of a moment as the journal has it; 0 for what is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
