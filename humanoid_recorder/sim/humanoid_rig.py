"""The simulated humanoid as its streams see it: what each measures, commands by joint name, and the operator at work.

The one place that knows both the physics (``sim.humanoid``) and the streams (``humanoid_streams``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from humanoid_recorder.sim.humanoid import model, touch
from humanoid_recorder.sim.humanoid.judge import Judge, Verdict
from humanoid_recorder.sim.humanoid.operator import Operator
from humanoid_recorder.sim.humanoid.robot import STEP_NS, SimHumanoid
from humanoid_recorder.sim.humanoid.scene import Task, object_names
from humanoid_recorder.sim.humanoid_links import CameraMount, Links, flat, xyzw
from humanoid_recorder.sim.humanoid_streams import (
    COMMANDS,
    JOY_AXES,
    JOY_BUTTONS,
    SIDES,
    TRANSFORMS,
    HumanoidStream,
    StreamPlan,
    build_streams,
)

Array = npt.NDArray[np.float64]

COMMAND_STEPS = 10
"""Steps from one command of the operator, and one look of the judge, to the next: 100 Hz."""
SETTLED_NS = 1_000_000_000
"""A task counts as done when that was so for this long without a break."""
_JUDGE_STEPS = 100
_FULLY_CLOSED_RAD = 1.4
_GRIPS = (4, 5)
"""Axes of the left and the right grip."""


@dataclass(frozen=True, slots=True)
class RigOptions:
    """What the robot does and has."""

    task: Task
    seed: int
    operator: bool
    """The scripted operator drives; else it waits for commands."""
    cameras: tuple[str, ...] = model.CAMERAS
    transforms: bool = False
    """Measure the poses of all links for ``/tf``."""


class HumanoidRig:
    """Robot, scene, operator and judge in step.

    Raises:
        SpecError: The robot description is not installed.
    """

    def __init__(self, options: RigOptions) -> None:
        self.task = options.task
        self.seed = options.seed
        self._drives = options.operator
        self._sim = SimHumanoid(options.seed, options.task)
        self.joints = self._sim.joint_names
        self._index = {name: index for index, name in enumerate(self.joints)}
        self._links = Links(self._sim, options.cameras)
        plan = StreamPlan(
            joints=self.joints,
            objects=object_names(options.task),
            cameras={name: float(self._sim.physics.camera(name).fovy[0]) for name in options.cameras},
            touch_shape=touch.SHAPE,
            operator=options.operator,
            transforms=self._links.frames if options.transforms else (),
        )
        self.streams: dict[str, HumanoidStream] = build_streams(plan)
        measures = self._measures()
        self.measures: dict[str, Callable[[], Array]] = {
            name: measures[name] for name in self.streams if name in measures
        }
        """What a stream measures now; cameras are not among them."""
        self._tick = 0
        self._target: Array = model.home_position()
        self._begin()

    @property
    def camera_mounts(self) -> tuple[CameraMount, ...]:
        """Where the cameras are."""
        return self._links.mounts

    @property
    def time_ns(self) -> int:
        """Simulated time since the last reset."""
        return self._sim.time_ns

    @property
    def phase(self) -> str:
        """What the operator is doing; empty without one."""
        if self._operator is None:
            return ""
        return "done" if self._operator.done else self._operator.phase

    @property
    def success(self) -> bool:
        """The task is done, and has been for ``SETTLED_NS``."""
        return self._done_since_ns is not None and self._sim.time_ns - self._done_since_ns >= SETTLED_NS

    def reset(self, seed: int) -> None:
        """Begin a new attempt."""
        self.seed = seed
        self._sim.reset(seed)
        self._begin()

    def command(self, names: Sequence[str], position_rad: Sequence[float]) -> None:
        """Take over the positions of the named joints; the others hold their last command.

        Raises:
            ValueError: A joint is unknown, named twice, or without a position, or a position is not finite: nothing of
                the command is taken over.
        """
        unknown = [name for name in names if name not in self._index]
        if unknown or len(set(names)) != len(names) or len(names) != len(position_rad):
            what = f"unknown joint {unknown[0]!r}" if unknown else "a joint is named twice or has no position"
            raise ValueError(f"{what}; nothing of the command is taken over")
        target = self._target.copy()
        target[[self._index[name] for name in names]] = position_rad
        self._sim.command(target)
        self._target = target

    def step(self) -> None:
        """Let one step pass, and let operator and judge do their part at their time."""
        self._sim.step(STEP_NS)
        self._tick += 1
        if self._tick % COMMAND_STEPS == 0:
            self._look()

    def configuration(self) -> bytes:
        """Where everything is, for the process that takes the pictures."""
        return self._sim.configuration().tobytes()

    def _begin(self) -> None:
        self._operator = Operator(self.task) if self._drives else None
        self._judge = Judge(self.task)
        self._done_since_ns: int | None = None
        self.verdict = Verdict(success=False, reason="not begun")
        """How things are now."""
        self._target = model.home_position()

    def _look(self) -> None:
        sensors = self._sim.sensors()
        self._judge.watch(sensors)
        if self._tick % _JUDGE_STEPS == 0:
            self.verdict = self._judge.verdict(sensors)
            if not self.verdict.success:
                self._done_since_ns = None
            elif self._done_since_ns is None:
                self._done_since_ns = self._sim.time_ns
        if self._operator is not None:
            self._target = self._operator.targets(self._sim.time_ns, sensors)
            self._sim.command(self._target)

    def _measures(self) -> Mapping[str, Callable[[], Array]]:
        sim = self._sim

        def joints() -> Array:
            sample = sim.joints()
            return np.concatenate((sample.position_rad, sample.velocity_rad_s, sample.effort_nm))

        def imu() -> Array:
            sample = sim.imu()
            return np.concatenate((xyzw(sample.quaternion), sample.angular_velocity_rad_s, sample.acceleration_m_s2))

        measures: dict[str, Callable[[], Array]] = {
            "joints": joints,
            "imu": imu,
            "operator_head": lambda: flat(sim.head()),
            "operator_joy": self._joy,
            COMMANDS: self._commanded,
            TRANSFORMS: self._links.measure,
        }
        for hand, side in enumerate(SIDES):
            measures |= self._hand_measures(hand, side)
        for name in object_names(self.task):
            measures[f"mocap_{name}"] = partial(self._object, name)
        return measures

    def _hand_measures(self, hand: int, side: str) -> dict[str, Callable[[], Array]]:
        def pose() -> Array:
            return flat(self._sim.hands()[hand])

        return {
            f"{side}_wrench": lambda: self._sim.wrench()[hand],
            f"{side}_touch": lambda: self._sim.touch()[hand],
            f"operator_{side}_hand": pose,
            f"mocap_{side}_hand": pose,
        }

    def _object(self, name: str) -> Array:
        return flat(self._sim.objects()[name].pose)

    def _commanded(self) -> Array:
        return self._target

    def _joy(self) -> Array:
        """Sticks at rest; the grips as far closed as the fingers are commanded to be."""
        values = np.zeros(JOY_AXES + JOY_BUTTONS)
        for axis, side in zip(_GRIPS, SIDES, strict=True):
            angle = abs(self._target[self._index[f"{side}_hand_index_0_joint"]])
            values[axis] = min(1.0, angle / _FULLY_CLOSED_RAD)
        return values
