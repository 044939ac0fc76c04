"""The streams of the simulated humanoid: topic, type, rate, and the exact bytes of a message from its values.

The names are those of ``config/robots/g1_sim.yaml``. Values are arrays as ``humanoid_rig`` measures them, or a
picture file; quaternions in them are x, y, z, w.
"""

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from humanoid_recorder.core.cdr import ENCAPSULATION
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.sim import message_layout as layout
from humanoid_recorder.sim.cdr_writer import CdrWriter
from humanoid_recorder.sim.faults.effects import Values

Encode = Callable[[int, Values], bytes]
"""From stamp (ns since the epoch) and values to the serialised message, exact to the byte."""

WORLD = "world"
CAMERA_WIDTH, CAMERA_HEIGHT = 320, 240
JOY_AXES, JOY_BUTTONS = 6, 8
COMMANDS, TRANSFORMS = "commands", "tf"
SIDES = ("left", "right")
OPERATOR_POSES = ("head", "left_hand", "right_hand")
_JOINT_STATE = "sensor_msgs/msg/JointState"
_STAMP, _TIME = struct.Struct("<4siI"), struct.Struct("<iI")


@dataclass(frozen=True, slots=True)
class HumanoidStream:
    """One topic."""

    name: str
    topic: str
    type: str
    """Message type, ``pkg/msg/Type``."""
    kind: StreamKind
    rate_hz: int
    encode: Encode


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """What the robot and its scene have."""

    joints: Sequence[str]
    objects: Sequence[str]
    """Things that motion capture sees."""
    cameras: Mapping[str, float]
    """Vertical field of view in degrees by name: ``head``, ``left_wrist``, ``right_wrist``."""
    touch_shape: tuple[int, int]
    """Rows and columns of a hand's array."""
    operator: bool
    """The scripted operator drives, so there are commands."""
    transforms: Sequence[tuple[str, str]] = ()
    """Parent and child frame of every link; empty for no ``/tf``."""


def build_streams(plan: StreamPlan) -> dict[str, HumanoidStream]:
    """Return every stream by its name."""
    streams = [
        *_body_streams(plan),
        *_hand_streams(plan),
        *(stream for camera, fovy in plan.cameras.items() for stream in _camera_streams(camera, fovy)),
        *_operator_streams(),
        *(_pose(f"mocap_{name}", f"/mocap/{name}", StreamKind.MOCAP, 120) for name in ("left_hand", "right_hand")),
        *(_pose(f"mocap_{name}", f"/mocap/{name}", StreamKind.OBJECT, 120) for name in plan.objects),
    ]
    if plan.operator:
        encode = _encoder("", layout.joint_state_middle(plan.joints), _positions_only)
        streams.append(HumanoidStream(COMMANDS, "/joint_commands", _JOINT_STATE, StreamKind.COMMAND, 100, encode))
    if plan.transforms:
        encode = _transforms_encoder(plan.transforms)
        kind = StreamKind.TRANSFORM
        streams.append(HumanoidStream(TRANSFORMS, "/tf", "tf2_msgs/msg/TFMessage", kind, 50, encode))
    return {stream.name: stream for stream in streams}


def camera_frame(camera: str) -> str:
    """Return the optical frame of a camera: x right, y down, z ahead."""
    return f"{camera}_camera_color_optical_frame"


def focal_px(fovy_deg: float) -> float:
    """Return the focal length of a camera whose picture is ``CAMERA_HEIGHT`` high."""
    return CAMERA_HEIGHT / 2 / math.tan(math.radians(fovy_deg) / 2)


def _body_streams(plan: StreamPlan) -> list[HumanoidStream]:
    joints = _encoder("", layout.joint_state_middle(plan.joints), _joint_values)
    imu = _encoder("imu_in_pelvis", layout.float64_middle, _imu_values)
    return [
        HumanoidStream("joints", "/joint_states", _JOINT_STATE, StreamKind.JOINT, 500, joints),
        HumanoidStream("imu", "/imu/data", "sensor_msgs/msg/Imu", StreamKind.IMU, 500, imu),
    ]


def _hand_streams(plan: StreamPlan) -> list[HumanoidStream]:
    streams = []
    for side in SIDES:
        frame = f"{side}_hand_palm_link"
        wrench = _encoder(frame, layout.float64_middle, _as_bytes)
        touch = _encoder(frame, layout.image_middle(*plan.touch_shape, "32FC1", 4), _as_float32)
        kind, topic = "geometry_msgs/msg/WrenchStamped", f"/{side}_wrist/wrench"
        streams.append(HumanoidStream(f"{side}_wrench", topic, kind, StreamKind.WRENCH, 1000, wrench))
        kind, topic = "sensor_msgs/msg/Image", f"/{side}_hand/touch"
        streams.append(HumanoidStream(f"{side}_touch", topic, kind, StreamKind.TACTILE, 100, touch))
    return streams


def _camera_streams(camera: str, fovy_deg: float) -> list[HumanoidStream]:
    frame, topic = camera_frame(camera), f"/{camera}_camera/color"
    picture = _encoder(frame, layout.jpeg_middle, lambda jpeg: layout.jpeg_values(bytes(jpeg)))
    middle = layout.camera_info_middle(CAMERA_WIDTH, CAMERA_HEIGHT, focal_px(fovy_deg))
    info = _encoder(frame, middle, lambda _values: b"")
    image_type, info_type = "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/CameraInfo"
    return [
        HumanoidStream(camera, f"{topic}/image_raw/compressed", image_type, StreamKind.CAMERA, 30, picture),
        HumanoidStream(f"{camera}_info", f"{topic}/camera_info", info_type, StreamKind.CAMERA_INFO, 30, info),
    ]


def _operator_streams() -> list[HumanoidStream]:
    poses = [_pose(f"operator_{part}", f"/operator/{part}", StreamKind.OPERATOR, 72) for part in OPERATOR_POSES]
    joy = _encoder("", layout.joy_middle(JOY_AXES), _joy_values)
    return [
        *poses,
        HumanoidStream("operator_joy", "/operator/joy", "sensor_msgs/msg/Joy", StreamKind.OPERATOR, 72, joy),
    ]


def _pose(name: str, topic: str, kind: StreamKind, rate_hz: int) -> HumanoidStream:
    encode = _encoder(WORLD, layout.float64_middle, _as_bytes)
    return HumanoidStream(name, topic, "geometry_msgs/msg/PoseStamped", kind, rate_hz, encode)


def _encoder(frame: str, middle: layout.Middle, payload: Callable[[Values], bytes]) -> Encode:
    """Make ready everything that stays the same, so that a message costs little more than joining bytes."""
    text = frame.encode() + b"\x00"
    constant = len(text).to_bytes(4, "little") + text + middle(12 + len(text))

    def encode(stamp_ns: int, values: Values) -> bytes:
        seconds, nanoseconds = divmod(stamp_ns, layout.NS_PER_S)
        return b"".join((_STAMP.pack(ENCAPSULATION, seconds, nanoseconds), constant, payload(values)))

    return encode


def _as_bytes(values: Values) -> bytes:
    return values if isinstance(values, bytes) else values.tobytes()


def _as_float32(values: Values) -> bytes:
    return np.asarray(values).astype(np.float32).tobytes()


def _joint_values(values: Values) -> bytes:
    return layout.joint_state_rows(np.asarray(values)[None]).tobytes()


def _imu_values(values: Values) -> bytes:
    return layout.imu_rows(np.asarray(values)[None]).tobytes()


def _joy_values(values: Values) -> bytes:
    row = np.asarray(values)[None]
    return layout.joy_rows(row[:, :JOY_AXES], row[:, JOY_AXES:].astype(np.int32)).tobytes()


def _positions_only(values: Values) -> bytes:
    """Positions, and sequences of no velocities and no efforts."""
    return _as_bytes(values) + bytes(8)


def _transforms_encoder(links: Sequence[tuple[str, str]]) -> Encode:
    """Lay out a TFMessage whose frames never change, with holes for stamps and transforms."""
    template, stamps_at, values_at = CdrWriter(), [], []
    template.uint32(len(links))
    for parent, child in links:
        template.align(4)
        stamps_at.append(len(template.done()))
        template.uint32(0, 0).string(parent).string(child).align(8)
        values_at.append(len(template.done()))
        template.float64([0.0] * 7)
    constant = ENCAPSULATION + template.done()

    def encode(stamp_ns: int, values: Values) -> bytes:
        data = bytearray(constant)
        stamp = divmod(stamp_ns, layout.NS_PER_S)
        rows = np.asarray(values).reshape(len(links), 7)
        for stamp_at, value_at, row in zip(stamps_at, values_at, rows, strict=True):
            _TIME.pack_into(data, len(ENCAPSULATION) + stamp_at, *stamp)
            data[len(ENCAPSULATION) + value_at : len(ENCAPSULATION) + value_at + 56] = row.tobytes()
        return bytes(data)

    return encode
