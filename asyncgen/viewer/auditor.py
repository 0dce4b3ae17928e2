"""The audit that `view` makes itself where there is none: `asyncgen audit` as a process, so that no page waits for it.

It is made once the file has been read, and again of a file that has grown since and then stood still, as at the end of
a run; what a run has written is audited by a run's pauses, not by its every second.
"""

import asyncio
import contextlib
import os
import sys
from pathlib import Path

from asyncgen.data.target import audit_path
from asyncgen.output.paths import OutputPaths
from asyncgen.stamp import Stamp, read_stamp
from asyncgen.text import one_line
from asyncgen.viewer.catalogue import Catalogue

STILL = 30.0  # seconds without a new line after which lines that came after an audit get one


class Auditor:
    """One audit at a time, one of any size. `said`: what the page should know of it, "" for nothing."""

    def __init__(self, output: Path, *, still: float = STILL) -> None:
        self.said = ""
        self._output = output
        self._still = still
        self._size = 0  # of the file when it was audited last
        self._grown = (0, 0.0)  # the size seen last, and since when
        self._task: asyncio.Task[None] | None = None

    def follow(self, catalogue: Catalogue, now: float) -> None:
        """Begin an audit if it is time for one."""
        size, audited = catalogue.follower.size, catalogue.findings.lines
        if size != self._grown[0]:
            self._grown = size, now
        is_lacking = audited is None or (audited < len(catalogue) and now - self._grown[1] >= self._still)
        is_due = catalogue.is_whole and len(catalogue) > 0 and is_lacking and size != self._size
        if is_due and (self._task is None or self._task.done()):
            self._size = size
            self._task = asyncio.create_task(self.audit(is_first=audited is None), name="audit")

    async def audit(self, *, is_first: bool) -> None:
        """Make one and say how it went."""
        name = one_line(str(self._output))
        what = "there is no audit of this file as it is" if is_first else "lines have come since the last audit"
        if not os.access(self._output.absolute().parent, os.W_OK):
            missing = f"{what}; none is made, since nothing can be written beside it"
            if missing not in self.said:  # as a file grows, it is asked again
                _say(f"{name}: {missing}")
            self.said = f"Findings are not looked for: {missing}."
            return
        self.said = f"Findings are being looked for: {what}, so one is being made."
        _say(f"{name}: {what}; making one, written beside it")
        before = self._kept()
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "asyncgen", "audit", str(self._output.absolute())),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # a Ctrl-C is for the viewer, which ends it
            )
        )
        try:
            process = await asyncio.shield(starting)  # one that was half started would outlive the viewer
            _, complaint = await process.communicate()
        except OSError as error:
            self._say_why_not(name, f"it cannot be started: {error.strerror}")
            return
        except asyncio.CancelledError:
            process = await starting
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
            raise
        if process.returncode or self._kept() == before:
            last = complaint.decode(errors="replace").strip().rpartition("\n")[2]
            why = one_line(last.removeprefix("asyncgen: ")) or f"it ended with status {process.returncode}"
            self._say_why_not(name, why)
        else:
            self.said = ""
            _say(f"{name}: audited; `asyncgen audit` prints the summary")

    def _kept(self) -> Stamp | None:
        """Which audit there is: one that cannot be kept is told, and is no failure of who only wants to be told."""
        return read_stamp(audit_path(OutputPaths.of(self._output)))

    def _say_why_not(self, name: str, why: str) -> None:
        self.said = f"The audit of this file failed: {why}"
        _say(f"{name}: the audit failed: {why}")

    async def close(self) -> None:
        """End an audit that is under way; its file is written whole or not at all."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})


def _say(what: str) -> None:
    print(f"asyncgen: {what}", file=sys.stderr, flush=True)  # noqa: T201 - what a user waits for
