"""Whether the audit beside an output is believed, and what it says.

It is believed while it is of what stands there. When a run goes on it is of less than that; then it is believed if it
was made after the reading of the file began, because whoever reads it knows that the file only grew since.
"""

from datetime import UTC, datetime

import msgspec

from asyncgen.audit.kept import load_audit
from asyncgen.audit.results import Audit
from asyncgen.audit.rules import Severity
from asyncgen.data.target import audit_path
from asyncgen.output.paths import OutputPaths
from asyncgen.stamp import Stamp, read_stamp


class FoundRule(msgspec.Struct, frozen=True):
    name: str
    severity: Severity
    description: str
    count: int


class Findings:
    """`lines`: how many have been audited, None without an audit to believe. `rules`: by name.

    `evidence`: by rule and line, for the few lines that an audit quotes.
    """

    def __init__(self, paths: OutputPaths) -> None:
        self._paths = paths
        self._since = datetime.now(UTC).timestamp()
        self._read: Stamp | None = None
        self.lines: int | None = None
        self.rules: dict[str, FoundRule] = {}
        self.evidence: dict[tuple[str, int], list[str]] = {}

    def look(self) -> Audit | None:
        """An audit that is new or has come to fit."""
        try:
            output = self._paths.output.stat()
        except OSError:
            return None
        seen = read_stamp(audit_path(self._paths))
        audit = None if seen in (None, self._read) else load_audit(self._paths)
        self._read = seen
        if audit is None:
            return None
        is_of_all = audit.bytes == output.st_size and audit.is_newer_than(output.st_mtime)
        is_of_beginning = audit.bytes < output.st_size and audit.is_newer_than(self._since)
        if not (is_of_all or is_of_beginning):
            return None
        self.lines = audit.lines
        self.rules = {
            name: FoundRule(name, each.severity, each.description, each.count) for name, each in audit.rules.items()
        }
        self.evidence = {}
        for name, rule in audit.rules.items():
            for example in rule.examples:
                self.evidence.setdefault((name, example.line), []).append(example.evidence)
        return audit
