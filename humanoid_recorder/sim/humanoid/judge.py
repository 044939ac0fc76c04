"""Whether a task succeeded: predicates on where things are and how they move, and nothing else."""

import math
from dataclasses import dataclass, field

import numpy as np

from humanoid_recorder.sim.humanoid import scene
from humanoid_recorder.sim.humanoid.scene import Pose, Task
from humanoid_recorder.sim.humanoid.sensors import ObjectSample, Sensors

SPOT_TOLERANCE_M = 0.03
SPOT_TOLERANCE_RAD = math.radians(10)
STANDING_TOLERANCE_M = 0.006
"""Largest height above the surface that counts as standing on it."""
LIFTED_M = 0.05
"""A thing carried less high than this above its start was pushed, not lifted."""
LEVEL_RAD = math.radians(12)
"""Largest tilt of the tray at any time."""
UPRIGHT_RAD = math.radians(5)
STILL_M_S, STILL_RAD_S = 0.01, 0.05


def on_spot(pose: Pose, spot: Pose) -> bool:
    """Say whether something stands on its mark: place, heading and height."""
    away = pose.position_m - spot.position_m
    turn = math.remainder(pose.yaw_rad - spot.yaw_rad, 2 * math.pi)
    near = float(np.hypot(*away[:2])) <= SPOT_TOLERANCE_M and abs(turn) <= SPOT_TOLERANCE_RAD
    return near and abs(float(away[2])) <= STANDING_TOLERANCE_M


def at_rest(sample: ObjectSample) -> bool:
    """Say whether something has come to rest."""
    return sample.speed_m_s <= STILL_M_S and sample.spin_rad_s <= STILL_RAD_S


def upright(pose: Pose) -> bool:
    """Say whether something stands upright."""
    return pose.tilt_rad <= UPRIGHT_RAD


def in_bin(pose: Pose, colour: str) -> bool:
    """Say whether the middle of a part is inside the ``red`` or the ``blue`` bin."""
    where = scene.bin_pose(colour)
    c, s = math.cos(where.yaw_rad), math.sin(where.yaw_rad)
    x, y, z = (float(away) for away in pose.position_m - where.position_m)
    half = scene.BIN_INNER_M / 2
    return abs(c * x + s * y) < half and abs(c * y - s * x) < half and 0.0 < z < scene.BIN_HEIGHT_M


def on_tray(cup: Pose, tray: Pose) -> bool:
    """Say whether the cup stands on the tray."""
    away = cup.position_m - tray.position_m
    depth, width, _ = scene.TRAY_SIZE_M
    return upright(cup) and float(np.hypot(*away[:2])) < math.hypot(depth, width) / 2 and abs(float(away[2])) < 0.03


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a task ended."""

    success: bool
    reason: str
    """What is missing; empty on success."""


@dataclass(slots=True)
class Judge:
    """Watches one attempt and remembers the highest lift and the worst tilt: show it the sensors at 10 Hz or more."""

    task: Task
    _start_m: dict[str, float] = field(default_factory=dict)
    _lift_m: float = 0.0
    _tilt_rad: float = 0.0

    def watch(self, sensors: Sensors) -> None:
        """Take note of what happens."""
        for name, sample in sensors.objects.items():
            height = float(sample.pose.position_m[2])
            self._lift_m = max(self._lift_m, height - self._start_m.setdefault(name, height))
        if self.task is Task.CARRY_TRAY:
            self._tilt_rad = max(self._tilt_rad, sensors.objects["tray"].pose.tilt_rad)

    def verdict(self, sensors: Sensors) -> Verdict:
        """Judge the attempt by what was seen and by how things are now."""
        missing = [what for what, is_so in self._conditions(sensors.objects).items() if not is_so]
        return Verdict(not missing, ", ".join(missing))

    def _conditions(self, objects: dict[str, ObjectSample]) -> dict[str, bool]:
        still = {f"{name} moves": at_rest(sample) for name, sample in objects.items()}
        if self.task is Task.SORT_PARTS:
            placed = {
                f"{name} is not in its bin": in_bin(sample.pose, name.split("_")[1]) for name, sample in objects.items()
            }
            return placed | still
        name = "box" if self.task is Task.LIFT_BOX else "tray"
        pose = objects[name].pose
        conditions = {
            f"{name} was not lifted": self._lift_m >= LIFTED_M,
            f"{name} is not on the spot": on_spot(pose, scene.spot(self.task)),
            f"{name} is not upright": upright(pose),
        }
        if self.task is Task.CARRY_TRAY:
            degrees = math.degrees(self._tilt_rad)
            conditions[f"tray tilted by {degrees:.0f} degrees"] = self._tilt_rad <= LEVEL_RAD
            conditions["cup does not stand on the tray"] = on_tray(objects["cup"].pose, pose)
        return conditions | still
