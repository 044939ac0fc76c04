"""The running number that every synthetic message carries, so that a reader can prove what is missing.

The number counts from 0 in each stream and never skips one. It is the end of ``header.frame_id``
(``left_wrist_yaw_link#1234``); a JPEG carries the same text in a comment segment, and its picture shows it.
"""

import struct

_MARK = "#"
_SOI = b"\xff\xd8"
_COM, _SOS = 0xFE, 0xDA


def numbered_frame(frame: str, number: int) -> str:
    """Return the ``frame_id`` of message ``number`` of a stream measured in ``frame``."""
    return f"{frame}{_MARK}{number}"


def number_of(frame_id: str) -> int | None:
    """Read the running number from a ``frame_id``; None when it carries none."""
    _, mark, digits = frame_id.rpartition(_MARK)
    return int(digits) if mark and digits.isascii() and digits.isdigit() else None


def comment_segment(text: str) -> bytes:
    """Return a JPEG comment segment (ITU-T T.81, B.2.4.5): marker, length with itself counted, text."""
    payload = text.encode()
    return struct.pack(">BBH", 0xFF, _COM, len(payload) + 2) + payload


def number_in_jpeg(jpeg: bytes) -> int | None:
    """Read the running number from the comment segment of a JPEG file; None when it has none or is no JPEG."""
    if jpeg[:2] != _SOI:
        return None
    at = 2
    while at + 4 <= len(jpeg):
        escape, marker, length = struct.unpack_from(">BBH", jpeg, at)
        if escape != 0xFF or marker == _SOS:
            return None
        if marker == _COM:
            return number_of(jpeg[at + 4 : at + 2 + length].decode(errors="replace"))
        at += 2 + length
    return None
