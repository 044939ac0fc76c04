"""One stream with its faults: from a measured sample to what goes out, with which stamp, and when.

Everything follows from the samples, their stamps and the seed, so a run can be repeated. Without a fault a sample
passes through untouched.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from humanoid_recorder.sim.faults.effects import Effect, Sample, Values, make_effect
from humanoid_recorder.sim.faults.kinds import KINDS, Fault


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is published of a sample."""

    stamp_ns: int
    """What the header says."""
    values: Values
    publish_ns: int
    """When it goes out, ns since the epoch: not before it was measured, and not before the one before it."""


class FaultyStream:
    """One stream with whatever faults are on.

    Args:
        name: Its name; with the seed it decides what chance decides, such as which taxels are stuck.
        seed: The same seed gives the same faults.
    """

    def __init__(self, name: str, seed: int = 0) -> None:
        self._seed = (seed, zlib.crc32(name.encode()))
        self._effects: dict[Fault, Effect | None] = {}
        self._last_publish_ns = 0
        self.down = False
        """There is no publisher just now, because it is being restarted."""

    def set_faults(self, faults: Iterable[Fault]) -> None:
        """Switch on exactly these, from the next sample on; what was on already, with the same parameters, goes on."""
        self._effects = {fault: self._effects.get(fault) for fault in sorted(faults, key=_place)}

    def is_healthy(self, stamp_ns: int) -> bool:
        """Say whether ``apply`` would change nothing at that time: no fault is on, and nothing waits because of one."""
        return not self._effects and not self.down and self._last_publish_ns <= stamp_ns

    def apply(self, sample: Sample) -> Outgoing | None:
        """Return what is published of a sample; None when nothing is.

        Args:
            sample: Samples come in the order of their stamps.
        """
        values, stamp_ns, publish_ns = sample.values, sample.stamp_ns, sample.stamp_ns
        absent = self.down = False
        for effect in self._started(sample):
            values = effect.values(values)
            absent |= effect.absent(sample.stamp_ns)
            self.down |= effect.down(sample.stamp_ns)
            if not absent:
                stamp_ns = effect.stamp_ns(stamp_ns)
                publish_ns = effect.publish_ns(publish_ns)
        if absent:
            return None
        self._last_publish_ns = max(publish_ns, self._last_publish_ns)
        return Outgoing(stamp_ns, values, self._last_publish_ns)

    def _started(self, sample: Sample) -> list[Effect]:
        effects = []
        for fault, effect in self._effects.items():
            if effect is None:
                draw = np.random.default_rng((*self._seed, _place(fault)))
                effect = self._effects[fault] = make_effect(fault, sample, draw)
            effects.append(effect)
        return effects


def _place(fault: Fault) -> int:
    """Faults act in the order of ``KINDS``, whatever the order in which they were switched on."""
    return KINDS.index(type(fault))
