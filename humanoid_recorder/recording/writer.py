"""The writer thread: empties the queue into bags, one episode after the other."""

import threading
import time
from collections.abc import Callable
from functools import partial

from humanoid_recorder.core.queue import SampleQueue
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.recording.live_episode import CLOCKS_FAILED, FRAMES_FAILED, LiveEpisode

_ENOUGH_BYTES = 512 * 1024
_LONGEST_WAIT_S = 0.02
"""How long a message waits for company before the writer takes it."""
_AVAILABLE_NS = 50_000_000
"""Between the moment at which the middleware notes the receipt of a message and the one at which it can be taken."""


class WriterThread:
    """Takes from the queue and writes; from the first marker of an episode on, no other thread touches its bag.

    Args:
        queue: Samples and markers, in order.
        delivered_until_ns: Tells up to which log time everything received is in the queue, or has been.
        on_fault: Called, in this thread, when a bag can no longer be written, at most once an episode; with None when
            something failed outside of one.
        on_turn: Called, in this thread, every time the queue has been emptied, at least every 20 ms while the disk
            keeps up.
    """

    def __init__(
        self,
        queue: SampleQueue,
        *,
        delivered_until_ns: Callable[[], int],
        on_fault: Callable[[LiveEpisode | None, Exception], None],
        on_turn: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._delivered_until_ns = delivered_until_ns
        self._on_fault = on_fault
        self._on_turn = on_turn
        self._episode: LiveEpisode | None = None
        self._is_marked = False
        """Whether a mark of ours is in the queue."""
        self._thread = threading.Thread(target=self._run, name="writer")

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until the queue is closed and empty; False if that took longer than ``timeout_s``."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def select(self, episode: LiveEpisode) -> None:
        """Write what follows into this episode's bag. A queue marker: runs in this thread."""
        self._episode = episode
        if episode.frames is not None:
            episode.frames.begin(episode.start_ns)

    def release(self, episode: LiveEpisode) -> None:
        """Write nothing more into this episode's bag. A queue marker: runs in this thread."""
        if self._episode is episode:
            self._episode = None

    def _run(self) -> None:
        while True:
            delivered_ns = self._delivered_until_ns()
            items = self._queue.take(enough_bytes=_ENOUGH_BYTES, max_wait_s=_LONGEST_WAIT_S)
            if items is None:
                return
            run: list[Sample] = []
            for item in items:
                if isinstance(item, Sample):
                    run.append(item)
                    continue
                self._write(run)
                run = []
                self._guarded(item)
            self._write(run)
            if self._queue.took_all:
                self._guarded(partial(self._write_frames, delivered_ns - _AVAILABLE_NS))
            elif not self._is_marked:
                self._is_marked = True
                self._queue.put_marker(partial(self._pass_mark, delivered_ns - _AVAILABLE_NS))
            self._guarded(self._on_turn)

    def _write(self, samples: list[Sample]) -> None:
        episode = self._episode
        if episode is None or episode.is_broken:
            return  # what a broken bag did not take is counted as dropped when its account is settled
        self._guarded(lambda: episode.bag.write(samples))
        if samples and not episode.is_broken:
            self._watch(episode, samples)
        self._guarded(lambda: episode.bag.close_chunk_if_due(time.monotonic_ns()))

    def _watch(self, episode: LiveEpisode, samples: list[Sample]) -> None:
        frames, clocks, at_ns = episode.frames, episode.clocks, samples[-1].log_ns
        if frames is not None:
            feed = partial(frames.feed, samples, episode.channels)
            episode.attempt(FRAMES_FAILED, feed, otherwise=None, at_ns=at_ns)
        feed = partial(clocks.feed, samples, first_ns=episode.first_ns)
        episode.attempt(CLOCKS_FAILED, feed, otherwise=None, at_ns=at_ns)

    def _pass_mark(self, until_ns: int) -> None:
        """Write the frames up to a time when everything that had been delivered by then has been taken.

        A queue marker of our own: behind a slow disk the queue may not be empty for minutes.
        """
        self._is_marked = False
        self._write_frames(until_ns)

    def _write_frames(self, until_ns: int) -> None:
        episode = self._episode
        if episode is not None and episode.frames is not None and not episode.is_broken:
            advance = partial(episode.frames.advance, until_ns)
            episode.bag.write(episode.attempt(FRAMES_FAILED, advance, otherwise=[], at_ns=until_ns))

    def _guarded(self, action: Callable[[], None]) -> None:
        """Do something that may find the disk full or broken; the writer itself goes on whatever happens."""
        episode = self._episode
        try:
            action()
        except Exception as error:
            if episode is None:
                self._on_fault(None, error)
            elif not episode.is_broken:
                episode.is_broken = True
                self._on_fault(episode, error)
