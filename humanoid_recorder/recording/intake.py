"""The gate between the ingest and the queue.

Everything that arrives passes here, in the ingest's thread: it is stamped, counted, and then kept for a pre-roll or
put in the queue. Opening and closing the gate happens in another thread, under the same lock, so that a message
belongs to exactly one episode or to none. Which one, its log time tells: after a stop the gate stays open for a moment
for what was received before it.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import compress, groupby
from operator import itemgetter

from humanoid_recorder.core.clocks import BatchClock, ClockStep, LogClock
from humanoid_recorder.core.findings import Finding, LatchedReplay
from humanoid_recorder.core.latched import LatchedCache
from humanoid_recorder.core.ledger import NO_PUBLISHER_ID, StreamLedger
from humanoid_recorder.core.preroll import PreRoll
from humanoid_recorder.core.queue import SampleQueue
from humanoid_recorder.core.samples import Arrival, Sample
from humanoid_recorder.recording.channels import EVENTS_CHANNEL_ID, Channel
from humanoid_recorder.recording.closing import ClosingEpisode
from humanoid_recorder.recording.line import Activity, Line
from humanoid_recorder.recording.live_episode import LiveEpisode

_LONGEST_WAIT_S = 1.0
"""When everything ends, late messages are waited for no longer than this: the process has four seconds."""

_log_ns_of = itemgetter(Sample._fields.index("log_ns"))


class Intake:
    """Takes what the ingest delivers. Implements the ingest's sink.

    Args:
        queue: Where accepted messages go.
        preroll: Where the others go.
        select_bag: Makes the writer put what follows in the queue into an episode's bag.
        on_failure: Called when the ingest has died, with its error.
        clock: Gives log times; a new one by default.
    """

    def __init__(
        self,
        queue: SampleQueue,
        preroll: PreRoll,
        *,
        select_bag: Callable[[LiveEpisode], None],
        on_failure: Callable[[Exception], None],
        clock: LogClock | None = None,
    ) -> None:
        self.clock = clock or LogClock()
        self._queue = queue
        self._preroll = preroll
        self._select_bag = select_bag
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._lines: dict[int, Line] = {}
        self._episode: LiveEpisode | None = None
        self._closing: list[ClosingEpisode] = []
        self._ready: list[Sample] = []
        """What of the present wake-up goes into the queue."""
        self._drained_until_ns = 0

    def set_channel(self, channel: Channel, *, is_new_subscription: bool) -> None:
        """Learn of a channel, or of its changed publishers; call it before the ingest subscribes."""
        with self._lock:
            line = self._lines.get(channel.id)
            if line is None or is_new_subscription:
                line = Line(
                    channel=channel,
                    read_stamp=channel.stream.stamp_reader(has_header=channel.message_type.has_header),
                    latched=(line.latched if line else None) or (LatchedCache() if channel.is_latched else None),
                    subscribed_ns=time.time_ns(),
                    received=line.received if line else 0,
                    received_bytes=line.received_bytes if line else 0,
                    last_log_ns=line.last_log_ns if line else None,
                    heard=line.heard if line else {},
                    middleware_lost=line.middleware_lost if line else 0,
                )
                self._lines[channel.id] = line
            is_replaced = line.forget_replaced_publisher(channel)
            line.channel = channel
            if line.latched is not None:
                line.latched.set_publishers(channel.publisher_gids)
            self._queue.set_bulk_channels([id_ for id_, known in self._lines.items() if known.channel.is_bulk])
            if self._episode is not None:
                ledger = self._join(self._episode, line)
                if is_replaced:
                    ledger.note_replacement()

    def forget_channel(self, channel_id: int) -> None:
        """Learn that nothing more comes of a channel; episodes that have it keep it."""
        with self._lock:
            self._lines.pop(channel_id, None)

    def middleware_lost(self, channel_id: int, messages: int) -> None:
        """Learn of messages that the middleware knows to be lost: of the running episode, or of none."""
        with self._lock:
            self._lines[channel_id].middleware_lost += messages
            if self._episode is not None:
                self._episode.middleware_lost[channel_id] += messages

    def accept(self, batches: Sequence[tuple[int, Sequence[Arrival]]]) -> None:
        """Take what one wake-up brought, channel by channel, in the order of delivery."""
        with self._lock:
            clock = self.clock.read_batch()
            if clock.step is not None:
                self._note_step(clock.step)
            for channel_id, arrivals in batches:
                self._accept(self._lines[channel_id], arrivals, clock)
            self._queue.put(self._ready)
            self._ready = []
            self._end_waits()

    def _accept(self, line: Line, arrivals: Sequence[Arrival], clock: BatchClock) -> None:
        samples: Sequence[Sample] = line.stamp(arrivals, clock)
        if line.latched is not None:
            line.latched.put(arrivals, samples, subscribed_ns=line.subscribed_ns)
        if self._closing:
            arrivals, samples = self._take_late(line, arrivals, samples)
        if self._episode is not None:
            self._record(self._episode, line, arrivals, samples)
        elif line.latched is None:
            self._preroll.put(arrivals, samples, heard=line.heard)
        line.note_heard(arrivals)

    def drained(self, until_ns: int) -> None:
        """Learn that everything received before a moment of the monotonic clock has been delivered."""
        self._drained_until_ns = until_ns

    def delivered_until_ns(self) -> int:
        """Return the log time up to which everything received is in the queue, or has been."""
        return self.clock.from_monotonic_ns(self._drained_until_ns)

    def ingest_failed(self, error: Exception) -> None:
        """Learn that nothing more will come."""
        self._on_failure(error)

    def begin(self, episode: LiveEpisode) -> None:
        """Open the gate: from now on everything received belongs to the episode.

        Args:
            episode: Its ``start_ns`` and ``first_ns`` are set here.
        """
        with self._lock:
            shift_ns = self.clock.rebase()
            for closing in self._closing:
                closing.stop_ns += shift_ns
            episode.start_ns = self.clock.now_ns()
            drained, heard_before = self._preroll.drain(shift_ns=shift_ns, now_ns=episode.start_ns)
            # A bag holds one type for each topic: what came as a type that was given up is left out.
            before = [pair for pair in drained if pair[1].channel_id in self._lines]
            episode.first_ns = min((sample.log_ns for _arrival, sample in before), default=episode.start_ns)
            self._queue.put_marker(partial(self._select_bag, episode))
            for line in self._lines.values():
                self._join(episode, line, heard_before.get(line.channel.id, {}))
                if line.last_log_ns is not None:
                    line.last_log_ns += shift_ns
            for line in self._lines.values():
                if line.latched is not None:
                    self._replay(episode, line, line.latched.samples())
            for arrival, sample in before:
                self._ledger(episode, self._lines[sample.channel_id]).account((arrival,), (sample,))
            self._queue.put([sample for _arrival, sample in before])
            self._episode = episode

    def end(self, episode: LiveEpisode, *, on_end: Callable[[], None], waits_for_tails: bool) -> None:
        """Close the gate to what is received from now on.

        Args:
            episode: The running one; it has a ``stop``.
            on_end: A marker that goes into the queue behind the last message of the episode.
            waits_for_tails: Wait a moment for what was received before and is not delivered yet.
        """
        with self._lock:
            if episode.stop is None:
                raise ValueError(f"episode {episode.id} has not been stopped")
            self._episode = None
            for ledger in episode.ledgers.values():
                ledger.stop()
            if EVENTS_CHANNEL_ID in episode.ledgers:  # our own: nothing can be missing behind the last
                next_one = Arrival(b"", episode.stop.at_ns, episode.stop.at_ns, episode.own_messages + 1, None)
                episode.ledgers[EVENTS_CHANNEL_ID].close_tail((next_one,))
            closing = ClosingEpisode(episode, episode.stop.at_ns, on_end)
            self._closing.append(closing)
            if not waits_for_tails or self._is_over(closing):
                self._end_wait(closing)

    def end_overdue_waits(self) -> None:
        """Let go of stopped episodes for which there is nothing more to wait; to be called every now and then."""
        if not self._closing:
            return
        with self._lock:
            self._end_waits()

    def wait_for_tails(self) -> None:
        """Wait until every stopped episode has got its last message, or given up on it."""
        give_up_s = time.monotonic() + _LONGEST_WAIT_S
        for closing in list(self._closing):
            closing.ended.wait(timeout=max(0.0, give_up_s - time.monotonic()))
        with self._lock:
            for closing in list(self._closing):
                self._end_wait(closing)

    def inject(self, channel_id: int, data: bytes) -> None:
        """Add a message of our own to the episode that is being recorded; without one it goes nowhere."""
        with self._lock:
            episode = self._episode
            if episode is None:
                return
            now_ns = self.clock.now_ns()
            ledger = episode.ledgers.setdefault(channel_id, StreamLedger())
            episode.own_messages += 1
            sequence = episode.own_messages
            sample = Sample(channel_id, data, now_ns, now_ns, None, sequence)
            ledger.account((Arrival(data, now_ns, now_ns, sequence, None),), (sample,))
            self._queue.put((sample,))

    def activity(self) -> dict[int, Activity]:
        """Return what has arrived on each channel."""
        with self._lock:
            return {
                id_: Activity(line.received, line.received_bytes, line.last_log_ns, line.middleware_lost)
                for id_, line in self._lines.items()
            }

    def _record(self, episode: LiveEpisode, line: Line, arrivals: Sequence[Arrival], samples: Sequence[Sample]) -> None:
        """Put what is of the running episode in the queue."""
        ledger = self._ledger(episode, line)
        if min(map(_log_ns_of, samples), default=episode.first_ns) >= episode.first_ns:
            self._ready += ledger.account(arrivals, samples)
            return
        # Received before the start and taken after it: not of this episode, unless a late subscriber would get it too.
        if line.latched is not None:
            self._replay(episode, line, [sample for sample in samples if sample.log_ns < episode.first_ns])
        pairs = zip(arrivals, samples, strict=True)
        for is_mine, group in groupby(pairs, key=lambda pair: pair[1].log_ns >= episode.first_ns):
            some_arrivals, some_samples = zip(*group, strict=True)
            if is_mine:
                self._ready += ledger.account(some_arrivals, some_samples)
            else:
                ledger.pass_over(some_arrivals)

    def _take_late(
        self, line: Line, arrivals: Sequence[Arrival], samples: Sequence[Sample]
    ) -> tuple[Sequence[Arrival], Sequence[Sample]]:
        """Put what is of a stopped episode in the queue, and notice which of its publishers are through.

        Returns:
            What a running episode has to know of, or else what was received after the last stop.
        """
        for closing in self._closing:
            mine = closing.take(line.channel.id, arrivals, samples)
            if not mine:
                continue
            if self._episode is None:
                self._queue.put(mine)
            else:
                self._queue.put_marker(partial(self._select_bag, closing.episode))
                self._queue.put(mine)
                self._queue.put_marker(partial(self._select_bag, self._episode))
        last_stop_ns = self._closing[-1].stop_ns
        if self._episode is not None or min(map(_log_ns_of, samples)) > last_stop_ns:
            return arrivals, samples
        is_late = [sample.log_ns <= last_stop_ns for sample in samples]
        line.note_heard(list(compress(arrivals, is_late)))
        is_new = [not late for late in is_late]
        return list(compress(arrivals, is_new)), list(compress(samples, is_new))

    def _end_waits(self) -> None:
        for closing in [closing for closing in self._closing if self._is_over(closing)]:
            self._end_wait(closing)

    def _is_over(self, closing: ClosingEpisode) -> bool:
        return closing.is_over(now_ns=self.clock.now_ns(), delivered_until_ns=self.delivered_until_ns())

    def _end_wait(self, closing: ClosingEpisode) -> None:
        self._closing.remove(closing)
        self._queue.put_marker(closing.on_end)
        closing.ended.set()

    def _join(
        self, episode: LiveEpisode, line: Line, heard_before: Mapping[bytes, int | None] | None = None
    ) -> StreamLedger:
        """Give a channel its place in an episode and in its bag.

        Args:
            episode: The running one.
            line: The channel's.
            heard_before: What had been heard of publishers before the pre-roll, which begins the episode.
        """
        heard = {**line.heard, **(heard_before or {})}
        channel = line.channel
        if channel.id not in episode.channels:
            topic = channel.bag_topic()
            self._queue.put_marker(lambda: episode.bag.add_topic(topic))
        return episode.join(channel, heard={who: highest for who, highest in heard.items() if highest is not None})

    def _ledger(self, episode: LiveEpisode, line: Line) -> StreamLedger:
        ledger = episode.ledgers[line.channel.id]
        if not line.tells_publishers_apart and len(line.channel.publishers) > 1:
            ledger.mark_loss_unknown(NO_PUBLISHER_ID)
        return ledger

    def _replay(self, episode: LiveEpisode, line: Line, samples: Sequence[Sample]) -> None:
        """Put latched messages from before the episode at its beginning."""
        if not samples:
            return
        episode.ledgers[line.channel.id].account_latched(samples)
        episode.latched.append(LatchedReplay(line.channel.stream.topic, min(map(_log_ns_of, samples))))
        self._queue.put([sample._replace(log_ns=episode.first_ns) for sample in samples])

    def _note_step(self, step: ClockStep) -> None:
        if self._episode is not None:
            self._episode.findings.append(
                Finding(step.at_log_ns, "clock_step", f"the system clock was set by {step.step_ns / 1e9:+.3f} s")
            )
