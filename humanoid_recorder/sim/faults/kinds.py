"""What can go wrong on a stream: one small class per fault, with its parameters and the streams it can befall.

The names of the classes in lower case with underscores are those in the text form (``text``). Each was seen on a real
robot or operator's gear; the defaults are what was measured there.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from humanoid_recorder.core.streams import StreamKind

UNIT, AT_MOST, AT_LEAST = "unit", "at_most", "at_least"
"""What is known of a parameter, in the metadata of its field."""

JOINTS = 43
"""Of the simulated humanoid."""
_EVERY = frozenset(StreamKind)
_POSES = frozenset({StreamKind.OPERATOR, StreamKind.MOCAP, StreamKind.OBJECT})


def _measure(default: float, unit: str, *, at_most: float = 1e9) -> float:
    """Declare a parameter above 0, written with ``unit`` behind it."""
    declared: float = field(default=default, metadata={UNIT: unit, AT_MOST: at_most})
    return declared


def _number(default: int, *, at_least: int = 1, at_most: int = 1_000_000) -> int:
    """Declare a whole number."""
    declared: int = field(default=default, metadata={UNIT: "", AT_LEAST: at_least, AT_MOST: at_most})
    return declared


@dataclass(frozen=True, slots=True)
class Fault:
    """What all have in common."""

    befalls: ClassVar[frozenset[StreamKind]] = _EVERY
    """Kinds of streams that can have it."""
    stream: str
    """Name of the stream that has it."""


@dataclass(frozen=True, slots=True)
class Bursts(Fault):
    """Messages are held and released together."""

    hold_ms: float = _measure(36.0, "ms")
    """The first message of a burst waits this long at most; stamps are right."""


@dataclass(frozen=True, slots=True)
class ClockOffset(Fault):
    """The sensor's clock is ahead: stamps are too late by a constant."""

    offset_ms: float = _measure(1700.0, "ms")


@dataclass(frozen=True, slots=True)
class ClockDrift(Fault):
    """The sensor's clock runs fast from when the fault is switched on."""

    drift_ppm: float = _measure(200.0, "ppm")


@dataclass(frozen=True, slots=True)
class StaleFirst(Fault):
    """The first messages after the fault is switched on have stamps from long before."""

    age_ms: float = _measure(5000.0, "ms")
    count: int = _number(2)
    """Messages that are stale."""


@dataclass(frozen=True, slots=True)
class ExactRepeats(Fault):
    """Some poses repeat the one before to the last bit, with new stamps."""

    befalls: ClassVar[frozenset[StreamKind]] = _POSES
    share_percent: float = _measure(18.0, "%", at_most=100.0)


@dataclass(frozen=True, slots=True)
class FrozenCamera(Fault):
    """The camera sends the same picture again and again, with running stamps."""

    befalls: ClassVar[frozenset[StreamKind]] = frozenset({StreamKind.CAMERA})


@dataclass(frozen=True, slots=True)
class SwappedCameras(Fault):
    """The two wrist cameras were exchanged: each stream shows the other's pictures. ``stream`` is one of the two."""

    befalls: ClassVar[frozenset[StreamKind]] = frozenset({StreamKind.CAMERA})


@dataclass(frozen=True, slots=True)
class Silent(Fault):
    """The topic stays, its messages stop."""


@dataclass(frozen=True, slots=True)
class Late(Fault):
    """The first message comes this long after the fault was switched on."""

    delay_ms: float = _measure(3000.0, "ms")


@dataclass(frozen=True, slots=True)
class TaxelsStuck(Fault):
    """Some taxels keep the value that they had when the fault was switched on."""

    befalls: ClassVar[frozenset[StreamKind]] = frozenset({StreamKind.TACTILE})
    count: int = _number(6)


@dataclass(frozen=True, slots=True)
class TaxelsSaturated(Fault):
    """Some taxels always show their largest value."""

    befalls: ClassVar[frozenset[StreamKind]] = frozenset({StreamKind.TACTILE})
    level_pa: float = _measure(500_000.0, "Pa")
    count: int = _number(6)


@dataclass(frozen=True, slots=True)
class WrenchBias(Fault):
    """Force and moment are off by a constant, about z."""

    befalls: ClassVar[frozenset[StreamKind]] = frozenset({StreamKind.WRENCH})
    force_n: float = _measure(5.0, "N")
    moment_nm: float = _measure(0.3, "Nm")


@dataclass(frozen=True, slots=True)
class JointJump(Fault):
    """The reported position of one joint jumps by a constant and stays there; its velocity does not show it."""

    befalls: ClassVar[frozenset[StreamKind]] = frozenset({StreamKind.JOINT})
    jump_rad: float = _measure(0.3, "rad")
    index: int = _number(0, at_least=0, at_most=JOINTS - 1)
    """Which joint, by its place in the message."""


@dataclass(frozen=True, slots=True)
class PublisherRestart(Fault):
    """The driver is restarted once: its publisher goes, and another one comes after a while."""

    down_ms: float = _measure(500.0, "ms")


KINDS: tuple[type[Fault], ...] = (
    Silent,
    Late,
    PublisherRestart,
    SwappedCameras,
    FrozenCamera,
    ExactRepeats,
    TaxelsStuck,
    TaxelsSaturated,
    WrenchBias,
    JointJump,
    StaleFirst,
    ClockOffset,
    ClockDrift,
    Bursts,
)
"""In the order in which they act: what is never published uses up no stale stamp."""
