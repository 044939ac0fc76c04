"""From the YAML to streams that give the exact bytes of any message by its running number.

A message is joined from four pieces: the start of its header, its frame with the number, what never changes (ready
made for every length the number can have, because that shifts the alignment), and the values. Values are computed
for a block of messages at a time, which makes the cost per message that of joining bytes. The values are written in the
byte order of this machine, which is little-endian wherever ROS 2 runs.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from humanoid_recorder.sim import synthetic_signals as signals
from humanoid_recorder.sim.synthetic_cdr import ENCAPSULATION, CdrWriter
from humanoid_recorder.sim.synthetic_config import (
    CameraConfig,
    ImuConfig,
    JointStateConfig,
    JoyConfig,
    StreamConfig,
    SyntheticRobotConfig,
    TouchConfig,
)
from humanoid_recorder.sim.synthetic_numbering import numbered_frame
from humanoid_recorder.sim.synthetic_pictures import PictureSpec, jpeg_pictures, raw_pictures

NS_PER_S = 1_000_000_000
_HEADER = struct.Struct("<4siII")
_BLOCK_S = 0.1
_MAX_BLOCK = 128

Payload = Callable[[int], bytes]
"""From the running number to the last, changing part of the message."""
Middle = Callable[[int], bytes]
"""From the position after the header (bytes after the encapsulation) to the constant part, aligned for the payload."""
_Body = tuple[Middle, Payload]


@dataclass(frozen=True, slots=True)
class SyntheticStream:
    """One topic and how its messages are made."""

    topic: str
    type: str
    """Message type, ``pkg/msg/Type``."""
    config: StreamConfig
    rate: Fraction
    """Messages per second."""
    encode: Callable[[int, int], bytes]
    """From running number and stamp (ns since the epoch) to the serialised message, exact to the byte."""

    def due_ns(self, number: int) -> int:
        """When message ``number`` is measured, ns since the start of the robot; exact, so nothing drifts."""
        since_first_ns = number * NS_PER_S * self.rate.denominator // self.rate.numerator
        return round(self.config.start_after_s * NS_PER_S) + since_first_ns


def build_streams(config: SyntheticRobotConfig) -> list[SyntheticStream]:
    """Make every stream of the file, camera_info included; draws the pictures, so it takes a moment."""
    made: list[tuple[str, str, StreamConfig, _Body]] = []
    made += [(item.topic, "sensor_msgs/msg/JointState", item, _joint_state(item)) for item in config.joint_states]
    made += [
        (item.topic, "geometry_msgs/msg/WrenchStamped", item, _aligned_values(item, signals.wrench_signal(index)))
        for index, item in enumerate(config.wrenches)
    ]
    made += [
        (item.topic, "sensor_msgs/msg/Image", item, _touch(item, index))
        for index, item in enumerate(config.touch_arrays)
    ]
    made += [(item.topic, "sensor_msgs/msg/Imu", item, _imu(item, index)) for index, item in enumerate(config.imus)]
    for camera in config.cameras:
        kind = "CompressedImage" if camera.encoding == "jpeg" else "Image"
        made.append((camera.topic, f"sensor_msgs/msg/{kind}", camera, _camera(camera)))
        if camera.info_topic:
            made.append((camera.info_topic, "sensor_msgs/msg/CameraInfo", camera, _camera_info(camera)))
    made += [
        (item.topic, "geometry_msgs/msg/PoseStamped", item, _aligned_values(item, signals.pose_signal(index)))
        for index, item in enumerate(config.poses)
    ]
    made += [(item.topic, "sensor_msgs/msg/Joy", item, _joy(item)) for item in config.joys]
    return [
        SyntheticStream(topic, kind, item, item.rate, _encoder(item.frame, body, numbered=config.numbered))
        for topic, kind, item, body in made
    ]


def _encoder(frame: str, body: _Body, *, numbered: bool) -> Callable[[int, int], bytes]:
    middle, payload = body

    @lru_cache(maxsize=32)
    def middle_after(frame_length: int) -> bytes:
        return middle(12 + frame_length)

    def encode(number: int, stamp_ns: int) -> bytes:
        text = (numbered_frame(frame, number) if numbered else frame).encode() + b"\x00"
        seconds, nanoseconds = divmod(stamp_ns, NS_PER_S)
        header = _HEADER.pack(ENCAPSULATION, seconds, nanoseconds, len(text))
        return b"".join((header, text, middle_after(len(text)), payload(number)))

    return encode


def _block_payload(rate: Fraction, rows_at: Callable[[signals.Array], npt.NDArray[np.generic]]) -> Payload:
    """Return row ``number`` of a signal as bytes, computing a block of rows whenever one is used up.

    Args:
        rate: Messages per second.
        rows_at: From times (s, shape (n,)) to one row per message, shape (n, width), as laid out in the message.
    """
    block = max(1, min(_MAX_BLOCK, int(rate * Fraction(_BLOCK_S))))
    period_s = rate.denominator / rate.numerator
    first, size, data = -1, 0, b""

    def payload(number: int) -> bytes:
        nonlocal first, size, data
        row = number % block
        if number - row != first:
            first = number - row
            rows = rows_at(np.arange(first, first + block, dtype=np.float64) * period_s)
            size, data = rows.itemsize * rows.shape[1], rows.tobytes()
        return data[row * size : (row + 1) * size]

    return payload


def _joint_state(config: JointStateConfig) -> _Body:
    joints = len(config.joints)
    signal = signals.joint_signal(joints)

    def middle(start: int) -> bytes:
        return CdrWriter(start).strings(config.joints).uint32(joints).align(8).done()

    def rows_at(time_s: signals.Array) -> signals.Array:
        values = signal(time_s)
        rows = np.empty((len(time_s), 3 * joints + 2))
        for at in range(3):
            rows[:, at * (joints + 1) : at * (joints + 1) + joints] = values[:, at * joints : (at + 1) * joints]
        # The length of the next sequence and its padding fill exactly one float64.
        rows.view(np.int64)[:, [joints, 2 * joints + 1]] = joints
        return rows

    return middle, _block_payload(config.rate, rows_at)


def _aligned_values(config: StreamConfig, signal: signals.Signal) -> _Body:
    return _aligned, _block_payload(config.rate, signal)


def _aligned(start: int) -> bytes:
    return CdrWriter(start).align(8).done()


def _touch(config: TouchConfig, index: int) -> _Body:
    signal = signals.touch_signal(config.rows, config.columns, index, config.peak_pa)

    def middle(start: int) -> bytes:
        step = 4 * config.columns
        writer = CdrWriter(start).uint32(config.rows, config.columns).string("32FC1").uint8(0)
        return writer.uint32(step, step * config.rows).done()

    return middle, _block_payload(config.rate, lambda time_s: signal(time_s).astype(np.float32))


def _imu(config: ImuConfig, index: int) -> _Body:
    signal = signals.imu_signal(index)
    covariances = np.eye(3).ravel() * np.array([[1e-4], [1e-5], [1e-3]])

    def rows_at(time_s: signals.Array) -> signals.Array:
        values = signal(time_s)
        rows = np.empty((len(time_s), 37))
        rows[:, 0:4], rows[:, 4:13] = values[:, 0:4], covariances[0]
        rows[:, 13:16], rows[:, 16:25] = values[:, 4:7], covariances[1]
        rows[:, 25:28], rows[:, 28:37] = values[:, 7:10], covariances[2]
        return rows

    return _aligned, _block_payload(config.rate, rows_at)


def _camera(config: CameraConfig) -> _Body:
    spec = PictureSpec(config.name, config.width, config.height, config.quality, config.loop_frames)
    if config.encoding == "jpeg":
        jpeg = jpeg_pictures(spec)

        def payload(number: int) -> bytes:
            data = jpeg(number)
            return len(data).to_bytes(4, "little") + data

        return lambda start: CdrWriter(start).string("jpeg").align(4).done(), payload

    def middle(start: int) -> bytes:
        step = 3 * config.width
        writer = CdrWriter(start).uint32(config.height, config.width).string("rgb8").uint8(0)
        return writer.uint32(step, step * config.height).done()

    return middle, raw_pictures(spec)


def _camera_info(config: CameraConfig) -> _Body:
    focal_px, centre_x_px, centre_y_px = 0.9 * config.width, config.width / 2, config.height / 2

    def middle(start: int) -> bytes:
        writer = CdrWriter(start).uint32(config.height, config.width).string("plumb_bob")
        writer.uint32(5).float64([0.0] * 5)
        writer.float64([focal_px, 0.0, centre_x_px, 0.0, focal_px, centre_y_px, 0.0, 0.0, 1.0])
        writer.float64(np.eye(3).ravel())
        writer.float64([focal_px, 0.0, centre_x_px, 0.0, 0.0, focal_px, centre_y_px, 0.0, 0.0, 0.0, 1.0, 0.0])
        binning_and_roi = (0, 0, 0, 0, 0, 0)
        return writer.uint32(*binning_and_roi).uint8(0).done()

    return middle, lambda _number: b""


def _joy(config: JoyConfig) -> _Body:
    signal = signals.joy_axes_signal(config.axes)

    def rows_at(time_s: signals.Array) -> npt.NDArray[np.int32]:
        rows = np.empty((len(time_s), config.axes + 1 + config.buttons), np.int32)
        rows.view(np.float32)[:, : config.axes] = signal(time_s)
        rows[:, config.axes] = config.buttons
        rows[:, config.axes + 1 :] = signals.joy_buttons(time_s, config.buttons)
        return rows

    return lambda start: CdrWriter(start).uint32(config.axes).done(), _block_payload(config.rate, rows_at)
