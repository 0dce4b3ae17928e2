"""The table of faults beside this file names tests that exist, and leaves no fault without a word."""

import re
from pathlib import Path

FOLDER = Path(__file__).parent
TABLE = (FOLDER / "faults.md").read_text()
ROW = re.compile(r"^\| ([A-Z]\d+) \| [^|]+ \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)
NAME = re.compile(r"`([\w/]+\.py)::(\w+)`")
FAULTS = {"D": 28, "N": 20, "H": 36, "S": 8, "C": 8, "B": 23, "R": 11, "M": 7}


def test_every_fault_has_one_row_with_a_test_or_what_is_missing() -> None:
    rows = ROW.findall(TABLE)
    expected = [f"{letter}{number}" for letter, count in FAULTS.items() for number in range(1, count + 1)]
    assert [fault for fault, _, _ in rows] == expected
    assert [fault for fault, tests, missing in rows if not NAME.search(tests) and not missing.strip()] == []


def test_every_test_that_is_named_exists() -> None:
    named = NAME.findall(TABLE)
    assert len(named) == TABLE.count("::"), "one is not written as `file.py::test`"
    missing = [
        f"{file}::{test}"
        for file, test in named
        if not re.search(rf"^(async )?def {test}\(", (FOLDER / file).read_text(), re.MULTILINE)
    ]
    assert missing == []
