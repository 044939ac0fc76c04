"""What moves, as streams of any kind saw it: on one grid of time, so that two of them can be compared.

Every smoothing is symmetric in time: none moves a signal.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from humanoid_recorder.core.alignment.rules import Int64Array

FloatArray = np.ndarray[tuple[int], np.dtype[np.float64]]
FloatTable = np.ndarray[tuple[int, int], np.dtype[np.float64]]

STEP_NS = 4_000_000
"""Of the grid. What is found on it is finer: movement is slow, and lies between the points on a smooth curve."""
_NS_PER_S = 1e9
_STEP_S = STEP_NS / _NS_PER_S
_SMOOTH_STEPS = 7
"""Width of the mean that is taken, twice, before differences: encoders and force sensors are noisy."""
_AMOUNT_STEPS = 9
"""Width of the mean of an amount of movement: about a picture at 30 Hz."""
_WEAKEST = 0.02
"""Movement with less than this share of the strongest is noise."""
_MOST_COMPONENTS = 12


class Sense(Enum):
    """How a stream feels that joints move."""

    VELOCITY = "velocity"
    """Its values change as joints do: poses, joint positions. Direction counts."""
    FORCE = "force"
    """A force: the weight of the hand turns with it, and its mass resists. Direction counts."""
    AMOUNT = "amount"
    """It only tells how much changes: pictures, touch."""


@dataclass(frozen=True, slots=True)
class Series:
    """What one stream measured."""

    times_ns: Int64Array
    """Strictly rising, ns since the epoch. Shape (n,)."""
    values: FloatTable
    """Shape (n, k): joint positions in rad, a force in N, a position in m, a sum of pressure, or picture change."""
    sense: Sense
    is_rate: bool = False
    """The values are changes per second already, as those of pictures, each at the time between its two."""


def make_series(times_ns: Int64Array, values: FloatTable, *, sense: Sense, is_rate: bool = False) -> Series:
    """Put samples in the order of their times; of several at one time the last stays, and none that is not finite.

    Args:
        times_ns: Shape (n,), ns since the epoch, in any order.
        values: Shape (n, k).
        sense: What they say of movement.
        is_rate: As for ``Series``.
    """
    is_finite = np.isfinite(values).all(axis=1)
    times_ns, values = times_ns[is_finite], values[is_finite]
    order = np.argsort(times_ns, kind="stable")
    times_ns, values = times_ns[order], values[order]
    is_last = np.ones(len(times_ns), bool)
    is_last[:-1] = times_ns[1:] > times_ns[:-1]
    return Series(times_ns[is_last], values[is_last], sense, is_rate)


def joint_rates(joints: Series, start_ns: int, count: int) -> FloatTable:
    """Return the speed of every joint on a grid.

    Args:
        joints: Positions, at least two samples.
        start_ns: First point of the grid, ns since the epoch.
        count: How many points.

    Returns:
        rad/s, shape (count, joints).
    """
    return _rates(joints, start_ns, count)


def predictors(rates: FloatTable, sense: Sense) -> FloatTable:
    """Return what a stream can be explained by: combinations of joint speeds, none like another, each of length 1.

    Args:
        rates: Of the joints, rad/s, shape (n, joints).
        sense: Of the stream that is to be explained.

    Returns:
        Shape (n, p); p is 0 when nothing moves.
    """
    independent = _components(rates)
    if sense is Sense.AMOUNT:
        return _components(_smooth(np.abs(independent), _AMOUNT_STEPS))
    if sense is Sense.FORCE:
        # The weight of what hangs on the sensor turns with speed; its mass resists acceleration. Both as changes.
        jolts = np.gradient(np.gradient(independent, axis=0), axis=0)
        return np.concatenate((independent, _components(jolts)), axis=1)
    return independent


def response(series: Series, start_ns: int, count: int) -> FloatTable:
    """Return what a stream saw of movement, on a grid.

    Args:
        series: At least two samples.
        start_ns: First point of the grid, ns since the epoch.
        count: How many points.

    Returns:
        Shape (count, k), without its mean.
    """
    rates = _rates(series, start_ns, count)
    if series.sense is Sense.AMOUNT and not series.is_rate:
        rates = _smooth(np.abs(rates), _AMOUNT_STEPS)
    return np.asarray(rates - rates.mean(axis=0))


def _rates(series: Series, start_ns: int, count: int) -> FloatTable:
    grid_s = np.arange(count) * _STEP_S
    times_s = (series.times_ns - start_ns) / _NS_PER_S
    table = np.empty((count, series.values.shape[1]))
    for column in range(table.shape[1]):
        table[:, column] = np.interp(grid_s, times_s, series.values[:, column])
    table = _smooth(_smooth(table, _SMOOTH_STEPS), _SMOOTH_STEPS)
    return table if series.is_rate else np.asarray(np.gradient(table, _STEP_S, axis=0))


def _components(table: FloatTable) -> FloatTable:
    """Return the principal components that are more than noise, scaled alike: small movements count as large ones."""
    left, strengths, _ = np.linalg.svd(table - table.mean(axis=0), full_matrices=False)
    count = min(_MOST_COMPONENTS, int(np.count_nonzero(strengths > max(_WEAKEST * strengths[0], 1e-9))))
    return np.asarray(left[:, :count])


def _smooth(table: FloatTable, steps: int) -> FloatTable:
    """Return the mean over a window around each row; at the ends the window is cut short on both sides."""
    rows = np.arange(len(table))
    reach = np.minimum(steps // 2, np.minimum(rows, rows[::-1]))
    sums = np.concatenate((np.zeros((1, table.shape[1])), np.cumsum(table, axis=0)))
    return np.asarray((sums[rows + reach + 1] - sums[rows - reach]) / (2 * reach + 1)[:, None])
