"""Frames as ``std_msgs/msg/Int64MultiArray``: one message for each, as the recorder writes them on ``~/frames``.

Layout: ``data_offset`` 2, in front of it tick (ns since the epoch) and index; dimensions ``stream:<names>`` and
``field:first_ordinal,count,stamp_ns,age_ns,status``, row by row.
"""

import struct

import numpy as np

from humanoid_recorder.core.alignment.frames import FIELDS, Frame
from humanoid_recorder.core.cdr import ENCAPSULATION
from humanoid_recorder.core.message_type import MessageType

FRAMES_TYPE = MessageType(
    name="std_msgs/msg/Int64MultiArray",
    definition=(
        "MultiArrayLayout layout\nint64[] data\n"
        + "=" * 80
        + "\nMSG: std_msgs/MultiArrayLayout\nMultiArrayDimension[] dim\nuint32 data_offset\n"
        + "=" * 80
        + "\nMSG: std_msgs/MultiArrayDimension\nstring label\nuint32 size\nuint32 stride\n"
    ),
    type_hash="RIHS01_e60f9fe34d697f0939ad49d33158693c1277fbac0e2f04b7c2995dc21c89b422",
    has_header=False,
)
_IN_FRONT = 2
"""Values before the cells: tick and index."""
_U32 = struct.Struct("<I")
_CDR_ALIGNS_FROM = len(ENCAPSULATION)


class FrameEncoder:
    """Serialises the frames of one episode.

    Args:
        names: Of the aligned streams; without commas.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self._shape = (len(names), len(FIELDS))
        head = bytearray(ENCAPSULATION)
        head += _U32.pack(2)
        for label, size, stride in (
            (f"stream:{','.join(names)}", len(names), len(names) * len(FIELDS)),
            (f"field:{','.join(FIELDS)}", len(FIELDS), len(FIELDS)),
        ):
            text = label.encode() + b"\0"
            head += _U32.pack(len(text)) + text
            head += bytes(-(len(head) - _CDR_ALIGNS_FROM) % 4)
            head += _U32.pack(size) + _U32.pack(stride)
        head += _U32.pack(_IN_FRONT) + _U32.pack(_IN_FRONT + len(names) * len(FIELDS))
        head += bytes(-(len(head) - _CDR_ALIGNS_FROM) % 8)
        self._head = bytes(head)

    def encode(self, frame: Frame) -> bytes:
        """Serialise one frame; its cells must be those of the streams named."""
        if frame.cells.shape != self._shape:
            raise ValueError(f"a frame of shape {frame.cells.shape} where {self._shape} is expected")
        front = np.array([frame.tick_ns, frame.index], "<i8").tobytes()
        return self._head + front + frame.cells.astype("<i8", copy=False).tobytes()


def decode_frame(data: bytes) -> tuple[tuple[str, ...], Frame]:
    """Read a message that ``FrameEncoder`` has written; returns the names of the streams and the frame.

    Raises:
        ValueError: It is something else.
    """
    try:
        return _decode(data)
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise ValueError(f"not a message of frames: {error}") from error


def _decode(data: bytes) -> tuple[tuple[str, ...], Frame]:
    if data[:2] != ENCAPSULATION[:2] or _U32.unpack_from(data, 4)[0] != 2:
        raise ValueError("not a little-endian array of two dimensions")
    at, labels = 8, []
    for _ in range(2):
        (length,) = _U32.unpack_from(data, at)
        labels.append(data[at + 4 : at + 3 + length].decode())
        at += 4 + length
        at += -(at - _CDR_ALIGNS_FROM) % 4 + 8
    stream_label, field_label = labels
    if not stream_label.startswith("stream:") or field_label != f"field:{','.join(FIELDS)}":
        raise ValueError(f"dimensions {labels}")
    offset, count = _U32.unpack_from(data, at)[0], _U32.unpack_from(data, at + 4)[0]
    at += 8
    at += -(at - _CDR_ALIGNS_FROM) % 8
    names = tuple(stream_label.removeprefix("stream:").split(","))
    if offset != _IN_FRONT or count != _IN_FRONT + len(names) * len(FIELDS) or len(data) < at + 8 * count:
        raise ValueError(f"{count} values do not fit {len(names)} streams")
    values = np.frombuffer(data, "<i8", count, at)
    cells = values[_IN_FRONT:].reshape(len(names), len(FIELDS)).astype(np.int64)
    return names, Frame(int(values[0]), int(values[1]), cells)
