"""The names of rules in a recipe's table `[audit]`; where a recipe has none, nobody waits until all rules are read."""

from collections.abc import Iterator

from asyncgen.recipe.problems import Key
from asyncgen.recipe.recipe import AuditOptions


def check_names(options: AuditOptions) -> Iterator[tuple[Key, str]]:
    """Each that is no rule's: where it stands, and what is wrong with it."""
    if options != AuditOptions():
        from asyncgen.audit.rules import find_wrong_names  # noqa: PLC0415 - slow to read

        yield from find_wrong_names(options)
