"""The audit beside an output, for who only reads it."""

import subprocess
import sys


def test_who_only_reads_an_audit_waits_for_no_language() -> None:
    readers = "asyncgen.viewer.show, asyncgen.viewer.server, asyncgen.export.card, asyncgen.api.lines"
    heavy = ("asyncgen.audit.reading.language", "asyncgen.audit.audit")
    code = f"import sys, {readers}\nprint([each for each in {heavy} if each in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"[]\n"
