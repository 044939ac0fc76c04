"""The first place where two tables of frames differ, in words."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.alignment.compare import Difference, first_difference
from humanoid_recorder.core.alignment.frames import AGE_NS, FIELDS, FrameTable

FRAMES = 4


def table() -> FrameTable:
    cells = np.arange(FRAMES * 2 * len(FIELDS), dtype=np.int64).reshape(FRAMES, 2, len(FIELDS))
    return FrameTable(("head", "touch"), np.arange(FRAMES, dtype=np.int64) * 100, cells)


def cut(frames: int) -> FrameTable:
    return replace(table(), ticks_ns=table().ticks_ns[:frames], cells=table().cells[:frames])


def test_equal_tables_have_no_difference_not_even_empty_ones() -> None:
    assert first_difference(table(), table()) is None
    assert first_difference(cut(0), cut(0)) is None


@given(frame=st.integers(0, FRAMES - 1), stream=st.integers(0, 1), field=st.integers(0, len(FIELDS) - 1))
def test_a_changed_cell_is_found_with_both_values(frame: int, stream: int, field: int) -> None:
    other = table()
    other.cells[frame, stream, field] += 7
    other.cells[-1] += 1000
    was = int(table().cells[frame, stream, field])
    now = int(other.cells[frame, stream, field])
    expected = Difference(frame, ("head", "touch")[stream], FIELDS[field], was, now)
    found = first_difference(table(), other)
    assert found == expected or (frame == FRAMES - 1 and found is not None and found.frame == frame)


def test_another_tick_goes_before_what_is_in_its_cells() -> None:
    other = table()
    other.ticks_ns[2] += 1
    other.cells[2, 0, AGE_NS] += 1
    assert str(first_difference(table(), other)) == "frame 2: tick_ns was 200 and is now 201"


@pytest.mark.parametrize(
    ("live", "offline", "words"),
    [(4, 3, "frame 3: not found again"), (2, 4, "frame 2: not recorded"), (0, 4, "frame 0: not recorded")],
)
def test_a_table_that_ends_before_the_other_says_which(live: int, offline: int, words: str) -> None:
    assert str(first_difference(cut(live), cut(offline))) == words


def test_other_streams_are_not_compared() -> None:
    assert str(first_difference(table(), replace(table(), names=("head", "feet")))) == "the streams are not the same"
