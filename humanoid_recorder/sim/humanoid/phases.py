"""Phases: what a script asks for, and the smooth way from one to the next."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from humanoid_recorder.sim.humanoid.kinematics import HandTarget
from humanoid_recorder.sim.humanoid.motion import HandShape, blend_hand, minimum_jerk
from humanoid_recorder.sim.humanoid.scene import Array
from humanoid_recorder.sim.humanoid.sensors import Sensors

Hands = tuple[HandTarget, HandTarget]


@dataclass(frozen=True, slots=True)
class Phase:
    """Where to go next. What is None stays."""

    name: str
    duration_s: float
    waist_rad: float | None = None
    hands: tuple[HandTarget | None, HandTarget | None] = (None, None)
    """Palm links, left and right, as seen with a straight waist."""
    shapes: tuple[HandShape | None, HandShape | None] = (None, None)
    swing: bool = False
    """Joint by joint instead of straight: for long ways through free space, where straight ones meet singularities."""


Phases = Generator[Phase, Sensors, None]
"""Is sent the sensors at the end of each phase."""
Script = Callable[[Sensors], Phases]
"""Is given the sensors at the start."""


@dataclass(frozen=True, slots=True)
class Posture:
    """Waist, hands and fingers at one instant."""

    waist_rad: float
    hands: Hands
    fingers: tuple[Array, Array]


@dataclass(slots=True)
class Move:
    """A phase under way."""

    phase: Phase
    since_ns: int
    start: Posture
    end: Posture = field(init=False)

    def __post_init__(self) -> None:
        left, right = (end or start for end, start in zip(self.phase.hands, self.start.hands, strict=True))
        shapes = tuple(
            start if shape is None else shape.angles(hand)
            for hand, (shape, start) in enumerate(zip(self.phase.shapes, self.start.fingers, strict=True))
        )
        waist = self.start.waist_rad if self.phase.waist_rad is None else self.phase.waist_rad
        self.end = Posture(waist, (left, right), (shapes[0], shapes[1]))

    def share(self, time_ns: int) -> float:
        """How much of the way is done, 0..1."""
        return minimum_jerk((time_ns - self.since_ns) / 1e9 / self.phase.duration_s)

    def at(self, time_ns: int) -> Posture:
        """Where waist, hands and fingers should be."""
        share = self.share(time_ns)
        first, last = self.start, self.end
        left, right = (blend_hand(a, b, share) for a, b in zip(first.hands, last.hands, strict=True))
        fingers = tuple((1 - share) * a + share * b for a, b in zip(first.fingers, last.fingers, strict=True))
        waist = (1 - share) * first.waist_rad + share * last.waist_rad
        return Posture(waist, (left, right), (fingers[0], fingers[1]))

    def over(self, time_ns: int) -> bool:
        """Say whether its time is up."""
        return time_ns - self.since_ns >= self.phase.duration_s * 1e9
