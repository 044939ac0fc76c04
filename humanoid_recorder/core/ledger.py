"""The ledger: what became of every message of every stream in one episode.

Loss before us is known from the publication sequence numbers of the sender, which count up by one: between the first
and the last message received of one publisher every number is either received or lost. Where that cannot be known,
``lost`` is None and says why; it is never a guess.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from humanoid_recorder.core.samples import Arrival, Sample

NO_SEQUENCE_NUMBERS = "the middleware gives no sequence numbers"
NO_PUBLISHER_ID = "several publishers, and this ROS distribution does not tell which of them sent a message"

_UNKNOWN_PUBLISHER = b""


@dataclass(slots=True)
class _PublisherRun:
    """The sequence numbers received from one publisher since it (re)started."""

    lowest: int
    highest: int
    received: int = 1
    passed_over: int = 0
    """Numbers between the two that reached us, and do not belong to the episode."""

    @property
    def lost(self) -> int:
        return max(0, self.highest - self.lowest + 1 - self.received - self.passed_over)


@dataclass(frozen=True, slots=True)
class StreamAccount:
    """The account of one stream, as it is shown and stored. Times in ns since the epoch, by log time."""

    received: int
    """Messages the middleware delivered during the episode."""
    latched: int
    """Messages from before the start that a late subscriber would still get, replayed into the episode."""
    written: int
    """Messages in the bag: received + latched - dropped, once the episode is sealed."""
    dropped: int
    """Messages discarded by us because the queue was full or the bag could not be written."""
    lost: int | None
    """Messages that were sent between the first and the last received one and never reached us; None = unknown."""
    lost_reason: str
    """Why ``lost`` is unknown; empty when it is known."""
    unstamped: int
    """Messages without a measurement time."""
    bytes: int
    """Payload bytes received."""
    publishers: int
    """Publishers heard (restarts counted) where the distribution tells them apart, else 1."""
    first_ns: int | None
    last_ns: int | None
    longest_gap_ns: int
    """Longest silence between two messages in a row."""
    longest_gap_at_ns: int | None
    """When that silence began."""


class StreamLedger:
    """Counts for one stream in one episode.

    Not thread-safe by itself: the intake counts under its lock, drops by the queue included, and the writer settles the
    account when the gate is closed. A snapshot may be taken at any time.
    """

    def __init__(self) -> None:
        self._received = 0
        self._latched = 0
        self._dropped = 0
        self._unstamped = 0
        self._bytes = 0
        self._first_ns: int | None = None
        self._last_ns: int | None = None
        self._longest_gap_ns = 0
        self._longest_gap_at_ns: int | None = None
        self._runs: dict[bytes, _PublisherRun] = {}
        self._finished_runs = 0
        self._lost_in_finished_runs = 0
        self._lost_reason = ""

    def account(self, arrivals: Sequence[Arrival], samples: Sequence[Sample]) -> None:
        """Count what was received in one go; ``samples`` are the same messages with their times."""
        self._received += len(samples)
        for arrival, sample in zip(arrivals, samples, strict=True):
            self._bytes += len(sample.data)
            if sample.stamp_ns is None:
                self._unstamped += 1
            self._follow_gap(sample.log_ns)
            self._follow_sequence(arrival.publisher or _UNKNOWN_PUBLISHER, arrival.sequence)

    def pass_over(self, arrivals: Sequence[Arrival]) -> None:
        """Take note of messages that are not of the episode, delivered among others that are.

        A message that is repaired after the start goes before those that had arrived before the start and had to wait
        for it: they are not in the episode, and not lost either.
        """
        for arrival in arrivals:
            run = self._runs.get(arrival.publisher or _UNKNOWN_PUBLISHER)
            if run is not None and arrival.sequence is not None and arrival.sequence > run.lowest:
                run.passed_over += 1
                run.highest = max(run.highest, arrival.sequence)

    def account_latched(self, samples: Sequence[Sample]) -> None:
        """Count messages from before the start that are replayed into the episode."""
        self._latched += len(samples)

    def count_dropped(self, messages: int) -> None:
        """Count messages discarded by us."""
        self._dropped += messages

    def settle(self, *, written: int) -> None:
        """Count as dropped whatever is not in the bag, now that nothing more can be written to it."""
        self._dropped = self._received + self._latched - written

    def mark_loss_unknown(self, reason: str) -> None:
        """Say that loss cannot be known, and why; stays for the whole episode."""
        self._lost_reason = self._lost_reason or reason

    def snapshot(self, *, written: int) -> StreamAccount:
        """Return the account as it stands; ``written`` is the bag's own count."""
        # The state is read while messages arrive: a list is made in one step, a generator would trip over a new run.
        lost = self._lost_in_finished_runs + sum(run.lost for run in list(self._runs.values()))
        return StreamAccount(
            received=self._received,
            latched=self._latched,
            written=written,
            dropped=self._dropped,
            lost=None if self._lost_reason else lost,
            lost_reason=self._lost_reason,
            unstamped=self._unstamped,
            bytes=self._bytes,
            publishers=len(self._runs) + self._finished_runs,
            first_ns=self._first_ns,
            last_ns=self._last_ns,
            longest_gap_ns=self._longest_gap_ns,
            longest_gap_at_ns=self._longest_gap_at_ns,
        )

    def _follow_gap(self, log_ns: int) -> None:
        last_ns = self._last_ns
        if last_ns is None:
            self._first_ns = self._last_ns = log_ns
            return
        if log_ns - last_ns > self._longest_gap_ns:
            self._longest_gap_ns, self._longest_gap_at_ns = log_ns - last_ns, last_ns
        if log_ns > last_ns:
            self._last_ns = log_ns

    def _follow_sequence(self, publisher: bytes, sequence: int | None) -> None:
        if sequence is None:
            self.mark_loss_unknown(NO_SEQUENCE_NUMBERS)
            return
        run = self._runs.get(publisher)
        if run is None:
            self._runs[publisher] = _PublisherRun(sequence, sequence)
        elif sequence > run.highest:
            run.highest = sequence
            run.received += 1
        elif publisher == _UNKNOWN_PUBLISHER:
            # DDS delivers one publisher's messages in order, so a number that goes back is another publisher's or a
            # restarted one's. Which of the two, the number of publishers tells (see mark_loss_unknown).
            self._finished_runs += 1
            self._lost_in_finished_runs += run.lost
            self._runs[publisher] = _PublisherRun(sequence, sequence)
        else:
            run.lowest = min(run.lowest, sequence)
            run.received += 1
