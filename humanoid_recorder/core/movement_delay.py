"""By how much what a stream saw follows the joints: the lag at which they explain it best, and how sure that is.

At every lag the stream is regressed on combinations of joint speeds; the share that is explained peaks at the true lag.
The recording is cut into parts, and parts are drawn again and again (bootstrap): if other parts give another lag, the
movement does not tell.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from humanoid_recorder.core.movement import FloatArray, FloatTable

_PART_STEPS = 125
_FEWEST_PARTS = 4
_DRAWS = 200
_COVERED = (2.5, 97.5)
"""Percentiles of the lags drawn: what lies between holds 95 of 100."""
_RIDGE = 1e-3
"""Keeps a regression on movements that hardly occur from chasing noise."""
_DIP = 0.9
"""Of the best correlation: below it a peak has ended."""
_TINY = 1e-12

_Cube = np.ndarray[tuple[int, int, int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a stream is behind, in steps of the grid."""

    steps: float
    """Positive: later."""
    error_steps: float
    """Half of an interval that holds 95 of 100 draws."""
    correlation: float
    """Multiple correlation at that lag, 0 to 1."""
    rival: float
    """The highest correlation at another lag, beyond a dip: close to the best where the movement repeats itself."""
    curve: FloatArray
    """The same at every lag searched, from -search to +search."""
    is_at_edge: bool
    """The best lag is the first or the last that was searched, so that the true one may be outside."""


@dataclass(frozen=True, slots=True)
class _Sums:
    """What the regressions are made of, part by part."""

    xx: _Cube
    """Shape (parts, p, p)."""
    xy: _Cube
    """Shape (parts, p, k x lags)."""
    yy: FloatTable
    """Shape (parts, lags)."""


def has_room(steps: int, *, search: int) -> bool:
    """Whether signals of that length can be compared: what is left of them inside holds enough parts."""
    return steps - 2 * search >= _FEWEST_PARTS * _PART_STEPS


def find_lag(explaining: FloatTable, seen: FloatTable, *, search: int, seed: int = 0) -> Lag:
    """Find the lag at which a stream is explained best.

    Args:
        explaining: Shape (n, p), p at least 1; its first and last ``search`` rows are not used.
        seen: Shape (n, k), on the same grid, without its mean.
        search: Largest lag, in steps.
        seed: Of the draws.

    Raises:
        ValueError: There is no room (``has_room``), or nothing that explains.
    """
    if not has_room(len(explaining), search=search) or not explaining.shape[1]:
        raise ValueError(f"{explaining.shape} is too little for lags of {search}")
    sums = _sums(explaining, seen, search)
    parts = len(sums.yy)
    curve = _curve(sums, np.ones(parts))
    draws = np.random.default_rng(seed).multinomial(parts, np.full(parts, 1 / parts), _DRAWS).astype(np.float64)
    low, high = np.percentile([_peak(_curve(sums, weights)) for weights in draws], _COVERED)
    best = _peak(curve)
    return Lag(
        steps=best - search,
        # Draws from few parts scatter less than the parts do.
        error_steps=float(max(high - best, best - low)) * parts / (parts - 1),
        correlation=float(curve.max()),
        rival=_rival(curve),
        curve=curve,
        is_at_edge=int(curve.argmax()) in (0, len(curve) - 1),
    )


def _sums(explaining: FloatTable, seen: FloatTable, search: int) -> _Sums:
    inner = explaining[search : len(explaining) - search]
    parts, lags = len(inner) // _PART_STEPS, 2 * search + 1
    edges = np.linspace(0, len(inner), parts + 1).astype(int)
    inputs, outputs = inner.shape[1], seen.shape[1]
    xx, xy = np.empty((parts, inputs, inputs)), np.empty((parts, inputs, outputs, lags))
    yy = np.zeros((parts, lags))
    for part, (begin, end) in enumerate(pairwise(edges)):
        x = inner[begin:end]
        xx[part] = x.T @ x
        for output in range(outputs):
            y = seen[begin : end + 2 * search, output]
            for column in range(inputs):
                xy[part, column, output] = np.correlate(y, x[:, column], "valid")
            before = np.concatenate(([0.0], np.cumsum(np.square(y))))
            yy[part] += before[end - begin :] - before[:lags]
    return _Sums(xx, xy.reshape(parts, inputs, outputs * lags), yy)


def _curve(sums: _Sums, weights: FloatArray) -> FloatArray:
    """Return the multiple correlation at every lag, with each part counted as often as its weight says."""
    xx, xy, yy = np.tensordot(weights, sums.xx, 1), np.tensordot(weights, sums.xy, 1), weights @ sums.yy
    inputs = len(xx)
    xx = xx + (_RIDGE * np.trace(xx) / inputs + _TINY) * np.eye(inputs)
    explained = (xy * np.linalg.solve(xx, xy)).reshape(inputs, -1, len(yy)).sum(axis=(0, 1))
    return np.asarray(np.sqrt(np.clip(explained / np.maximum(yy, _TINY), 0.0, 1.0)))


def _rival(curve: FloatArray) -> float:
    best = int(curve.argmax())
    rivals = [0.0]
    for side in (curve[best:], curve[: best + 1][::-1]):
        dips = np.flatnonzero(side < _DIP * curve[best])
        if len(dips):
            rivals.append(float(side[dips[0] :].max()))
    return max(rivals)


def _peak(curve: FloatArray) -> float:
    """Return where a curve is highest, between its points: the top of the parabola through the highest three."""
    at = int(curve.argmax())
    if not 0 < at < len(curve) - 1:
        return float(at)
    before, top, after = curve[at - 1 : at + 2]
    bend = before - 2 * top + after
    return at + (float(0.5 * (before - after) / bend) if bend < -_TINY else 0.0)
