"""The little of CDR that is read or written without a message class: header stamps, and one string.

CDR (OMG DDSI-RTPS, clause 10) starts with a 4-byte encapsulation header whose second byte tells the byte order of
what follows. A message whose first field is ``std_msgs/Header`` therefore has its stamp at bytes 4..12: int32 seconds,
uint32 nanoseconds.
"""

import struct

_STAMP_LITTLE = struct.Struct("<iI")
_STAMP_BIG = struct.Struct(">iI")
_ENCAPSULATION_LITTLE_ENDIAN = b"\x00\x01\x00\x00"
_NS_PER_S = 1_000_000_000


def peek_header_stamp_ns(data: bytes) -> int | None:
    """Read the stamp of a message whose first field is ``std_msgs/Header``.

    Args:
        data: Serialised message with its encapsulation header.

    Returns:
        The stamp in ns since the epoch, or None when it is zero (never set by the sender), negative, has
        nanoseconds out of range, or the message is too short to hold one.
    """
    if len(data) < 12:
        return None
    seconds, nanoseconds = (_STAMP_LITTLE if data[1] & 1 else _STAMP_BIG).unpack_from(data, 4)
    if seconds < 0 or nanoseconds >= _NS_PER_S or not (seconds or nanoseconds):
        return None
    return int(seconds * _NS_PER_S + nanoseconds)


def is_little_endian(data: bytes) -> bool:
    """Tell the byte order from the encapsulation header (``data`` has at least 2 bytes)."""
    return bool(data[1] & 1)


def encode_string_message(text: str) -> bytes:
    """Serialise a ``std_msgs/msg/String``: encapsulation header, length with the closing NUL, the text, the NUL.

    rclpy's ``serialize_message`` appends bytes that are not part of the message, and strict readers refuse those.
    """
    payload = text.encode() + b"\x00"
    return _ENCAPSULATION_LITTLE_ENDIAN + struct.pack("<I", len(payload)) + payload
