"""Parquet with a schema that never varies: role before content, every column of one type.

nanochat and `datasets` join shards only if their schemas are equal, so nothing is inferred. Small row groups and a page
index let a viewer show a page without reading all of it; pages cut by content let a hub store only what has changed
between two versions. This is the home of pyarrow.
"""

import sys
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from asyncgen.conversation import Conversation
from asyncgen.errors import ConfigError
from asyncgen.export.columns import INDEX, Column
from asyncgen.export.staging import create

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    raise ConfigError(
        f"--to parquet, nanochat and hub need pyarrow: {sys.executable} -m pip install pyarrow "
        "(the extra asyncgen[parquet])"
    ) from None

ROWS_PER_GROUP = 5_000
BYTES_PER_GROUP = 64 * 1024 * 1024  # of text, before compression
BYTES_PER_SHARD = 500_000_000

_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])


def make_schema(columns: Sequence[Column]) -> Any:
    fields = [("messages", pa.list_(_MESSAGE))]
    for each in columns:
        kind = pa.int64() if each.name == INDEX else pa.string()
        fields.append((each.name, pa.list_(kind) if each.is_list else kind))
    return pa.schema(fields)


class ParquetWriter:
    """The rows of a split, in as many files as they need: `files`, with the rows of each, once it is closed."""

    def __init__(self, path: Path, columns: Sequence[Column], *, shard_size: int | None) -> None:
        self.files: list[tuple[Path, int]] = []
        self._path = path
        self._shard_size = shard_size
        self._columns = columns
        self._schema = make_schema(columns)
        self._begin_group()
        self._begin_shard()

    def _begin_group(self) -> None:
        self._conversations: list[Conversation] = []
        self._values: list[Mapping[str, object]] = []
        self._size = 0

    def _begin_shard(self) -> None:
        path = self._path.with_name(f"{self._path.name}.{len(self.files)}")
        self.files.append((path, 0))
        self._file = create(path)
        self._writer = pq.ParquetWriter(
            self._file, self._schema, compression="zstd", write_page_index=True, use_content_defined_chunking=True
        )

    def add(self, conversation: Conversation, values: Mapping[str, object]) -> None:
        if self._shard_size is not None and self._file.tell() >= self._shard_size:
            self._end_shard()
            self._begin_shard()
        self._conversations.append(conversation)
        self._values.append(values)
        self._size += sum(len(each.content) for each in conversation)
        if len(self._conversations) == ROWS_PER_GROUP or self._size >= BYTES_PER_GROUP:
            self._write_group()

    def _write_group(self) -> None:
        messages = [each for conversation in self._conversations for each in conversation]
        starts = list(accumulate(map(len, self._conversations), initial=0))
        parts = [pa.array([getattr(each, name) for each in messages], pa.string()) for name in ("role", "content")]
        structs = pa.StructArray.from_arrays(parts, fields=list(_MESSAGE))
        columns = [pa.ListArray.from_arrays(pa.array(starts, pa.int32()), structs)]
        for each in self._columns:
            values = [values[each.name] for values in self._values]
            columns.append(pa.array(values, self._schema.field(each.name).type))
        table = pa.Table.from_arrays(columns, schema=self._schema)
        self._writer.write_table(table, row_group_size=ROWS_PER_GROUP)
        path, rows = self.files[-1]
        self.files[-1] = path, rows + len(self._conversations)
        self._begin_group()

    def _end_shard(self) -> None:
        self._writer.close()
        self._file.close()

    def close(self) -> None:
        if self._conversations:
            self._write_group()
        self._end_shard()
