"""The grades beside an output, by conversation: the one reader of them. Held is a place of each, not what it says."""

from collections.abc import Iterator
from contextlib import suppress

from asyncgen.conversation import Conversation, digest_conversation
from asyncgen.data.side_lines import read_lines
from asyncgen.endpoint.presets import OFFLINE
from asyncgen.errors import ConfigError
from asyncgen.output.grades import GRADE_HASH, Grade, decode_grade, digest_grade, grades_paths
from asyncgen.output.journal import Header, decode_entry
from asyncgen.output.paths import OutputPaths


class Grades:
    """Of two grades of a conversation the newer one counts. A last line that is not whole is being written.

    `by_engine`: they are the offline engine's, which is no judge. `recipe`: whose questions the judge was asked.
    """

    def __init__(self, output: OutputPaths) -> None:
        """Raises ConfigError for a file that cannot be read, and for a line in it that is no grade."""
        paths = grades_paths(output)
        self.path = paths.output
        self.by_engine = False
        self.recipe: str | None = None
        self._offsets: dict[bytes, int] = {}
        try:
            if not self.path.exists():
                return
            for number, offset, line in read_lines(self.path):
                try:
                    self._offsets[digest_grade(line)] = offset
                except ValueError as error:
                    raise ConfigError(f"{self.path}: line {number} is no grade: {error}; delete it") from error
            with suppress(FileNotFoundError, ValueError), paths.journal.open("rb") as journal:
                if isinstance(header := decode_entry(journal.readline()), Header):
                    self.by_engine, self.recipe = header.provider == OFFLINE, header.recipe
        except OSError as error:
            raise ConfigError(f"{error.filename or self.path}: {error.strerror}") from error

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self) -> Iterator[Grade]:
        return map(self._at, self._offsets.values())

    def of(self, conversation: Conversation) -> Grade | None:
        """None where it was not judged. Raises ConfigError when the file has changed."""
        if not self._offsets:
            return None
        offset = self._offsets.get(digest_conversation(conversation, GRADE_HASH))
        return None if offset is None else self._at(offset)

    def _at(self, offset: int) -> Grade:
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                return decode_grade(file.readline())
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{self.path}: it has changed while it was read (byte {offset}: {error}); begin again"
            ) from error
