"""Reads a bag ahead of what is played, in a thread of its own.

A disk that pauses, or a chunk that has to be decompressed, must not delay a message.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Self

from humanoid_recorder.playback.playback import FeedState
from humanoid_recorder.playback.timeline import TimedMessage

AHEAD_BYTES = 64 * 1024 * 1024
AHEAD_MESSAGES = 50_000
_BATCH_BYTES = 1024 * 1024
_BATCH_MESSAGES = 256

Open = Callable[[int], Iterator[TimedMessage]]
"""Returns the messages from a position on; called and iterated in the reading thread only."""


class ReadAhead:
    """A feed of messages. Use as a context manager; ``peek``, ``pop`` and ``begin`` belong to one thread at a time.

    Args:
        messages: Where they come from.
        on_news: Called from the reading thread when there is something to peek at again.
    """

    def __init__(self, messages: Open, *, on_news: Callable[[], None]) -> None:
        self.error: Exception | None = None
        """Why reading has ended for good."""
        self._messages = messages
        self._on_news = on_news
        self._changed = threading.Condition()
        self._batches: deque[tuple[list[TimedMessage], int]] = deque()
        self._ahead_bytes = 0
        self._ahead_messages = 0
        self._is_read = False
        self._position_ns: int | None = None
        self._is_closing = False
        self._batch: list[TimedMessage] = []
        self._at = 0
        self._thread = threading.Thread(target=self._run, name="read ahead")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()

    def begin(self, position_ns: int) -> None:
        """Give messages from this position on; what was read ahead is thrown away."""
        with self._changed:
            self._position_ns = position_ns
            self._batches.clear()
            self._ahead_bytes = self._ahead_messages = 0
            self._is_read = False
            self._changed.notify_all()
        self._batch, self._at = [], 0

    def peek(self) -> TimedMessage | FeedState:
        """Return the next message, or why there is none."""
        if self._at < len(self._batch):
            return self._batch[self._at]
        with self._changed:
            if not self._batches:
                return FeedState.END if self._is_read or self.error else FeedState.WAIT
            self._batch, size = self._batches.popleft()
            self._at = 0
            self._ahead_bytes -= size
            self._ahead_messages -= len(self._batch)
            self._changed.notify_all()
        return self._batch[0]

    def pop(self) -> None:
        """Take it."""
        self._at += 1

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closing or self._position_ns is not None)
                if self._is_closing:
                    return
                position_ns, self._position_ns = self._position_ns or 0, None
            self._read(position_ns)

    def _read(self, position_ns: int) -> None:
        batch: list[TimedMessage] = []
        size = 0
        failure: Exception | None = None
        try:
            for message in self._messages(position_ns):
                batch.append(message)
                size += len(message.data)
                if len(batch) >= _BATCH_MESSAGES or size >= _BATCH_BYTES:
                    if not self._put(batch, size):
                        return
                    batch, size = [], 0
        except Exception as error:  # whoever plays is to hear of it, whatever it is, and not wait for ever
            failure = error
        if not batch or self._put(batch, size):
            self._end(failure)

    def _put(self, batch: list[TimedMessage], size: int) -> bool:
        """Add a batch when there is room; False when nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_unwanted() or self._has_room())
            if self._is_unwanted():
                return False
            self._batches.append((batch, size))
            self._ahead_bytes += size
            self._ahead_messages += len(batch)
        self._on_news()
        return True

    def _end(self, error: Exception | None) -> None:
        with self._changed:
            if self._is_unwanted():
                return
            self._is_read, self.error = True, error
        self._on_news()

    def _is_unwanted(self) -> bool:
        return self._is_closing or self._position_ns is not None

    def _has_room(self) -> bool:
        return not self._batches or (self._ahead_bytes < AHEAD_BYTES and self._ahead_messages < AHEAD_MESSAGES)
