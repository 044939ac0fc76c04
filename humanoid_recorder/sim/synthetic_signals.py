"""Deterministic, smooth signals of a robot that does not exist, as functions of time.

Every signal takes times in s since the start, shape (n,), and returns one row per time, shape (n, width), float64.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Signal = Callable[[Array], Array]

GRAVITY_M_S2 = 9.80665
JOINT_AMPLITUDE_RAD = 0.4
"""No joint moves further than this from its centre."""
_HANDS_IN_FRONT_M = np.array([0.35, 0.0, 0.25])


def _phases(width: int, salt: float) -> Array:
    """Spread ``width`` phases (rad) evenly but unlike one another; the golden ratio never repeats one."""
    return np.asarray(2 * np.pi * ((np.arange(width) * 0.6180339887498949 + salt * 0.37) % 1.0))


def joint_signal(joints: int) -> Signal:
    """Positions (rad), velocities (rad/s) and efforts (N m) of ``joints`` joints, side by side: width 3 * joints.

    Velocity is the exact derivative of position; effort is that of a damped pendulum with unit inertia.
    """
    slow, fast = _phases(joints, 0.0), _phases(joints, 1.0)
    slow_rad_s = 2 * np.pi * (0.2 + 0.3 * (np.arange(joints) % 5) / 5)
    fast_rad_s = 3 * slow_rad_s
    wide_rad, narrow_rad = 0.75 * JOINT_AMPLITUDE_RAD, 0.25 * JOINT_AMPLITUDE_RAD

    def signal(time_s: Array) -> Array:
        a = np.multiply.outer(time_s, slow_rad_s) + slow
        b = np.multiply.outer(time_s, fast_rad_s) + fast
        sin_a, sin_b = np.sin(a), np.sin(b)
        position = wide_rad * sin_a + narrow_rad * sin_b
        velocity = wide_rad * slow_rad_s * np.cos(a) + narrow_rad * fast_rad_s * np.cos(b)
        acceleration = -wide_rad * slow_rad_s**2 * sin_a - narrow_rad * fast_rad_s**2 * sin_b
        effort = acceleration + 0.5 * velocity + 5.0 * np.sin(position)
        return np.hstack((position, velocity, effort))

    return signal


def wrench_signal(index: int) -> Signal:
    """Force (N) and torque (N m), width 6: a load that swings, and a faint vibration."""
    phases = _phases(6, float(index))
    scale = np.array([4.0, 4.0, 8.0, 0.4, 0.4, 0.2])
    load = np.array([0.0, 0.0, -12.0, 0.0, 0.0, 0.0])

    def signal(time_s: Array) -> Array:
        swing = np.sin(np.multiply.outer(time_s, np.full(6, 2 * np.pi * 0.5)) + phases)
        vibration = np.sin(np.multiply.outer(time_s, np.full(6, 2 * np.pi * 40.0)) + phases)
        return np.asarray(load + scale * (swing + 0.02 * vibration))

    return signal


def touch_signal(rows: int, columns: int, index: int, peak_pa: float) -> Signal:
    """Pressure (Pa, >= 0) of a rows x columns array, width rows * columns: a contact that wanders over the pad."""
    row, column = (grid.ravel() for grid in np.mgrid[0:rows, 0:columns])
    width = max(1.0, 0.2 * max(rows, columns))

    def signal(time_s: Array) -> Array:
        angle = 2 * np.pi * 0.3 * time_s + index
        row_0 = (rows - 1) / 2 * (1 + 0.6 * np.sin(angle))
        column_0 = (columns - 1) / 2 * (1 + 0.6 * np.cos(angle))
        squared = np.subtract.outer(row_0, row) ** 2 + np.subtract.outer(column_0, column) ** 2
        grip_pa = peak_pa * 0.5 * (1 + np.sin(2 * np.pi * 0.25 * time_s))
        return np.asarray(grip_pa[:, None] * np.exp(-squared / (2 * width**2)))

    return signal


def imu_signal(index: int) -> Signal:
    """Orientation (quaternion x, y, z, w), body rates (rad/s) and specific force (m/s^2), width 10.

    The rates are the exact derivative of the orientation, and the specific force is gravity seen from the body.
    """
    amplitude = np.array([0.05, 0.08, 0.2])
    omega = 2 * np.pi * np.array([0.7, 0.9, 0.1])
    phase = _phases(3, float(index))

    def signal(time_s: Array) -> Array:
        angle = np.multiply.outer(time_s, omega) + phase
        roll, pitch, yaw = (amplitude * np.sin(angle)).T
        roll_rate, pitch_rate, yaw_rate = (amplitude * omega * np.cos(angle)).T
        quaternion = quaternion_from_euler(roll, pitch, yaw)
        sin_r, cos_r, sin_p, cos_p = np.sin(roll), np.cos(roll), np.sin(pitch), np.cos(pitch)
        rates = np.column_stack(
            (
                roll_rate - yaw_rate * sin_p,
                pitch_rate * cos_r + yaw_rate * sin_r * cos_p,
                -pitch_rate * sin_r + yaw_rate * cos_r * cos_p,
            )
        )
        force = GRAVITY_M_S2 * np.column_stack((-sin_p, sin_r * cos_p, cos_r * cos_p))
        return np.hstack((quaternion, rates, force))

    return signal


def pose_signal(index: int) -> Signal:
    """Position (m) and orientation (quaternion x, y, z, w), width 7: a hand or head that moves in circles."""
    side_m = np.array([0.0, (0.0, 0.25, -0.25)[index % 3], 0.0])

    def signal(time_s: Array) -> Array:
        angle = 2 * np.pi * 0.25 * time_s + index
        circle = 0.1 * np.column_stack((np.sin(angle), np.sin(2 * angle) / 2, np.cos(angle)))
        quaternion = quaternion_from_euler(0.2 * np.sin(angle), 0.2 * np.cos(angle), 0.3 * np.sin(angle / 2))
        return np.hstack((_HANDS_IN_FRONT_M + side_m + circle, quaternion))

    return signal


def joy_axes_signal(axes: int) -> Signal:
    """Sticks and triggers, each in [-1, 1], width ``axes``."""
    phases = _phases(axes, 2.0)

    def signal(time_s: Array) -> Array:
        return np.sin(np.add.outer(2 * np.pi * 0.5 * time_s, phases))

    return signal


def joy_buttons(time_s: Array, buttons: int) -> npt.NDArray[np.int32]:
    """Buttons, 0 or 1, shape (n, buttons): button i is held during every second s with s mod (buttons + 1) = i."""
    held = np.floor(time_s).astype(np.int64) % (buttons + 1)
    return np.equal.outer(held, np.arange(buttons)).astype(np.int32)


def quaternion_from_euler(roll: Array, pitch: Array, yaw: Array) -> Array:
    """Convert roll, pitch, yaw (rad, shape (n,), fixed axes x, y, z) to quaternions x, y, z, w, shape (n, 4)."""
    sin_r, cos_r = np.sin(roll / 2), np.cos(roll / 2)
    sin_p, cos_p = np.sin(pitch / 2), np.cos(pitch / 2)
    sin_y, cos_y = np.sin(yaw / 2), np.cos(yaw / 2)
    return np.column_stack(
        (
            sin_r * cos_p * cos_y - cos_r * sin_p * sin_y,
            cos_r * sin_p * cos_y + sin_r * cos_p * sin_y,
            cos_r * cos_p * sin_y - sin_r * sin_p * cos_y,
            cos_r * cos_p * cos_y + sin_r * sin_p * sin_y,
        )
    )
