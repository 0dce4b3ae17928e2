"""A knob: what its flag says, whether its value can be kept, and which fault is drawn where several have their shares.

The flags of all knobs are made of their fields.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from asyncgen.errors import ConfigError

F = TypeVar("F", bound=Enum)


def knob(default: object, unit: str, what: str, without: str = "no limit") -> Any:
    """A field with what its flag says. `unit`: of its value, "" for a switch; `without`: what no value means."""
    return field(default=default, metadata={"unit": unit, "what": what, "without": without})


def flag_of(name: str) -> str:
    return f"--{name.lower().replace('_', '-')}"


def check_numbers(values: Mapping[str, float | Decimal | None], shares: Collection[str]) -> None:
    """Raises ConfigError for a value, by its flag, that is negative, or a share above 1."""
    for flag, value in values.items():
        if value is not None and not 0 <= value < float("inf"):
            raise ConfigError(f"{flag}: expected 0 or more, got {value}")
        if value is not None and flag in shares and value > 1:
            raise ConfigError(f"{flag}: expected a share from 0 to 1, got {value}")


def shares_of(knobs: object, faults: type[F]) -> dict[F, float]:
    """The share of each fault, which is the knob of its name; only of those that are wanted at all."""
    shares = {fault: float(getattr(knobs, fault.name.lower())) for fault in faults}
    return {fault: share for fault, share in shares.items() if share}


def check_shares(shares: Mapping[F, float], flag: Callable[[str], str]) -> None:
    """Raises ConfigError for more than all. `flag`: that of a knob."""
    if sum(shares.values()) > 1 + 1e-9:
        names = ", ".join(flag(fault.name) for fault in shares)
        raise ConfigError(f"{names}: the shares add up to more than 1")


def pick(shares: Mapping[F, float], drawn: float) -> F | None:
    """The fault that a number from 0 to 1 stands for."""
    for fault, share in shares.items():
        drawn -= share
        if drawn < 0:
            return fault
    return None
