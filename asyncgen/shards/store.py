"""Object storage: this is the home of fsspec, and of the libraries that it finds for an address by itself.

An object appears whole or not at all and is never appended to, so nothing more is asked of a storage than to read, to
list, and to put an object only if none of its name is there. Keys are found by those libraries too, in the environment
or in files of their own; an address that holds one is refused.
"""

import contextlib
import re
import signal
import sys
from collections.abc import Iterator, Sequence

from asyncgen.errors import ConfigError, FatalError
from asyncgen.text import one_line

# Of the libraries that can put an object if it is absent, in one step: those that look first let two runs through.
LIBRARIES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
}
_URL = re.compile(r"[a-z0-9]+://[\w.@-]+/[^?#\s]*[^?#\s/]/*")
# What they raise beside errors of the system, by module, if that was loaded at all.
_FOREIGN = (
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("aiohttp", "ClientError"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("azure.core.exceptions", "AzureError"),
)


class StorageError(FatalError):
    """Object storage cannot be reached, or does not do what is asked of it."""

    reason = "storage"


def check_url(text: str) -> str:
    """The address without slashes at its end. Raises ConfigError; what cannot be used is not quoted."""
    protocol = text.partition("://")[0]
    if protocol not in LIBRARIES and protocol.lower() in LIBRARIES:
        raise ConfigError(f"{protocol}:// is written {protocol.lower()}://")
    if protocol.isidentifier() and protocol not in LIBRARIES:
        raise ConfigError(
            f"{protocol}:// is no object storage that can refuse to write over what is there; there are "
            f"{', '.join(f'{each}://' for each in LIBRARIES)}. A folder, also one that is mounted, is named by its path"
        )
    if not _URL.fullmatch(text):
        raise ConfigError(
            "object storage is named as in s3://BUCKET/NAME, without user, password, ? or #: keys are found in the "
            "environment or in the files of its library"
        )
    return text.rstrip("/")


class ObjectStore:
    """A folder in object storage. `url`: its address. Names are relative to it, with / between folders."""

    def __init__(self, url: str) -> None:
        """Raises ConfigError for a library that is not there."""
        self.url = url
        protocol = url.partition(":")[0]
        # Its threads begin here. Signals are for those of the run.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            import fsspec  # noqa: PLC0415 - an extra

            with self._translated("", "reached"):
                self._files, root = fsspec.core.url_to_fs(url)
        except ImportError as error:
            raise ConfigError(
                f"{protocol}:// needs fsspec and {LIBRARIES[protocol]}: {sys.executable} -m pip install "
                f"'asyncgen[storage]' {LIBRARIES[protocol]} ({one_line(str(error))})"
            ) from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self._root = root.rstrip("/")

    def read(self, name: str, begin: int = 0, end: int | None = None) -> bytes | None:
        """The bytes of an object, or a range of them; None where there is none. Raises StorageError."""
        with self._translated(name, "read"):
            try:
                content: bytes = self._files.cat_file(self._path(name), start=begin or None, end=end)
            except FileNotFoundError:
                return None
            return content

    def read_beginnings(self, names: Sequence[str], size: int) -> dict[str, bytes]:
        """Of many objects at once, those that could be read."""
        paths = [self._path(name) for name in names]
        with self._translated("", "read"):
            found = self._files.cat_ranges(paths, [0] * len(paths), [size] * len(paths), on_error="return")
        return {name: content for name, content in zip(names, found, strict=True) if isinstance(content, bytes)}

    def put(self, name: str, content: bytes) -> None:
        """Write an object, over another one if need be. Raises StorageError."""
        with self._translated(name, "written"):
            self._files.pipe_file(self._path(name), content)

    def put_if_absent(self, name: str, content: bytes) -> bool:
        """Of several that try at once, one does. Whether it was this one; raises StorageError.

        One that was written and never confirmed is found there by the next try, so False may be told of one's own.
        """
        with self._translated(name, "written"):
            try:
                self._files.pipe_file(self._path(name), content, mode="create")
            except FileExistsError:
                return False
            except _foreign():
                self._files.invalidate_cache()
                if self._files.exists(self._path(name)):  # not all libraries have a name for it
                    return False
                raise
            return True

    def remove(self, name: str) -> None:
        """Raises StorageError; it may be gone already."""
        with self._translated(name, "removed"), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._path(name))

    def names(self, folder: str = "") -> list[str]:
        """All objects in a folder and in those below it, in order. Raises StorageError."""
        self._files.invalidate_cache()
        with self._translated(folder, "listed"):
            found = self._files.find(self._path(folder) if folder else self._root)
        return sorted(str(each).removeprefix(f"{self._root}/") for each in found)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextlib.contextmanager
    def _translated(self, name: str, done: str) -> Iterator[None]:
        try:
            yield
        except _foreign() as error:
            told = one_line(" ".join(str(error).split())) or type(error).__name__
            raise StorageError(f"{self.url}/{name}".rstrip("/") + f" cannot be {done}: {told}") from error


def _foreign() -> tuple[type[Exception], ...]:
    """All that a library may raise for what is not its own fault."""
    loaded = ((sys.modules.get(module), name) for module, name in _FOREIGN)
    return OSError, *(getattr(module, name) for module, name in loaded if module is not None)
