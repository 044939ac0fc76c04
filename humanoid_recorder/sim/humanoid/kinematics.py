"""Inverse kinematics of the arms, in the frame of the waist.

Arm targets are given as the robot sees them when its waist is straight (axes of the world, x ahead, through the waist's
axis): turning the waist then carries hands and whatever they hold along a circle.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from humanoid_recorder.sim.humanoid import description, model
from humanoid_recorder.sim.humanoid.scene import Array

_DAMPING = 0.015
_LARGEST_STEP = 0.2
_MARGIN_RAD = 0.02
_POSTURE_GAIN = np.array([0.03, 0.03, 0.03, 0.03, 0.06, 0.03, 0.03])
"""How strongly each joint is drawn to its home angle by what the hand leaves free (where the elbow is): most of all the
roll of the wrist, the first to meet its limit when the palm looks down."""


@dataclass(frozen=True, slots=True)
class HandTarget:
    """Where a hand should be."""

    position_m: Array
    """Of the named point of the hand, shape (3,)."""
    rotation: Array
    """Of the palm link, shape (3, 3): x along the straight fingers; the palm looks along -y (left) or +y (right)."""


@dataclass(frozen=True, slots=True)
class _Arm:
    dofs: Array
    body: int
    lower: Array
    upper: Array


class ArmKinematics:
    """Solves one arm at a time by damped least squares, close to its last posture.

    Raises:
        SpecError: The robot description is not installed.
    """

    def __init__(self) -> None:
        self._physics = model.build(None)
        self._state = mujoco.MjData(self._physics)
        self._home = model.home_position()
        self._arms = tuple(self._arm(side) for side in model.SIDES)
        self._jacobian = np.zeros((6, self._physics.nv))

    def hand(self, position_rad: Array, hand: int, point_m: Array) -> HandTarget:
        """Forward kinematics.

        Args:
            position_rad: All joints, shape (43,); the waist is taken as straight.
            hand: 0 left, 1 right.
            point_m: A point in the frame of the palm link, shape (3,).

        Returns:
            Where that point is and how the palm is turned.
        """
        self._place(position_rad)
        position, rotation = self._point(hand, point_m)
        return HandTarget(position, rotation)

    def solve(
        self, position_rad: Array, hand: int, point_m: Array, target: HandTarget, *, iterations: int = 4
    ) -> tuple[Array, float]:
        """Inverse kinematics.

        Args:
            position_rad: All joints, shape (43,): the posture to start from; only the arm's seven change.
            hand: 0 left, 1 right.
            point_m: A point in the frame of the palm link, shape (3,).
            target: Where that point should be, and how the palm is turned.
            iterations: Steps at most; a path followed at 100 Hz needs few.

        Returns:
            All joints, inside their limits, and how far the point still is from its target (m).
        """
        arm = self._arms[hand]
        solution = position_rad.copy()
        for _ in range(iterations):
            self._place(solution)
            error = self._error(hand, point_m, target)
            if float(np.abs(error).max()) < 1e-5:
                break
            now, jacobian = solution[arm.dofs], self._jacobian[:, arm.dofs]
            wanted = now + _step(jacobian, error, _POSTURE_GAIN * (self._home[arm.dofs] - now))
            allowed = np.clip(wanted, arm.lower, arm.upper)
            # The other joints make up for what one at its limit cannot do.
            lost, free = jacobian @ (wanted - allowed), wanted == allowed
            solution[arm.dofs] = np.clip(allowed + _step(jacobian * free, lost, np.zeros(7)), arm.lower, arm.upper)
        self._place(solution)
        reached, _ = self._point(hand, point_m)
        return solution, float(np.linalg.norm(target.position_m - reached))

    def _arm(self, side: str) -> _Arm:
        parts = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist_roll", "wrist_pitch", "wrist_yaw")
        all_joints = description.joints()
        names = [joint.name for joint in all_joints]
        at = [names.index(f"{side}_{part}_joint") for part in parts]
        return _Arm(
            dofs=np.array(at),
            body=self._physics.body(f"{side}_hand_palm_link").id,
            lower=np.array([all_joints[index].lower_rad + _MARGIN_RAD for index in at]),
            upper=np.array([all_joints[index].upper_rad - _MARGIN_RAD for index in at]),
        )

    def _place(self, position_rad: Array) -> None:
        self._state.qpos[:] = position_rad
        for joint in ("waist_yaw_joint", "waist_roll_joint", "waist_pitch_joint"):
            self._state.qpos[self._physics.joint(joint).qposadr[0]] = 0.0
        mujoco.mj_kinematics(self._physics, self._state)
        mujoco.mj_comPos(self._physics, self._state)

    def _point(self, hand: int, point_m: Array) -> tuple[Array, Array]:
        body = self._arms[hand].body
        rotation = self._state.xmat[body].reshape(3, 3).copy()
        return self._state.xpos[body] + rotation @ point_m, rotation

    def _error(self, hand: int, point_m: Array, target: HandTarget) -> Array:
        position, rotation = self._point(hand, point_m)
        mujoco.mj_jac(
            self._physics, self._state, self._jacobian[:3], self._jacobian[3:], position, self._arms[hand].body
        )
        turn = np.zeros(3)
        quaternion = np.zeros(4)
        mujoco.mju_mat2Quat(quaternion, np.ascontiguousarray(target.rotation @ rotation.T).ravel())
        mujoco.mju_quat2Vel(turn, quaternion, 1.0)
        return np.concatenate((target.position_m - position, turn))


def _step(jacobian: Array, error: Array, rest: Array) -> Array:
    """Move against the error (6,) by damped least squares, and along ``rest`` (7,) where that does not matter."""
    square = jacobian @ jacobian.T + _DAMPING**2 * np.eye(6)
    move = np.linalg.solve(square, jacobian).T @ (error - jacobian @ rest) + rest
    return np.asarray(move * min(1.0, _LARGEST_STEP / max(1e-9, float(np.abs(move).max()))))
