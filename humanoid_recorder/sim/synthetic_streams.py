"""From the YAML to streams that give the exact bytes of any message by its running number.

A message is joined from four pieces: the start of its header, its frame with the number, what never changes (ready
made for every length the number can have, because that shifts the alignment), and the values. Values are computed
for a block of messages at a time, which makes the cost per message that of joining bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from humanoid_recorder.sim import message_layout as layout
from humanoid_recorder.sim import synthetic_signals as signals
from humanoid_recorder.sim.message_layout import NS_PER_S
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

_BLOCK_S = 0.1
_MAX_BLOCK = 128

Payload = Callable[[int], bytes]
"""From the running number to the last, changing part of the message."""
_Body = tuple[layout.Middle, Payload]


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
        return b"".join((layout.header(stamp_ns, text), middle_after(len(text)), payload(number)))

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
    signal = signals.joint_signal(len(config.joints))
    payload = _block_payload(config.rate, lambda time_s: layout.joint_state_rows(signal(time_s)))
    return layout.joint_state_middle(config.joints), payload


def _aligned_values(config: StreamConfig, signal: signals.Signal) -> _Body:
    return layout.float64_middle, _block_payload(config.rate, signal)


def _touch(config: TouchConfig, index: int) -> _Body:
    signal = signals.touch_signal(config.rows, config.columns, index, config.peak_pa)
    middle = layout.image_middle(config.rows, config.columns, "32FC1", 4)
    return middle, _block_payload(config.rate, lambda time_s: signal(time_s).astype(np.float32))


def _imu(config: ImuConfig, index: int) -> _Body:
    signal = signals.imu_signal(index)
    return layout.float64_middle, _block_payload(config.rate, lambda time_s: layout.imu_rows(signal(time_s)))


def _camera(config: CameraConfig) -> _Body:
    spec = PictureSpec(config.name, config.width, config.height, config.quality, config.loop_frames)
    if config.encoding == "jpeg":
        jpeg = jpeg_pictures(spec)
        return layout.jpeg_middle, lambda number: layout.jpeg_values(jpeg(number))
    return layout.image_middle(config.height, config.width, "rgb8", 3), raw_pictures(spec)


def _camera_info(config: CameraConfig) -> _Body:
    return layout.camera_info_middle(config.width, config.height, 0.9 * config.width), lambda _number: b""


def _joy(config: JoyConfig) -> _Body:
    signal = signals.joy_axes_signal(config.axes)

    def rows_at(time_s: signals.Array) -> npt.NDArray[np.int32]:
        return layout.joy_rows(signal(time_s), signals.joy_buttons(time_s, config.buttons))

    return layout.joy_middle(config.axes), _block_payload(config.rate, rows_at)
