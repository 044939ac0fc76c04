"""How far the clocks of a bag's streams are off from that of the joints, by a movement that all of them saw."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from humanoid_recorder.core.movement import (
    STEP_NS,
    FloatArray,
    FloatTable,
    Sense,
    Series,
    joint_rates,
    predictors,
    response,
)
from humanoid_recorder.core.movement_delay import Lag, find_lag, has_room
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.inspection.movement_reader import StreamMovement

_NS_PER_MS = 1_000_000
_STEP_MS = STEP_NS / _NS_PER_MS
_STILL_RAD_S = 0.1
"""A robot whose joints together are slower than this most of the time does not move."""
_SWAY = 0.05
"""m/s, or rad/s: what is slower most of the time is pushed by the movement, and answers late."""
_WEAKEST = {Sense.VELOCITY: 0.7, Sense.FORCE: 0.9, Sense.AMOUNT: 0.8}
"""Correlations below these are no match. A force that touch disturbs still correlates by 0.8, and is wrong by 20 ms."""
_VAGUEST_MS = 50.0
_TWIN = 0.94
"""A second peak so close to the best: one period of a regular wave looks like the next."""
_MODEL_MS = 2.0
"""What moves is not quite what the joints say: a robot sways."""
_CAUTION = 1.25
"""Draws from one recording do not know all that another would show; bench/clocks.py counts."""
_FOLLOWS = {
    StreamKind.OPERATOR: "includes the time that the robot takes to follow",
    StreamKind.COMMAND: "includes the time that the robot takes to follow",
}


@dataclass(frozen=True, slots=True)
class ClockDelay:
    """What movement says of one stream's clock."""

    movement: StreamMovement
    offset_ms: float | None = None
    """What to add to its times to bring them on the clock of the joints, their own offset included; None = unknown."""
    error_ms: float | None = None
    """Half of an interval that should hold 95 of 100 such estimates."""
    latency_ms: float | None = None
    """How much later than a joint state it is received, measured at the same moment; negative = sooner."""
    correlation: float | None = None
    curve: FloatArray | None = None
    """Correlation at every lag searched, in steps of 4 ms around the first guess by receipt."""
    problem: str = ""
    """Why it is unknown."""

    @property
    def is_clock_alone(self) -> bool:
        """Whether the offset is that of clock and sensor, and not also of the robot's answer to a command."""
        return self.movement.stream.kind not in _FOLLOWS

    @property
    def note(self) -> str:
        """What has to be known to use it."""
        return _FOLLOWS.get(self.movement.stream.kind, "")


def find_joints(movements: Sequence[StreamMovement]) -> StreamMovement | None:
    """Return the stream that everything is compared with: of the joint states the one with the most joints."""
    joints = [each for each in movements if each.stream.kind is StreamKind.JOINT and each.series is not None]
    return max(joints, key=lambda each: each.series.values.shape[1] if each.series else 0, default=None)


def find_delays(movements: Sequence[StreamMovement], joints: StreamMovement, *, search_ms: float) -> list[ClockDelay]:
    """Find the offset of each stream but the joints.

    Args:
        movements: What the streams saw.
        joints: The one among them to compare with; has a series.
        search_ms: Largest difference in latency that is looked for, on both sides of a first guess by receipt.
    """
    others = [each for each in movements if each is not joints]
    series = joints.series
    if series is None:
        return [ClockDelay(each, problem="there are no joint states") for each in others]
    start_ns, end_ns = int(series.times_ns[0]), int(series.times_ns[-1])
    count, search = (end_ns - start_ns) // STEP_NS + 1, round(search_ms / _STEP_MS)
    if not has_room(count, search=search):
        seconds = (end_ns - start_ns) / 1e9
        text = f"{seconds:.1f} s of joint states are too short to look {search_ms:g} ms around"
        return [ClockDelay(each, problem=text) for each in others]
    rates = joint_rates(series, start_ns, count)
    if _fast(rates) < _STILL_RAD_S:
        return [ClockDelay(each, problem="the joints do not move: wave the arms") for each in others]
    explaining = {sense: predictors(rates, sense) for sense in Sense}
    return [_delay(each, joints, explaining, start_ns=start_ns, search=search) for each in others]


def _delay(
    movement: StreamMovement,
    joints: StreamMovement,
    explaining: dict[Sense, FloatTable],
    *,
    start_ns: int,
    search: int,
) -> ClockDelay:
    series, name = movement.series, movement.stream.name
    if series is None:
        why = f"{movement.unreadable} of {movement.messages} messages cannot be used: {movement.problem}"
        return ClockDelay(movement, problem=why if movement.problem else f"{movement.messages} messages are too few")
    # Clocks may be off by minutes, receipts are not: they say where to look.
    guess_ns = joints.receipt_ns - movement.receipt_ns
    count = len(explaining[series.sense])
    missing_ns = _uncovered(series, start_ns + guess_ns, count)
    if missing_ns > search * STEP_NS:
        return ClockDelay(movement, problem=f"{name} has no messages for {missing_ns / 1e9:.1f} s of the time")
    seen = response(series, start_ns + guess_ns, count)
    is_swaying = series.sense is Sense.VELOCITY and _fast(seen) < _SWAY
    if is_swaying or not np.square(seen).sum() > 0:
        return ClockDelay(movement, problem=_advice(movement))
    lag = find_lag(explaining[series.sense], seen, search=search)
    problem = _doubt(movement, series.sense, lag)
    found_ns = guess_ns + lag.steps * STEP_NS
    error_ms = float(np.hypot(_CAUTION * lag.error_steps * _STEP_MS, _MODEL_MS))
    return ClockDelay(
        movement,
        offset_ms=None if problem else joints.offset_ms - found_ns / _NS_PER_MS,
        error_ms=None if problem else error_ms,
        latency_ms=None if problem else lag.steps * _STEP_MS,
        correlation=lag.correlation,
        curve=lag.curve,
        problem=problem,
    )


def _fast(rates: FloatTable) -> float:
    return float(np.percentile(np.sqrt(np.square(rates).sum(axis=1)), 90))


def _uncovered(series: Series, start_ns: int, count: int) -> int:
    """Return how long the stream says nothing at the beginning and at the end of the time, ns."""
    end_ns = start_ns + count * STEP_NS
    return max(0, int(series.times_ns[0]) - start_ns) + max(0, end_ns - int(series.times_ns[-1]))


def _doubt(movement: StreamMovement, sense: Sense, lag: Lag) -> str:
    if lag.correlation < _WEAKEST[sense]:
        return _advice(movement)
    if lag.is_at_edge:
        return "the best match is at the end of what was searched: search wider"
    if lag.rival > _TWIN * lag.correlation:
        return "the movement repeats itself: move in short strokes of different length, with rests between"
    if lag.error_steps * _STEP_MS > _VAGUEST_MS:
        return "the movement does not tell: move in short strokes of different length, with rests between"
    return ""


def _advice(movement: StreamMovement) -> str:
    name = movement.stream.name
    match movement.stream.kind:
        case StreamKind.CAMERA:
            return f"no movement to see in {name}: wave in front of it"
        case StreamKind.TACTILE:
            return f"nothing to feel in {name}: press the hand against something, again and again"
        case StreamKind.WRENCH:
            return f"{name} does not follow the joints: swing the arm in free air, touching nothing"
        case _:
            return f"{name} does not move as the joints do"
