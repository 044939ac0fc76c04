"""Keys of the terminal, one at a time and without Enter; over SSH as well, and from foot pedals that type a space."""

import contextlib
import os
import re
import select
import termios
import tty
from types import TracebackType
from typing import Any, Self

_SEQUENCE = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?", re.DOTALL)
"""What an arrow or a function key sends, Alt with another key, or Escape alone."""
_ARROWS = {b"A": "↑", b"B": "↓", b"C": "→", b"D": "←"}
_READ_BYTES = 256


class TerminalKeys:
    """Reads keys while the block lasts, and leaves the terminal as it was.

    Ctrl-C stays a signal.

    Args:
        fd: File descriptor of a terminal.
        arrows: Whether arrows are keys; they are then ``←→↑↓``.
    """

    def __init__(self, fd: int, *, arrows: bool = False) -> None:
        self._fd = fd
        self._arrows = arrows
        self._saved: list[Any] = []
        self.is_gone = False
        """Whether the terminal has been closed."""

    def __enter__(self) -> Self:
        self._saved = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd, termios.TCSANOW)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(termios.error):  # a terminal that has gone needs no restoring
            termios.tcsetattr(self._fd, termios.TCSANOW, self._saved)

    def read(self, timeout_s: float) -> str:
        """Return the keys that have been pressed; waits for the first of them.

        Other keys that send a sequence (function keys) are left out: their letters mean something else here.

        Args:
            timeout_s: How long to wait at most.
        """
        if self.is_gone:
            return ""
        try:
            if not select.select([self._fd], [], [], timeout_s)[0]:
                return ""
            data = os.read(self._fd, _READ_BYTES)
        except OSError:
            data = b""
        if not data:
            self.is_gone = True
        return _SEQUENCE.sub(self._meaning, data).decode(errors="ignore")

    def _meaning(self, sequence: re.Match[bytes]) -> bytes:
        arrow = _ARROWS.get(sequence[0][-1:], "") if self._arrows and len(sequence[0]) == 3 else ""
        return arrow.encode()
