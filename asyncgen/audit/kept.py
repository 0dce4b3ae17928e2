"""OUTPUT.audit.json, the audit beside an output: written, and believed only while the output is as it was."""

from array import array

import msgspec

from asyncgen.audit.results import Audit
from asyncgen.data.dataset import Dataset
from asyncgen.data.target import audit_path
from asyncgen.data.whole_file import whole_file
from asyncgen.output.paths import OutputPaths
from asyncgen.text import ascii_json

VERSION = 4


def encode_audit(audit: Audit) -> bytes:
    """One line of ASCII: what is quoted in it may hold what moves a terminal's cursor."""
    text = _encoder.encode(audit).decode()
    return (ascii_json(text) + "\n").encode()


def write_audit(dataset: Dataset, audit: Audit) -> None:
    """Raises OutputError."""
    with whole_file(audit_path(dataset.paths)) as file:
        file.write(encode_audit(audit))


def load_audit(paths: OutputPaths) -> Audit | None:
    """The audit beside an output, of whatever content, if there is one of the version that is known here."""
    try:
        audit = _decoder.decode(audit_path(paths).read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return audit if audit.version == VERSION else None


def read_audit(dataset: Dataset) -> Audit | None:
    """The audit beside an output, if it is of what stands there now."""
    audit = load_audit(dataset.paths)
    try:
        status = dataset.paths.output.stat()
    except OSError:
        return None
    if audit is None or not audit.bytes == status.st_size == dataset.size:
        return None
    times = [status.st_mtime]
    if dataset.grades:
        times.append(dataset.grades.path.stat().st_mtime)
    return audit if audit.is_newer_than(max(times)) else None


def encode_lines(lines: object) -> list[int]:
    if isinstance(lines, array):
        return lines.tolist()
    raise NotImplementedError(f"{type(lines)} has no JSON")


_encoder = msgspec.json.Encoder(enc_hook=encode_lines, decimal_format="number")
_decoder = msgspec.json.Decoder(Audit)
