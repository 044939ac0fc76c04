"""Frame tables as files: CSV with nothing installed, Parquet with pyarrow (extra ``export``).

Both have the columns ``tick_ns`` and ``tick_index``, then ``<stream>.<field>`` for each stream and field, all of them
int64: what ``~/frames`` has, one row for each frame.
"""

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path

import numpy as np

from humanoid_recorder.core.alignment.frames import FIELDS, FrameTable
from humanoid_recorder.core.alignment.rules import Int64Array
from humanoid_recorder.core.errors import SessionError, SpecError

_ROWS_PER_BLOCK = 10_000


class TableFormat(StrEnum):
    """What a table is written as; also the end of the file's name."""

    PARQUET = "parquet"
    CSV = "csv"


def write_frames(table: FrameTable, path: Path, *, as_format: TableFormat, about: Mapping[str, str]) -> None:
    """Write a table; a file that is there is replaced.

    Args:
        table: The frames.
        path: The file.
        as_format: Its format.
        about: Goes into the metadata of Parquet, by key.

    Raises:
        SpecError: Parquet is asked for, and pyarrow is not installed.
        SessionError: The file cannot be written.
    """
    try:
        if as_format is TableFormat.CSV:
            _write_csv(table, path)
        else:
            _write_parquet(table, path, about)
    except OSError as error:
        raise SessionError(f"{path} cannot be written: {error.strerror or error}.") from error


def column_names(table: FrameTable) -> list[str]:
    """Return the names of the columns, in order."""
    return ["tick_ns", "tick_index", *(f"{name}.{field}" for name in table.names for field in FIELDS)]


def _columns(table: FrameTable) -> Iterator[Int64Array]:
    yield table.ticks_ns
    yield np.arange(len(table.ticks_ns), dtype=np.int64)
    for stream in range(len(table.names)):
        for field in range(len(FIELDS)):
            yield np.ascontiguousarray(table.cells[:, stream, field])


def _write_csv(table: FrameTable, path: Path) -> None:
    rows = table.cells.reshape(len(table.ticks_ns), len(table.names) * len(FIELDS))
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(column_names(table)) + "\n")
        for begin in range(0, len(rows), _ROWS_PER_BLOCK):
            ticks = table.ticks_ns[begin : begin + _ROWS_PER_BLOCK]
            block = np.column_stack([ticks, np.arange(begin, begin + len(ticks)), rows[begin : begin + len(ticks)]])
            file.writelines(",".join(map(str, row)) + "\n" for row in block.tolist())


def _write_parquet(table: FrameTable, path: Path, about: Mapping[str, str]) -> None:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise SpecError(
            "Parquet files need pyarrow, which is not installed.",
            remedy="Install the extra `export` (pip install 'humanoid_recorder[export]'), or choose --format csv.",
        ) from error
    written = pa.table([pa.array(column) for column in _columns(table)], names=column_names(table))
    metadata = {"humanoid_recorder": json.dumps(dict(about))}
    parquet.write_table(written.replace_schema_metadata(metadata), path, compression="zstd")
