"""Serialised messages to send: valid CDR of an exact size, in which a number and a stamp can be patched.

Every message carries its number as eight hexadecimal digits at the same place: types with a ``std_msgs/Header`` in its
``frame_id``, ``std_msgs/UInt8MultiArray`` at the start of its data.
"""

import os
import struct
from collections.abc import Callable

from humanoid_recorder.core.cdr import ENCAPSULATION
from humanoid_recorder.sim.cdr_writer import CdrWriter

NUMBER = slice(16, 24)
"""Where the digits stand in the serialised message."""
STAMP_AT = 4
NO_HEADER = "std_msgs/msg/UInt8MultiArray"
_STAMP = struct.Struct("<iI")
_NO_NUMBER = "0" * 8
_NS_PER_S = 1_000_000_000


def number_of(message: bytes) -> int:
    """Read the number of a message that was made here."""
    return int(message[NUMBER], 16)


class Template:
    """A message of one stream, ready but for number and stamp."""

    def __init__(self, type_name: str, size_bytes: int) -> None:
        self._message = bytearray(make_message(type_name, size_bytes))
        self._has_stamp = type_name != NO_HEADER

    def message(self, number: int, stamp_ns: int) -> bytes:
        """Return the bytes to publish."""
        self._message[NUMBER] = b"%08x" % number
        if self._has_stamp:
            _STAMP.pack_into(self._message, STAMP_AT, *divmod(stamp_ns, _NS_PER_S))
        return bytes(self._message)


def make_message(type_name: str, size_bytes: int) -> bytes:
    """Build a message of exactly this size, encapsulation included.

    Raises:
        ValueError: A message of the type cannot have that size.
    """
    message = ENCAPSULATION + _BODIES[type_name](size_bytes - len(ENCAPSULATION))
    if len(message) != size_bytes:
        raise ValueError(f"{type_name} of {size_bytes} B cannot be made; {len(message)} B can")
    return message


def _header(suffix: str = "") -> CdrWriter:
    return CdrWriter().uint32(0, 0).string(_NO_NUMBER + suffix)


def _filled(head: CdrWriter, size: int) -> bytes:
    """End with a sequence of bytes that fills the message; bytes of a camera cannot be compressed."""
    rest = size - len(head.align(4).done()) - 4
    return head.uint32(rest).done() + os.urandom(rest)


def _array(size: int) -> bytes:
    return _filled(CdrWriter().uint32(0, 0), size)


def _compressed_image(size: int) -> bytes:
    return _filled(_header().string("jpeg"), size)


def _image(size: int) -> bytes:
    """One row of 8-bit pixels; to the recorder an image is so many bytes."""
    head = _header()
    width = size - len(_header().uint32(1, 0).string("mono8").uint8(0).uint32(0).done()) - 4
    return _filled(head.uint32(1, width).string("mono8").uint8(0).uint32(width), size)


def _camera_info(size: int) -> bytes:
    matrices = [float(number) for number in range(9 + 9 + 12)]

    def with_model(model: str) -> bytes:
        writer = _header().uint32(720, 1280).string(model).uint32(5).float64([0.0] * 5)
        return writer.float64(matrices).uint32(0, 0, 0, 0, 0, 0).uint8(0).done()

    # The last field is one byte; the only text makes up what is left.
    return _stretched(with_model, size)


def _joint_state(size: int) -> bytes:
    joints = max(1, size // 52)

    def with_name(name: str) -> bytes:
        writer = _header().strings([f"joint_{number:02}" for number in range(joints - 1)] + [name])
        for _ in range(3):
            writer.uint32(joints).float64([0.5] * joints)
        return writer.done()

    return _stretched(with_name, size)


def _imu(_size: int) -> bytes:
    return _header("imu_link").float64([0.0] * 37).done()


def _wrench(_size: int) -> bytes:
    return _header("tool_ft_").float64([1.0] * 6).done()


def _pose(size: int) -> bytes:
    return _stretched(lambda suffix: _header(suffix).float64([0.0] * 7).done(), size)


def _pose_array(size: int) -> bytes:
    poses = (size - 32) // 56
    return _stretched(lambda suffix: _header(suffix).uint32(poses).float64([0.0] * 7 * poses).done(), size)


def _joy(size: int) -> bytes:
    buttons = (size - len(_header().align(4).done()) - 8) // 4 - 6
    writer = _header().uint32(6)
    return writer.uint32(*[0] * 6).uint32(buttons, *[0] * buttons).done()


def _stretched(build: Callable[[str], bytes], size: int) -> bytes:
    """Lengthen a text until the message has the size, or as near as its alignment lets it come."""
    length = 0
    while len(build("_" * length)) < size:
        length += max(1, size - len(build("_" * length)) - 8)
    return build("_" * length)


_BODIES: dict[str, Callable[[int], bytes]] = {
    NO_HEADER: _array,
    "sensor_msgs/msg/CompressedImage": _compressed_image,
    "sensor_msgs/msg/Image": _image,
    "sensor_msgs/msg/CameraInfo": _camera_info,
    "sensor_msgs/msg/JointState": _joint_state,
    "sensor_msgs/msg/Imu": _imu,
    "geometry_msgs/msg/WrenchStamped": _wrench,
    "geometry_msgs/msg/PoseStamped": _pose,
    "geometry_msgs/msg/PoseArray": _pose_array,
    "sensor_msgs/msg/Joy": _joy,
}
