"""What each fault does to the samples of its stream, from the first one that it befalls."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from humanoid_recorder.sim.faults import kinds

Array = npt.NDArray[np.float64]
Values = Array | bytes
"""What was measured: numbers, or a picture file."""
_NS_PER_MS = 1_000_000
_PPM = 1_000_000
_FORCE_Z, _MOMENT_Z = 2, 5


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement."""

    stamp_ns: int
    """When it was measured, ns since the epoch."""
    values: Values


class Effect:
    """Changes nothing; a fault overrides what it touches.

    Each method is called once per sample, in the order in which they are written here.
    """

    def values(self, values: Values, /) -> Values:
        """Change what was measured; must not write into the argument."""
        return values

    def absent(self, _stamp_ns: int, /) -> bool:
        """Say whether nothing is published of a sample measured then."""
        return False

    def down(self, _stamp_ns: int, /) -> bool:
        """Say whether there is no publisher at that time."""
        return False

    def stamp_ns(self, stamp_ns: int) -> int:
        """Change what the header says."""
        return stamp_ns

    def publish_ns(self, publish_ns: int) -> int:
        """Put off when it goes out."""
        return publish_ns


def make_effect(fault: kinds.Fault, first: Sample, draw: np.random.Generator) -> Effect:
    """Return the effect of a fault whose first sample is ``first``; ``draw`` decides what chance decides."""
    match fault:
        case kinds.Bursts(hold_ms=hold_ms):
            return _Bursts(first.stamp_ns, round(hold_ms * _NS_PER_MS))
        case kinds.ClockOffset(offset_ms=offset_ms):
            return _Clock(first.stamp_ns, offset_ns=round(offset_ms * _NS_PER_MS))
        case kinds.ClockDrift(drift_ppm=drift_ppm):
            return _Clock(first.stamp_ns, drift_ppm=drift_ppm)
        case kinds.StaleFirst(age_ms=age_ms, count=count):
            return _StaleFirst(round(age_ms * _NS_PER_MS), count)
        case kinds.ExactRepeats(share_percent=share_percent):
            return _ExactRepeats(share_percent / 100.0, draw)
        case kinds.FrozenCamera():
            return _Constant(first.values)
        case kinds.Silent():
            return _Absent(None)
        case kinds.Late(delay_ms=delay_ms):
            return _Absent(first.stamp_ns + round(delay_ms * _NS_PER_MS))
        case kinds.PublisherRestart(down_ms=down_ms):
            return _Restart(first.stamp_ns + round(down_ms * _NS_PER_MS))
        case kinds.SwappedCameras():
            return Effect()  # two streams take part: whoever hands out the pictures exchanges them
    return _of_numbers(fault, first, draw)


def _of_numbers(fault: kinds.Fault, first: Sample, draw: np.random.Generator) -> Effect:
    if isinstance(first.values, bytes):
        raise TypeError(f"{fault} cannot befall pictures")
    size = first.values.size
    match fault:
        case kinds.TaxelsStuck(count=count):
            chosen = draw.choice(size, min(count, size), replace=False)
            return _Set(chosen, first.values.flat[chosen])
        case kinds.TaxelsSaturated(count=count, level_pa=level_pa):
            chosen = draw.choice(size, min(count, size), replace=False)
            return _Set(chosen, np.full(len(chosen), level_pa))
        case kinds.WrenchBias(force_n=force_n, moment_nm=moment_nm):
            bias = np.zeros(size)
            bias[_FORCE_Z], bias[_MOMENT_Z] = force_n, moment_nm
            return _Add(bias)
        case kinds.JointJump(jump_rad=jump_rad, index=index):
            jump = np.zeros(size)
            jump[index] = jump_rad  # positions come first, then velocities and efforts
            return _Add(jump)
    raise TypeError(f"{fault} has no effect")


@dataclass(slots=True)
class _Constant(Effect):
    held: Values

    def values(self, _values: Values) -> Values:
        return self.held


@dataclass(slots=True)
class _Set(Effect):
    chosen: npt.NDArray[np.int64]
    level: Array

    def values(self, values: Values) -> Values:
        changed = np.array(values)
        changed.flat[self.chosen] = self.level
        return changed


@dataclass(slots=True)
class _Add(Effect):
    offset: Array

    def values(self, values: Values) -> Values:
        return np.asarray(values) + self.offset


@dataclass(slots=True)
class _ExactRepeats(Effect):
    share: float
    draw: np.random.Generator
    last: Values | None = None

    def values(self, values: Values) -> Values:
        if self.last is None or self.draw.random() >= self.share:
            # A copy: whoever measures may reuse its array.
            self.last = values if isinstance(values, bytes) else values.copy()
        return self.last


@dataclass(slots=True)
class _Absent(Effect):
    until_ns: int | None
    """Stamp of the end; None = for as long as the fault is on."""

    def absent(self, stamp_ns: int) -> bool:
        return self.until_ns is None or stamp_ns < self.until_ns


@dataclass(slots=True)
class _Restart(Effect):
    until_ns: int

    def absent(self, stamp_ns: int) -> bool:
        return stamp_ns < self.until_ns

    def down(self, stamp_ns: int) -> bool:
        return stamp_ns < self.until_ns


@dataclass(slots=True)
class _StaleFirst(Effect):
    age_ns: int
    left: int

    def stamp_ns(self, stamp_ns: int) -> int:
        if not self.left:
            return stamp_ns
        self.left -= 1
        return stamp_ns - self.age_ns


@dataclass(slots=True)
class _Clock(Effect):
    since_ns: int
    offset_ns: int = 0
    drift_ppm: float = 0.0

    def stamp_ns(self, stamp_ns: int) -> int:
        return stamp_ns + self.offset_ns + round((stamp_ns - self.since_ns) * self.drift_ppm / _PPM)


@dataclass(slots=True)
class _Bursts(Effect):
    since_ns: int
    hold_ns: int

    def publish_ns(self, publish_ns: int) -> int:
        held_since_ns = (publish_ns - self.since_ns) // self.hold_ns * self.hold_ns
        return self.since_ns + held_since_ns + self.hold_ns
