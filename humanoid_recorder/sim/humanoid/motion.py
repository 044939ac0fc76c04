"""Smooth motion of arms and hands between one posture and the next."""

from dataclasses import dataclass

import mujoco
import numpy as np

from humanoid_recorder.sim.humanoid import description
from humanoid_recorder.sim.humanoid.kinematics import HandTarget
from humanoid_recorder.sim.humanoid.model import SIDES
from humanoid_recorder.sim.humanoid.scene import Array

_ORDER = ("thumb_0", "thumb_1", "thumb_2", "middle_0", "middle_1", "index_0", "index_1")
_SAME_SIGN = "thumb_0"


@dataclass(frozen=True, slots=True)
class HandShape:
    """Angles of the fingers of a left hand (rad); a right hand takes the mirror image."""

    thumb: tuple[float, float, float]
    finger: tuple[float, float]
    """Of index and middle finger alike."""

    def angles(self, hand: int) -> Array:
        """Joint angles of one hand (0 left, 1 right), shape (7,), in the order of the URDF."""
        left = np.array([*self.thumb, *self.finger, *self.finger])
        if hand == 0:
            return left
        return np.array([angle if name == _SAME_SIGN else -angle for name, angle in zip(_ORDER, left, strict=True)])


FLAT = HandShape(thumb=(0.0, -0.6, 0.0), finger=(0.0, 0.0))
"""Straight fingers, thumb out of the way: before and after a squeeze."""
PRESS = HandShape(thumb=(0.0, -0.6, 0.0), finger=(-0.35, -0.1))
"""Fingers bent against what the palms squeeze."""
CLAW_OPEN = HandShape(thumb=(0.0, -0.6, 0.9), finger=(-1.0, -0.35))
"""Fingers and thumb around a part, 80 mm apart."""
CLAW_CLOSED = HandShape(thumb=(0.0, -0.33, 1.1), finger=(-1.4, -0.45))
"""The finger tips and the thumb meet but for 17 mm: a part between them is pressed with about 12 N."""


def minimum_jerk(fraction: float) -> float:
    """Go from 0 to 1 with no velocity and no acceleration at either end (Flash and Hogan 1985)."""
    s = min(1.0, max(0.0, fraction))
    return s**3 * (10.0 - 15.0 * s + 6.0 * s * s)


def blend_hand(start: HandTarget, end: HandTarget, share: float) -> HandTarget:
    """Go straight from one target to another while turning about one axis; ``share`` 0..1."""
    position = (1.0 - share) * start.position_m + share * end.position_m
    quaternion, axis, turned = np.zeros(4), np.zeros(3), np.zeros(9)
    mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(end.rotation @ start.rotation.T).ravel())
    mujoco.mju_quat2Vel(axis, quaternion, 1.0)
    angle = float(np.linalg.norm(axis))
    if angle < 1e-9:
        return HandTarget(position, end.rotation)
    mujoco.mju_axisAngle2Quat(quaternion, axis / angle, share * angle)
    mujoco.mju_quat2Mat(turned, quaternion)
    return HandTarget(position, turned.reshape(3, 3) @ start.rotation)


def finger_indices(hand: int) -> Array:
    """Where the seven finger joints of a hand are in a joint array, in the order of ``HandShape.angles``."""
    names = [joint.name for joint in description.joints()]
    return np.array([names.index(f"{SIDES[hand]}_hand_{part}_joint") for part in _ORDER])
