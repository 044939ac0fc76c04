from collections.abc import Callable

import numpy as np
import pytest

from humanoid_recorder.core.alignment.frames import Frame, FrameTable, missing_cell
from humanoid_recorder.core.alignment.quality import AlignmentQuality, QualityTally, Spread, judge
from humanoid_recorder.core.alignment.rules import Status

Cell = tuple[int, int, int, int, int]


@pytest.fixture(params=["a table", "frame by frame"])
def judged(request: pytest.FixtureRequest) -> Callable[[FrameTable], AlignmentQuality]:
    """Sum up frames in both ways there are."""

    def one_by_one(table: FrameTable) -> AlignmentQuality:
        tally = QualityTally(table.names)
        for index, tick_ns in enumerate(table.ticks_ns.tolist()):
            tally.add(Frame(tick_ns, index, table.cells[index]))
        return tally.judge()

    return judge if request.param == "a table" else one_by_one


def ok(stamp_ns: int, age_ns: int) -> Cell:
    return (0, 1, stamp_ns, age_ns, Status.OK)


def made(*frames: tuple[Cell, Cell]) -> FrameTable:
    cells = np.array(frames, np.int64).reshape(len(frames), 2, 5)
    return FrameTable(("head", "touch"), np.arange(len(frames), dtype=np.int64) * 100, cells)


def test_complete_frames_are_counted_and_the_stream_that_spoils_most_is_named(
    judged: Callable[[FrameTable], AlignmentQuality],
) -> None:
    gone, late = missing_cell(Status.MISSING), missing_cell(Status.OUT_OF_TOLERANCE)
    result = judged(made((ok(-10, 10), ok(-3, 3)), (ok(90, 10), gone), (ok(190, 10), late), (gone, gone)))
    assert (result.ticks, result.complete, result.complete_share, result.worst_stream) == (4, 1, 0.25, "touch")
    head, touch = result.streams
    assert (head.ok, head.missing, head.spoiled) == (3, 1, 0)
    assert (touch.ok, touch.missing, touch.out_of_tolerance, touch.spoiled) == (1, 2, 1, 2)
    assert result.skew == Spread(7, 7, 7, 7)


def test_ages_are_distances_that_occurred(judged: Callable[[FrameTable], AlignmentQuality]) -> None:
    ages = (-4, 1, 2, 9)
    frames = [(ok(100 * at - age, age), missing_cell(Status.MISSING)) for at, age in enumerate(ages)]
    head, touch = judged(made(*frames)).streams
    assert head.age == Spread(2, 9, 9, 9)
    assert touch.age is None


def test_without_ticks_nothing_is_claimed(judged: Callable[[FrameTable], AlignmentQuality]) -> None:
    result = judged(made())
    assert (result.ticks, result.complete_share, result.skew, result.worst_stream) == (0, None, None, "")
