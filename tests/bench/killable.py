"""asyncgen, killed with SIGKILL at a step of its own: `killable.py KILL FLAGS...`, with waits too short to be felt.

A step is what is durable or goes out: a sync, a rename, a deletion, an HTTP request, each with a border before and one
behind it. KILL is JSON of a `Kill`. What its file says afterwards is the step at which the process has died.
"""

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

sys.path.append(str(Path(__file__).parents[1]))

from quick import QUICK  # the tests' own

from asyncgen.command import main as cli
from asyncgen.endpoint.batches.rules import OPENAI, OPENROUTER
from asyncgen.timings import USUAL

LIVE, INTENT, UPLOAD, CREATE, ID, POLL, LIST, COLLECT, WRITE, FILE = STEPS = (
    *("live", "intent", "upload", "create", "id", "poll", "list", "collect", "write", "file"),
)
ANY = "any"  # step, as many of any kind as are counted
OTHER = "other"
BY_ENTRY = {
    "submitting": INTENT,
    "uploaded": UPLOAD,
    "submitted": ID,
    "collected": COLLECT,
    **dict.fromkeys(("done", "rejected", "failed", "lost", "step"), WRITE),
}
BY_REQUEST = {
    ("POST", "completions"): LIVE,
    ("POST", "files"): UPLOAD,
    ("POST", "batches"): CREATE,
    ("GET", "batches"): LIST,
    ("GET", "batches/ID"): POLL,
    ("GET", "content"): COLLECT,
}
APPEARS_WITHIN = 0.5  # seconds in which a batch that was made is in the list


class Kill(msgspec.Struct):
    """`at`: the border of a step of that name, counted from 1, at which to die, 0 for never; `later`: seconds later."""

    step: str
    at: int
    later: float
    told: str


class Killer:
    def __init__(self, kill: Kill) -> None:
        self._kill = kill
        self._lock = threading.Lock()
        self._met: Counter[str] = Counter()

    def border(self, step: str) -> None:
        with self._lock:
            self._met.update((step, ANY))
            if self._met[self._kill.step] != self._kill.at or step not in (self._kill.step, *self._any):
                return
            if self._kill.later:
                threading.Timer(self._kill.later, self._die, (step,)).start()
            else:
                self._die(step)

    @property
    def _any(self) -> tuple[str, ...]:
        return (*STEPS, OTHER) if self._kill.step == ANY else ()

    def _die(self, step: str) -> None:
        Path(self._kill.told).write_text(step)
        os.kill(os.getpid(), signal.SIGKILL)

    def watch_disk(self) -> None:
        """Syncs, renames and deletions."""
        for name in ("fsync", "fdatasync", "rename", "replace", "unlink"):
            if hasattr(os, name):
                setattr(os, name, self._between_borders(getattr(os, name)))

    def _between_borders(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(what: Any, *rest: Any, **options: Any) -> Any:
            step = _step_on_disk(what)
            self.border(step)
            result = call(what, *rest, **options)
            self.border(step)
            return result

        return wrapped

    def watch_requests(self) -> None:
        send = aiohttp.ClientSession._request  # the one method through which all go

        async def wrapped(session: aiohttp.ClientSession, method: str, url: Any, **options: Any) -> Any:
            step = _step_of_request(method, str(url))
            self.border(step)
            response = await send(session, method, url, **options)
            self.border(step)
            return response

        setattr(aiohttp.ClientSession, "_request", wrapped)  # noqa: B010


def _step_on_disk(what: int | str | os.PathLike[str]) -> str:
    path = Path(f"/proc/self/fd/{what}").readlink() if isinstance(what, int) else Path(what)
    if path.suffix == ".journal":
        return _step_of_entry(path)
    if path.suffix == ".rejects" or path.with_name(f"{path.name}.journal").exists():
        return WRITE
    return FILE if any(each.suffix == ".batches" for each in path.parents) else OTHER


def _step_of_entry(journal: Path) -> str:
    """By the newest entry of a journal."""
    with journal.open("rb") as file:
        file.seek(max(0, journal.stat().st_size - 2**16))
        last = file.read().splitlines()[-1:]
    return next((step for tag, step in BY_ENTRY.items() if last and f'"type":"{tag}"'.encode() in last[0]), OTHER)


def _step_of_request(method: str, url: str) -> str:
    """By the end of the path; what stands for an id is left out."""
    *_, above, last = url.partition("?")[0].split("/")
    return BY_REQUEST.get((method, last)) or BY_REQUEST.get((method, f"{above}/ID")) or OTHER


def be_quick() -> None:
    """Everybody holds the same values; a run has no other way to be told of another one."""
    for each in fields(QUICK):
        object.__setattr__(USUAL, each.name, getattr(QUICK, each.name))
    object.__setattr__(USUAL, "longest_look_up", APPEARS_WITHIN)
    for rules in (OPENAI, OPENROUTER):
        object.__setattr__(rules, "appears_within", APPEARS_WITHIN)


def main() -> None:
    killer = Killer(msgspec.json.decode(sys.argv[1], type=Kill))
    be_quick()
    killer.watch_disk()
    killer.watch_requests()
    sys.argv = ["asyncgen", *sys.argv[2:]]
    cli.script()


if __name__ == "__main__":
    main()
