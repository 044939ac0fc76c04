"""A table of frames written and read back: the same numbers, the same columns."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humanoid_recorder.core.alignment.frames import FIELDS, FrameTable
from humanoid_recorder.core.errors import SessionError, SpecError
from humanoid_recorder.export.frame_files import TableFormat, column_names, write_frames


def made(frames: int, seed: int = 1) -> FrameTable:
    draw = np.random.default_rng(seed)
    cells = draw.integers(-(2**62), 2**62, (frames, 2, len(FIELDS)), np.int64)
    return FrameTable(("head", "left_touch"), np.sort(draw.integers(0, 2**62, frames, np.int64)), cells)


def flat(table: FrameTable) -> list[list[int]]:
    rows = table.cells.reshape(len(table.ticks_ns), 2 * len(FIELDS)).tolist()
    return [[tick, at, *row] for at, (tick, row) in enumerate(zip(table.ticks_ns.tolist(), rows, strict=True))]


def test_columns_are_tick_and_index_then_every_field_of_every_stream() -> None:
    names = column_names(made(1))
    assert names[:3] == ["tick_ns", "tick_index", "head.first_ordinal"]
    assert names[-1] == "left_touch.status"
    assert len(names) == 2 + 2 * len(FIELDS)


@settings(max_examples=20, deadline=None)
@given(frames=st.integers(0, 30), seed=st.integers(0, 2**32))
def test_csv_has_every_number(tmp_path_factory: pytest.TempPathFactory, frames: int, seed: int) -> None:
    path, table = tmp_path_factory.mktemp("csv") / "frames.csv", made(frames, seed)
    write_frames(table, path, as_format=TableFormat.CSV, about={})
    with path.open(newline="") as file:
        head, *rows = list(csv.reader(file))
    assert head == column_names(table)
    assert [[int(value) for value in row] for row in rows] == flat(table)


def test_csv_of_more_than_one_block_goes_on_counting(tmp_path: Path) -> None:
    write_frames(made(10_001), tmp_path / "f.csv", as_format=TableFormat.CSV, about={})
    assert (tmp_path / "f.csv").read_text().splitlines()[-1].split(",")[1] == "10000"


@pytest.mark.parametrize("frames", [0, 7])
def test_parquet_has_every_number_and_says_where_it_came_from(tmp_path: Path, frames: int) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra humanoid_recorder[export]")
    table = made(frames)
    write_frames(table, tmp_path / "f.parquet", as_format=TableFormat.PARQUET, about={"bag": "b"})
    read = parquet.read_table(tmp_path / "f.parquet")
    assert read.column_names == column_names(table)
    assert {str(kind) for kind in read.schema.types} == {"int64"}
    assert [list(row.values()) for row in read.to_pylist()] == flat(table)
    assert json.loads(read.schema.metadata[b"humanoid_recorder"]) == {"bag": "b"}


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(SpecError) as caught:
        write_frames(made(1), tmp_path / "f.parquet", as_format=TableFormat.PARQUET, about={})
    assert "humanoid_recorder[export]" in caught.value.remedy
    assert not (tmp_path / "f.parquet").exists()


@pytest.mark.parametrize("as_format", TableFormat)
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, as_format: TableFormat) -> None:
    if as_format is TableFormat.PARQUET:
        pytest.importorskip("pyarrow", reason="needs the extra humanoid_recorder[export]")
    with pytest.raises(SessionError, match="nowhere"):
        write_frames(made(1), tmp_path / "nowhere" / "f", as_format=as_format, about={})
