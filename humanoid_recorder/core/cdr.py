"""The little of CDR that is read or written without a message class: headers, compressed pictures, and one string.

CDR (OMG DDSI-RTPS, clause 10) starts with a 4-byte encapsulation header whose second byte tells the byte order of
what follows. A message whose first field is ``std_msgs/Header`` therefore has its stamp at bytes 4..12: int32 seconds,
uint32 nanoseconds.
"""

import struct

_STAMP_LITTLE = struct.Struct("<iI")
_STAMP_BIG = struct.Struct(">iI")
ENCAPSULATION = b"\x00\x01\x00\x00"
"""Of what we encode: plain CDR, little-endian."""

_NS_PER_S = 1_000_000_000
_FRAME_ID_AT = 12


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


def peek_frame_id(data: bytes) -> str | None:
    """Read the ``frame_id`` of a message whose first field is ``std_msgs/Header``: length with the NUL, then the text.

    Args:
        data: Serialised message with its encapsulation header.

    Returns:
        The text without its NUL, or None when the message does not hold one there.
    """
    text, _ = _peek_string(data, _FRAME_ID_AT)
    return text


def peek_compressed_image(data: bytes) -> tuple[str, bytes] | None:
    """Read format and picture of a ``sensor_msgs/msg/CompressedImage``.

    Args:
        data: Serialised message with its encapsulation header.

    Returns:
        The format as the sender spells it (often starting with ``jpeg`` or ``png``) and the bytes of the picture file,
        or None when the message does not hold them.
    """
    _, at = _peek_string(data, _FRAME_ID_AT)
    picture_format, at = _peek_string(data, at)
    length = _peek_length(data, at)
    picture = data[at + 4 : at + 4 + (length or 0)]
    if picture_format is None or length is None or len(picture) != length:
        return None
    return picture_format, picture


def _peek_string(data: bytes, at: int) -> tuple[str | None, int]:
    """Return the string whose length stands at ``at``, and where the 4-byte aligned field behind it is."""
    length = _peek_length(data, at)
    end = at + 4 + (length or 0)
    if not length or end > len(data) or data[end - 1]:
        return None, len(data)
    return data[at + 4 : end - 1].decode(errors="replace"), end + (-end % 4)


def _peek_length(data: bytes, at: int) -> int | None:
    if at + 4 > len(data):
        return None
    return int.from_bytes(data[at : at + 4], "little" if is_little_endian(data) else "big")


def is_little_endian(data: bytes) -> bool:
    """Tell the byte order from the encapsulation header (``data`` has at least 2 bytes)."""
    return bool(data[1] & 1)


def encode_string_message(text: str) -> bytes:
    """Serialise a ``std_msgs/msg/String``: encapsulation header, length with the closing NUL, the text, the NUL.

    rclpy's ``serialize_message`` appends bytes that are not part of the message, and strict readers refuse those.
    """
    payload = text.encode() + b"\x00"
    return ENCAPSULATION + struct.pack("<I", len(payload)) + payload


def encode_time_message(time_ns: int) -> bytes:
    """Serialise a message whose only field is a ``builtin_interfaces/Time``, such as ``rosgraph_msgs/msg/Clock``."""
    return ENCAPSULATION + _STAMP_LITTLE.pack(*divmod(time_ns, _NS_PER_S))
