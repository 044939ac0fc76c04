"""The gate between the ingest and the queue.

Everything that arrives passes here, in the ingest's thread: it is stamped, counted, and then kept for a pre-roll or
put in the queue. Opening and closing the gate happens in another thread, under the same lock, so that a message
belongs to exactly one episode or to none.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import itemgetter

from humanoid_recorder.core.clocks import BatchClock, ClockStep, LogClock
from humanoid_recorder.core.findings import Finding, LatchedReplay
from humanoid_recorder.core.latched import LatchedCache
from humanoid_recorder.core.ledger import NO_PUBLISHER_ID, StreamLedger
from humanoid_recorder.core.preroll import PreRoll
from humanoid_recorder.core.queue import SampleQueue
from humanoid_recorder.core.samples import Arrival, Sample
from humanoid_recorder.core.streams import StampReader
from humanoid_recorder.recording.channels import Channel
from humanoid_recorder.recording.live_episode import LiveEpisode

_log_ns_of = itemgetter(Sample._fields.index("log_ns"))


@dataclass(slots=True)
class _Line:
    """What the intake keeps for one channel."""

    channel: Channel
    read_stamp: StampReader | None
    latched: LatchedCache | None
    subscribed_ns: int
    received: int = 0
    bytes: int = 0
    last_log_ns: int | None = None
    tells_publishers_apart: bool = True


@dataclass(frozen=True, slots=True)
class Activity:
    """What has arrived on a channel since it was subscribed, recorded or not."""

    received: int
    bytes: int
    last_log_ns: int | None


class Intake:
    """Takes what the ingest delivers. Implements the ingest's sink.

    Args:
        queue: Where accepted messages go.
        preroll: Where the others go.
        on_failure: Called when the ingest has died, with its error.
        clock: Gives log times; a new one by default.
    """

    def __init__(
        self,
        queue: SampleQueue,
        preroll: PreRoll,
        *,
        on_failure: Callable[[Exception], None],
        clock: LogClock | None = None,
    ) -> None:
        self.clock = clock or LogClock()
        self._queue = queue
        self._preroll = preroll
        self._on_failure = on_failure
        self._lock = threading.Lock()
        self._lines: dict[int, _Line] = {}
        self._episode: LiveEpisode | None = None

    def set_channel(self, channel: Channel, *, is_new_subscription: bool) -> None:
        """Learn of a channel, or of its changed publishers; call it before the ingest subscribes."""
        with self._lock:
            line = self._lines.get(channel.id)
            if line is None or is_new_subscription:
                line = _Line(
                    channel=channel,
                    read_stamp=channel.stream.stamp_reader(has_header=channel.message_type.has_header),
                    latched=(line.latched if line else None) or (LatchedCache() if channel.is_latched else None),
                    subscribed_ns=time.time_ns(),
                    received=line.received if line else 0,
                    bytes=line.bytes if line else 0,
                    last_log_ns=line.last_log_ns if line else None,
                )
                self._lines[channel.id] = line
            line.channel = channel
            if line.latched is not None:
                line.latched.set_publishers(channel.publisher_gids)
            self._queue.set_bulk_channels([id_ for id_, known in self._lines.items() if known.channel.is_bulk])
            if self._episode is not None:
                self._join(self._episode, line)

    def accept(self, channel_id: int, arrivals: Sequence[Arrival]) -> None:
        """Take the messages of one stream, in the order in which they were delivered."""
        with self._lock:
            line = self._lines[channel_id]
            clock = self.clock.read_batch()
            if clock.step is not None:
                self._note_step(clock.step)
            samples = _stamp(line, arrivals, clock)
            line.received += len(samples)
            line.bytes += sum(len(sample.data) for sample in samples)
            line.last_log_ns = samples[-1].log_ns
            line.tells_publishers_apart = arrivals[-1].publisher is not None
            if line.latched is not None:
                line.latched.put(arrivals, samples, subscribed_ns=line.subscribed_ns)
            episode = self._episode
            if episode is None:
                if line.latched is None:
                    self._preroll.put(arrivals, samples)
                return
            ledger = self._ledger(episode, line)
            others: Sequence[Arrival] = ()
            if min(map(_log_ns_of, samples)) < episode.first_ns:
                # Received before the start and taken after it: not of this episode, unless a late subscriber would
                # get it too.
                if line.latched is not None:
                    self._replay(episode, line, [sample for sample in samples if sample.log_ns < episode.first_ns])
                is_mine = [sample.log_ns >= episode.first_ns for sample in samples]
                others = [arrival for arrival, mine in zip(arrivals, is_mine, strict=True) if not mine]
                arrivals, samples = list(compress(arrivals, is_mine)), list(compress(samples, is_mine))
            ledger.account(arrivals, samples)
            ledger.pass_over(others)
            self._queue.put(samples)

    def ingest_failed(self, error: Exception) -> None:
        """Learn that nothing more will come."""
        self._on_failure(error)

    def begin(self, episode: LiveEpisode, *, first_marker: Callable[[], None]) -> None:
        """Open the gate: from now on everything received belongs to the episode.

        Args:
            episode: Its ``start_ns`` and ``first_ns`` are set here.
            first_marker: Goes into the queue before the first message.
        """
        with self._lock:
            shift_ns = self.clock.rebase()
            episode.start_ns = self.clock.now_ns()
            before = self._preroll.drain(shift_ns=shift_ns, now_ns=episode.start_ns)
            episode.first_ns = min((sample.log_ns for _arrival, sample in before), default=episode.start_ns)
            self._queue.put_marker(first_marker)
            for line in self._lines.values():
                self._join(episode, line)
                if line.last_log_ns is not None:
                    line.last_log_ns += shift_ns
            for line in self._lines.values():
                if line.latched is not None:
                    self._replay(episode, line, line.latched.samples())
            for arrival, sample in before:
                self._ledger(episode, self._lines[sample.channel_id]).account((arrival,), (sample,))
            self._queue.put([sample for _arrival, sample in before])
            self._episode = episode

    def end(self, *, last_marker: Callable[[], None]) -> None:
        """Close the gate; the marker goes into the queue behind the last message."""
        with self._lock:
            self._episode = None
            self._queue.put_marker(last_marker)

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
            return {id_: Activity(line.received, line.bytes, line.last_log_ns) for id_, line in self._lines.items()}

    def _join(self, episode: LiveEpisode, line: _Line) -> StreamLedger:
        """Give a channel its place in an episode and in its bag."""
        channel = line.channel
        if channel.id not in episode.channels:
            topic = channel.bag_topic()
            self._queue.put_marker(lambda: episode.bag.add_topic(topic))
        return episode.join(channel)

    def _ledger(self, episode: LiveEpisode, line: _Line) -> StreamLedger:
        ledger = episode.ledgers[line.channel.id]
        if not line.tells_publishers_apart and len(line.channel.publishers) > 1:
            ledger.mark_loss_unknown(NO_PUBLISHER_ID)
        return ledger

    def _replay(self, episode: LiveEpisode, line: _Line, samples: Sequence[Sample]) -> None:
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


def _stamp(line: _Line, arrivals: Sequence[Arrival], clock: BatchClock) -> list[Sample]:
    """Give every message its three times."""
    channel_id, read_stamp, log_ns = line.channel.id, line.read_stamp, clock.log_ns
    samples = []
    for data, received_ns, source_ns, sequence, _publisher in arrivals:
        logged_ns = log_ns(received_ns)
        stamp_ns = None if read_stamp is None else read_stamp(data)
        samples.append(Sample(channel_id, data, logged_ns, source_ns or logged_ns, stamp_ns, sequence or 0))
    return samples
