"""An exact CDR writer for the messages of robots that are not there.

rclpy's ``serialize_message`` appends bytes that are not part of the message, which strict readers refuse, and filling
message objects costs several times what joining ready-made bytes does. CDR is XCDR version 1 (OMG DDS-XTypes 7.4.1):
little-endian, every primitive aligned to its size, counted from the end of the 4-byte encapsulation header.
"""

import struct
from collections.abc import Iterable


class CdrWriter:
    """Appends fields, aligned. ``start`` is where the first one comes to lie, in bytes after the encapsulation."""

    def __init__(self, start: int = 0) -> None:
        self._start = start
        self._bytes = bytearray()

    def align(self, size: int) -> "CdrWriter":
        """Pad to a multiple of ``size``."""
        self._bytes += bytes(-(self._start + len(self._bytes)) % size)
        return self

    def uint8(self, value: int) -> "CdrWriter":
        """Append a uint8, an octet or a bool."""
        self._bytes.append(value)
        return self

    def uint32(self, *values: int) -> "CdrWriter":
        """Append uint32 fields; also the length of a sequence."""
        self.align(4)
        self._bytes += struct.pack(f"<{len(values)}I", *values)
        return self

    def float64(self, values: Iterable[float]) -> "CdrWriter":
        """Append float64 fields or a float64 array of fixed length (a sequence has its length before it)."""
        numbers = list(values)
        if numbers:
            self.align(8)
            self._bytes += struct.pack(f"<{len(numbers)}d", *numbers)
        return self

    def string(self, text: str) -> "CdrWriter":
        """Append a string: its length with the closing NUL, the text, the NUL."""
        payload = text.encode() + b"\x00"
        self.uint32(len(payload))
        self._bytes += payload
        return self

    def strings(self, texts: Iterable[str]) -> "CdrWriter":
        """Append a sequence of strings."""
        many = list(texts)
        self.uint32(len(many))
        for text in many:
            self.string(text)
        return self

    def done(self) -> bytes:
        """Return what was written."""
        return bytes(self._bytes)
