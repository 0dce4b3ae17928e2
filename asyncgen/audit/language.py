"""Languages: what the audit knows of each, as data, one file a language; a new file is a new language.

Rules are told which languages a data set speaks and look for what those say. Where two speak, both are looked for: a
phrase of one language is no phrase of another.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

from asyncgen.audit.phrases import Phrase, Phrases, either, read_phrases

_FOLDER = files("asyncgen.audit") / "languages"
KNOWN = tuple(sorted(each.name.removesuffix(".toml") for each in _FOLDER.iterdir() if each.name.endswith(".toml")))


@lru_cache
def _load(code: str) -> Mapping[str, Any]:
    return tomllib.loads((_FOLDER / f"{code}.toml").read_text(encoding="utf-8"))


class Languages:
    """Those of one data set, by their codes."""

    def __init__(self, codes: Iterable[str]) -> None:
        self.codes = tuple(each for each in codes if each in KNOWN)

    def tables(self, name: str) -> Iterator[Mapping[str, Any]]:
        """What each of them has under a name; a language that a rule cannot read has nothing."""
        return (table[name] for code in self.codes if name in (table := _load(code)))

    def words(self, rule: str, name: str) -> frozenset[str]:
        return frozenset(word for table in self.tables(rule) for word in table.get(name, ()))

    def read(self, rule: str, key: str = "phrases", sets: Mapping[str, str] = MappingProxyType({})) -> Iterator[Phrase]:
        """The phrases of a rule. `sets`: further ones that they may name."""
        for code in self.codes:
            table = _load(code)
            yield from read_phrases(table.get(rule, {}).get(key, ()), {**table["sets"], **sets})

    def phrases(self, rule: str) -> Phrases:
        return Phrases(self.read(rule))

    def pattern(self, rule: str, key: str) -> re.Pattern[str]:
        return either(self.read(rule, key))
