"""What a stream is: one recorded topic under its profile name, and how its stamps are found."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from humanoid_recorder.core.cdr import is_little_endian, peek_header_stamp_ns

StampReader = Callable[[bytes], int | None]


class StreamKind(StrEnum):
    """What a stream measures; decides which checks and pictures make sense for it."""

    JOINT = "joint"
    COMMAND = "command"
    WRENCH = "wrench"
    TACTILE = "tactile"
    IMU = "imu"
    CAMERA = "camera"
    CAMERA_INFO = "camera_info"
    OPERATOR = "operator"
    MOCAP = "mocap"
    OBJECT = "object"
    DESCRIPTION = "description"
    TRANSFORM = "transform"
    EVENT = "event"
    OTHER = "other"


class StampSource(StrEnum):
    """Where the measurement time of a stream comes from."""

    HEADER = "header"
    """The ``std_msgs/Header`` that is the first field of the type."""
    FIELD = "field"
    """An integer at a fixed place in the message, declared in the profile."""
    NONE = "none"
    """The stream has no measurement time; none is invented."""


_FIELD_FORMATS = {"int32": "i", "uint32": "I", "int64": "q", "uint64": "Q"}
_UNIT_NS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000}


@dataclass(frozen=True, slots=True)
class FieldStamp:
    """An integer time since the epoch at a fixed byte of the message, such as the int64 ms of a headset."""

    at_byte: int
    """Offset in the serialised message, its 4-byte encapsulation header included."""
    type: str
    """int32, uint32, int64 or uint64."""
    unit: str
    """ns, us, ms or s."""

    def reader(self) -> StampReader:
        """Return a function from message bytes to ns since the epoch (None where the message is too short)."""
        layouts = {
            little: struct.Struct(("<" if little else ">") + _FIELD_FORMATS[self.type]) for little in (True, False)
        }
        unit_ns, end = _UNIT_NS[self.unit], self.at_byte + layouts[True].size

        def read(data: bytes) -> int | None:
            if len(data) < end:
                return None
            value = int(layouts[is_little_endian(data)].unpack_from(data, self.at_byte)[0]) * unit_ns
            return value if value > 0 else None

        return read


@dataclass(frozen=True, slots=True)
class Stream:
    """One topic to record, as the profile declares it or as discovery found it."""

    name: str
    """Profile name; without a profile, the topic itself."""
    topic: str
    """Fully qualified topic name."""
    type: str
    """Message type, ``pkg/msg/Type``."""
    kind: StreamKind = StreamKind.OTHER
    rate_hz: float | None = None
    """Expected rate; None for event streams, which never hold up a start."""
    required: bool = False
    """Recording does not start before the first message of a required stream has arrived."""
    max_gap_ns: int | None = None
    """Longest silence still accepted; None = not checked."""
    stamp: StampSource | FieldStamp | None = None
    """Where stamps come from; None = the header if the type starts with one, else no stamp."""
    serial: str = ""
    """Serial number of the sensor, for provenance."""
    unit: str = ""
    """Unit of the values where the type does not fix it (tactile arrays: Pa)."""

    def stamp_reader(self, *, has_header: bool) -> StampReader | None:
        """Choose how stamps are read.

        Args:
            has_header: Whether the type's first field is ``std_msgs/Header``.

        Returns:
            A function from message bytes to ns since the epoch, or None when the stream has no stamps.
        """
        if isinstance(self.stamp, FieldStamp):
            return self.stamp.reader()
        if self.stamp is StampSource.NONE or not has_header:
            return None
        return peek_header_stamp_ns
