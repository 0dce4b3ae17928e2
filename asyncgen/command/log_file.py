"""The file of --log: opened for its owner alone, safe to read on a terminal, given up when its disk is full."""

import logging
import os
import sys
from pathlib import Path

from asyncgen.command.stderr import say
from asyncgen.denied import explain
from asyncgen.errors import ConfigError
from asyncgen.output.paths import OWNER_ONLY
from asyncgen.text import one_line


def start_logging(path: Path | None, *, debug: bool) -> None:
    """Raises ConfigError when the file cannot be opened."""
    logger = logging.getLogger("asyncgen")
    logger.propagate = False
    logger.setLevel(logging.DEBUG if debug else logging.INFO)
    if path is None:
        logger.addHandler(logging.NullHandler())
        return
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY))
        handler = _LogFile(path)
    except OSError as error:
        raise ConfigError(f"--log: {path} cannot be opened: {explain(error)}") from error
    handler.setFormatter(_LogFormatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)


class _LogFormatter(logging.Formatter):
    """A log is read on terminals too, and a path or a server's words may move their cursors."""

    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record))


class _LogFile(logging.FileHandler):
    """Says once that its disk is full or gone: a run goes on without its log, and does not fill the screen."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", errors="backslashreplace")  # a path need not be UTF-8

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - its name in logging
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        say(f"--log: {self.baseFilename} cannot be written: {error.strerror}; the run goes on without it")
        self.addFilter(lambda _: False)
