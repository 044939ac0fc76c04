"""Where the links of a robot are, from its URDF and its joint positions: each relative to its parent, as TF wants it.

A link's frame is its joint's origin, turned about or moved along the joint's axis
(https://wiki.ros.org/urdf/XML/joint); roll, pitch and yaw are about fixed axes.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from humanoid_recorder.inspection.urdf import JointType, Urdf, UrdfJoint

Array = npt.NDArray[np.float64]


class JointFrames:
    """The moving, or the fixed, joints of one robot.

    Args:
        joints: All joints of a URDF.
        fixed: The fixed ones, whose frames never change; else all others.
    """

    def __init__(self, joints: Sequence[UrdfJoint], *, fixed: bool) -> None:
        self._joints = tuple(joint for joint in joints if (joint.type is JointType.FIXED) is fixed)
        self.frames = tuple((joint.parent, joint.child) for joint in self._joints)
        """Parent and child link of each."""
        self._origins = np.array([joint.xyz_m for joint in self._joints]).reshape(-1, 3)
        self._turns = np.array([quaternion_from_rpy(*joint.rpy_rad) for joint in self._joints]).reshape(-1, 4)
        axes = np.array([joint.axis for joint in self._joints]).reshape(-1, 3)
        slides = np.array([joint.type is JointType.PRISMATIC for joint in self._joints], dtype=bool)
        self._slide_axes = np.where(slides[:, None], rotate(self._turns, axes), 0.0)
        self._turn_axes = np.where(slides[:, None] | fixed, 0.0, axes)

    def positions(self, named: Mapping[str, float]) -> Array:
        """Return a position for each joint; one that is not named, or not a number, is at 0.

        Args:
            named: Positions by joint name (rad, or m of a prismatic one).

        Returns:
            Shape (joints,), in the order of ``frames``.
        """
        values = []
        for joint in self._joints:
            leader, factor, offset = joint.name, 1.0, 0.0
            if joint.mimic is not None:
                leader, factor, offset = joint.mimic.joint, joint.mimic.multiplier, joint.mimic.offset
            position = named.get(leader, 0.0)
            values.append(factor * (position if math.isfinite(position) else 0.0) + offset)
        return np.array(values, dtype=np.float64)

    def locate(self, positions: Array) -> Array:
        """Return where each child link is in its parent's frame.

        Args:
            positions: Shape (joints,), in the order of ``frames``; rad, or m of a prismatic joint.

        Returns:
            Position in m and quaternion x, y, z, w; shape (joints, 7).
        """
        half = positions[:, None] / 2
        spins = np.concatenate((np.sin(half) * self._turn_axes, np.cos(half)), axis=1)
        still = ~self._turn_axes.any(axis=1)
        spins[still] = (0.0, 0.0, 0.0, 1.0)
        places = self._origins + positions[:, None] * self._slide_axes
        return np.concatenate((places, multiply(self._turns, spins)), axis=1)


class RobotFrames:
    """All frames of one robot, or of a second one that stands in the same place.

    Args:
        urdf: The robot.
        prefix: Of a second robot: every frame is then called ``<prefix>/<link>``, and its root link stands at the root
            link of the first.
    """

    def __init__(self, urdf: Urdf, *, prefix: str = "") -> None:
        fixed, self._moving = JointFrames(urdf.joints, fixed=True), JointFrames(urdf.joints, fixed=False)
        begin = f"{prefix}/" if prefix else ""
        self.moving = tuple((begin + parent, begin + child) for parent, child in self._moving.frames)
        """Parent and child frame of each joint that moves."""
        self.static = tuple((begin + parent, begin + child) for parent, child in fixed.frames)
        """The same of each that does not."""
        self.static_places = fixed.locate(np.zeros(len(fixed.frames)))
        """Of ``static``: position in m and quaternion x, y, z, w, shape (frames, 7)."""
        if prefix:
            self.static = ((urdf.root_link, begin + urdf.root_link), *self.static)
            self.static_places = np.concatenate(([[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]], self.static_places))

    def locate(self, named: Mapping[str, float]) -> Array:
        """Return where the frames of ``moving`` are.

        Args:
            named: Positions by joint name (rad, or m of a prismatic one); one that is not named is at 0.

        Returns:
            Position in m and quaternion x, y, z, w; shape (frames, 7).
        """
        return self._moving.locate(self._moving.positions(named))


def quaternion_from_rpy(roll: float, pitch: float, yaw: float) -> Array:
    """Return x, y, z, w of a turn about the fixed axes x, then y, then z; angles in rad."""
    quaternion = np.array([0.0, 0.0, 0.0, 1.0])
    for axis, angle in enumerate((roll, pitch, yaw)):
        turn = np.zeros(4)
        turn[axis], turn[3] = np.sin(angle / 2), np.cos(angle / 2)
        quaternion = multiply(turn, quaternion)
    return quaternion


def multiply(a: Array, b: Array) -> Array:
    """Multiply quaternions x, y, z, w; shapes (..., 4). The product turns by ``b`` first."""
    vector = a[..., 3:] * b[..., :3] + b[..., 3:] * a[..., :3] + np.cross(a[..., :3], b[..., :3])
    scalar = a[..., 3:] * b[..., 3:] - (a[..., :3] * b[..., :3]).sum(axis=-1, keepdims=True)
    return np.concatenate((vector, scalar), axis=-1)


def rotate(quaternions: Array, vectors: Array) -> Array:
    """Turn vectors, shape (..., 3), by unit quaternions x, y, z, w, shape (..., 4)."""
    twice = 2 * np.cross(quaternions[..., :3], vectors)
    turned: Array = vectors + quaternions[..., 3:] * twice + np.cross(quaternions[..., :3], twice)
    return turned
