"""How the bytes of the messages of a simulated robot are laid out: what never changes, and the values behind it.

A message is joined from its header, a constant middle and the values. The middle depends on where the header ends,
because everything is aligned. Values are written in the byte order of this machine, which is little-endian wherever
ROS 2 runs.
"""

import struct
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from humanoid_recorder.core.cdr import ENCAPSULATION
from humanoid_recorder.sim.cdr_writer import CdrWriter

Array = npt.NDArray[np.float64]
Middle = Callable[[int], bytes]
"""From the position after the header (bytes after the encapsulation) to the constant part, aligned for the values."""

NS_PER_S = 1_000_000_000
_HEADER = struct.Struct("<4siII")
_IMU_COVARIANCES = np.eye(3).ravel() * np.array([[1e-4], [1e-5], [1e-3]])


def header(stamp_ns: int, frame: bytes) -> bytes:
    """Return encapsulation and ``std_msgs/Header``.

    Args:
        stamp_ns: ns since the epoch.
        frame: ``frame_id`` with its closing NUL.
    """
    seconds, nanoseconds = divmod(stamp_ns, NS_PER_S)
    return _HEADER.pack(ENCAPSULATION, seconds, nanoseconds, len(frame)) + frame


def float64_middle(start: int) -> bytes:
    """Lay out a message that is nothing but float64 fields: WrenchStamped, PoseStamped, Imu."""
    return CdrWriter(start).align(8).done()


def joint_state_middle(names: Sequence[str]) -> Middle:
    """Lay out a JointState up to its positions."""

    def middle(start: int) -> bytes:
        return CdrWriter(start).strings(names).uint32(len(names)).align(8).done()

    return middle


def joint_state_rows(values: Array) -> Array:
    """Put the lengths of the sequences between positions, velocities and efforts.

    Args:
        values: Shape (n, 3 * joints).

    Returns:
        Shape (n, 3 * joints + 2), as it stands in the message.
    """
    joints = values.shape[1] // 3
    rows = np.empty((len(values), 3 * joints + 2))
    for at in range(3):
        rows[:, at * (joints + 1) : at * (joints + 1) + joints] = values[:, at * joints : (at + 1) * joints]
    # The length of the next sequence and its padding fill exactly one float64.
    rows.view(np.int64)[:, [joints, 2 * joints + 1]] = joints
    return rows


def imu_rows(values: Array) -> Array:
    """Put a covariance behind each of orientation, angular velocity and acceleration.

    Args:
        values: Shape (n, 10): quaternion x, y, z, w; rad/s; m/s2.

    Returns:
        Shape (n, 37), as it stands in the message.
    """
    rows = np.empty((len(values), 37))
    rows[:, 0:4], rows[:, 4:13] = values[:, 0:4], _IMU_COVARIANCES[0]
    rows[:, 13:16], rows[:, 16:25] = values[:, 4:7], _IMU_COVARIANCES[1]
    rows[:, 25:28], rows[:, 28:37] = values[:, 7:10], _IMU_COVARIANCES[2]
    return rows


def image_middle(rows: int, columns: int, encoding: str, pixel_bytes: int) -> Middle:
    """Lay out an Image up to its pixels."""

    def middle(start: int) -> bytes:
        step = pixel_bytes * columns
        writer = CdrWriter(start).uint32(rows, columns).string(encoding).uint8(0)
        return writer.uint32(step, step * rows).done()

    return middle


def jpeg_middle(start: int) -> bytes:
    """Lay out a CompressedImage up to the length of its picture."""
    return CdrWriter(start).string("jpeg").align(4).done()


def jpeg_values(picture: bytes) -> bytes:
    """Return a picture file with its length."""
    return len(picture).to_bytes(4, "little") + picture


def camera_info_middle(width: int, height: int, focal_px: float) -> Middle:
    """Lay out the CameraInfo of an ideal camera, all of it."""
    centre_x_px, centre_y_px = width / 2, height / 2

    def middle(start: int) -> bytes:
        writer = CdrWriter(start).uint32(height, width).string("plumb_bob")
        writer.uint32(5).float64([0.0] * 5)
        writer.float64([focal_px, 0.0, centre_x_px, 0.0, focal_px, centre_y_px, 0.0, 0.0, 1.0])
        writer.float64(np.eye(3).ravel())
        writer.float64([focal_px, 0.0, centre_x_px, 0.0, 0.0, focal_px, centre_y_px, 0.0, 0.0, 0.0, 1.0, 0.0])
        binning_and_roi = (0, 0, 0, 0, 0, 0)
        return writer.uint32(*binning_and_roi).uint8(0).done()

    return middle


def joy_middle(axes: int) -> Middle:
    """Lay out a Joy up to its axes."""
    return lambda start: CdrWriter(start).uint32(axes).done()


def joy_rows(axes: Array, buttons: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Put the number of buttons between axes and buttons.

    Args:
        axes: Shape (n, axes).
        buttons: Shape (n, buttons), 0 or 1.

    Returns:
        Shape (n, axes + 1 + buttons), as it stands in the message.
    """
    count = axes.shape[1]
    rows = np.empty((len(axes), count + 1 + buttons.shape[1]), np.int32)
    rows.view(np.float32)[:, :count] = axes
    rows[:, count], rows[:, count + 1 :] = buttons.shape[1], buttons
    return rows
