"""Whether the system clock is kept by NTP or PTP, as the kernel knows it."""

import ctypes

_STA_UNSYNC = 0x0040
_TIMEX_BYTES = 208
_STATUS_OFFSET = 40
"""``struct timex`` on 64-bit Linux: modes (4, padded to 8), offset, freq, maxerror, esterror (8 each), status."""


def is_clock_synchronised() -> bool | None:
    """Ask the kernel, as ``timedatectl`` does: adjtimex(2) without changing anything.

    Returns:
        Whether some daemon keeps the clock; None where the kernel cannot be asked.
    """
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        state = ctypes.CDLL(None).adjtimex(buffer)
    except (OSError, AttributeError):
        return None
    if state < 0:
        return None
    status = int.from_bytes(buffer.raw[_STATUS_OFFSET : _STATUS_OFFSET + 4], byteorder="little")
    return not status & _STA_UNSYNC
