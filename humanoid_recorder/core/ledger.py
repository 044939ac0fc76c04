"""The ledger: what became of every message of every stream in one episode.

Loss before us is known from the publication sequence numbers of the sender, which count up by one: every number between
two that were received of one publisher is either received or lost. At the head, what was received before the start is
such a number; at the tail, what is received after the stop. Where loss cannot be known, ``lost`` is None and says why,
and ``head`` and ``tail`` say how far the count reaches; it is never a guess.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from humanoid_recorder.core.samples import Arrival, Sample
from humanoid_recorder.core.sequence import Delivery, SequenceRun
from humanoid_recorder.core.silence import Silences

NO_SEQUENCE_NUMBERS = "the middleware gives no sequence numbers"
NO_PUBLISHER_ID = "several publishers, and this ROS distribution does not tell which of them sent a message"
REPLACED = "the publisher was replaced, and this ROS distribution does not tell which messages are of which"
TOO_MANY_HOLES = "too many messages were lost to tell late ones from repeated ones"

_UNKNOWN_PUBLISHER = b""


class Head(StrEnum):
    """Whether loss before the first message of a publisher would have been counted."""

    WHOLE = "whole"
    """Yes: every publisher was heard before the start, or from its own first message on."""
    JOINED_LATE = "joined_late"
    """No: the first message we got of some publisher was not its first, and we had never heard it before."""
    UNKNOWN = "unknown"
    """There are no messages, or no sequence numbers."""


class Tail(StrEnum):
    """Whether loss after the last message of a publisher has been counted."""

    OPEN = "open"
    """Not yet: the episode is being recorded."""
    CLOSED = "closed"
    """Yes: every publisher was heard again right after the stop."""
    UNKNOWN = "unknown"
    """No: some publisher sent nothing within 100 ms after the stop, so its last messages may be missing."""


@dataclass(frozen=True, slots=True)
class StreamAccount:
    """The account of one stream, as it is shown and stored. Times in ns since the epoch, by log time."""

    received: int
    """Messages the middleware delivered during the episode, repeated ones left out."""
    latched: int
    """Messages from before the start that a late subscriber would still get, replayed into the episode."""
    written: int
    """Messages in the bag: received + latched - dropped, once the episode is sealed."""
    dropped: int
    """Messages discarded by us because the queue was full or the bag could not be written."""
    lost: int | None
    """Messages that were sent and never reached us, as far as ``head`` and ``tail`` say; None = unknown."""
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
    head: Head = Head.UNKNOWN
    tail: Tail = Tail.UNKNOWN
    repeated: int = 0
    """Messages delivered again, by the same publisher under the same number; they are in the bag once."""
    late: int = 0
    """Messages delivered after others that their publisher had sent later."""


@dataclass(slots=True)
class _Life:
    """One publisher between two restarts, in one episode."""

    run: SequenceRun
    is_known_from_start: bool
    """It was heard before the episode, or its own first message is in it."""
    received: int = 0
    is_closed: bool = False
    """It was heard again after the stop."""


class StreamLedger:
    """Counts for one stream in one episode.

    Not thread-safe by itself: the intake counts under its lock, drops by the queue included, and the writer settles the
    account when the gate is closed. A snapshot may be taken at any time.

    Args:
        heard: The highest number received so far of each publisher that was heard before the episode; b"" stands for
            the one that the distribution does not name.
    """

    def __init__(self, heard: Mapping[bytes, int] | None = None) -> None:
        self._received = 0
        self._latched = 0
        self._dropped = 0
        self._unstamped = 0
        self._bytes = 0
        self._repeated = 0
        self._late = 0
        self._silences = Silences()
        self._lives = {
            publisher: _Life(SequenceRun(highest + 1), is_known_from_start=True)
            for publisher, highest in (heard or {}).items()
        }
        self._finished: list[_Life] = []
        self._lost_reason = ""
        self._was_replaced = False
        self._is_stopped = False

    def account(self, arrivals: Sequence[Arrival], samples: Sequence[Sample]) -> Sequence[Sample]:
        """Count what was received in one go.

        Args:
            arrivals: As the middleware handed them over.
            samples: The same messages with their times.

        Returns:
            Those of the samples that are to be written: all but the repeated ones.
        """
        lives, add_time = self._lives, self._silences.add
        repeated: list[int] = []
        size = unstamped = 0
        for at, (arrival, sample) in enumerate(zip(arrivals, samples, strict=True)):
            life = lives.get(arrival.publisher or _UNKNOWN_PUBLISHER)
            if life is not None and arrival.sequence == life.run.next:  # nearly always
                life.run.next += 1
                life.received += 1
            elif self._note_irregular(arrival) is Delivery.REPEATED:
                repeated.append(at)
                continue
            size += len(sample.data)
            unstamped += sample.stamp_ns is None
            add_time(sample.log_ns)
        self._received += len(samples) - len(repeated)
        self._bytes += size
        self._unstamped += unstamped
        if not repeated:
            return samples
        self._repeated += len(repeated)
        return [sample for at, sample in enumerate(samples) if at not in repeated]

    def pass_over(self, arrivals: Sequence[Arrival]) -> None:
        """Take note of messages from before the episode, delivered among others that are of it.

        A message that is repeated after the start goes before those that had arrived before the start and had to wait
        for it: they are not in the episode, and not lost either.
        """
        for arrival in arrivals:
            if arrival.sequence is None:
                continue
            publisher = arrival.publisher or _UNKNOWN_PUBLISHER
            life = self._lives.get(publisher)
            if life is None:
                self._lives[publisher] = _Life(SequenceRun(arrival.sequence + 1), is_known_from_start=True)
            else:
                life.run.receive(arrival.sequence)

    def stop(self) -> None:
        """End the episode: from now on only ``close_tail`` and what was received before the stop may follow."""
        self._is_stopped = True

    def close_tail(self, arrivals: Sequence[Arrival]) -> None:
        """Take note of messages received after the stop: of each publisher the first one ends its count."""
        for arrival in arrivals:
            life = self._lives.get(arrival.publisher or _UNKNOWN_PUBLISHER)
            if life is None or life.is_closed or arrival.sequence is None or arrival.sequence < life.run.next:
                continue
            life.run.receive(arrival.sequence)
            life.is_closed = True

    @property
    def has_open_tail(self) -> bool:
        """Whether a publisher of the episode that sent at 10 Hz or more has not been heard since the stop."""
        silences = self._silences
        if silences.first_ns is None or silences.last_ns is None or self._received < 2:
            return False
        if (silences.last_ns - silences.first_ns) / (self._received - 1) > TAIL_NS:
            return False
        return any(life.received and not life.is_closed for life in self._lives.values())

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

    def note_replacement(self) -> None:
        """Learn that the graph shows another publisher than before.

        Where messages do not tell whose they are, a hole may then be the difference between two publishers' numbers.
        """
        self._was_replaced = True

    def snapshot(self, *, written: int) -> StreamAccount:
        """Return the account as it stands; ``written`` is the bag's own count."""
        # The state is read while messages arrive: a list is made in one step, a generator would trip over a new life.
        lives = [*self._finished, *self._lives.values()]
        lost = sum(life.run.lost for life in lives)
        reason = self._lost_reason
        if not reason and self._was_replaced and lost and _UNKNOWN_PUBLISHER in self._lives:
            reason = REPLACED
        gap_ns, gap_at_ns = self._silences.longest()
        heard = [life for life in lives if life.received]
        return StreamAccount(
            received=self._received,
            latched=self._latched,
            written=written,
            dropped=self._dropped,
            lost=None if reason else lost,
            lost_reason=reason,
            unstamped=self._unstamped,
            bytes=self._bytes,
            publishers=len(heard),
            first_ns=self._silences.first_ns,
            last_ns=self._silences.last_ns,
            longest_gap_ns=gap_ns,
            longest_gap_at_ns=gap_at_ns,
            head=Head.UNKNOWN if reason else _head(heard),
            tail=Tail.UNKNOWN if reason else self._tail(heard or lives),
            repeated=self._repeated,
            late=self._late,
        )

    def _tail(self, lives: Sequence[_Life]) -> Tail:
        if not self._is_stopped:
            return Tail.OPEN
        return Tail.CLOSED if lives and all(life.is_closed for life in lives) else Tail.UNKNOWN

    def _note_irregular(self, arrival: Arrival) -> Delivery:
        """Take note of a number that is not the next one, or is its publisher's first."""
        sequence, publisher = arrival.sequence, arrival.publisher or _UNKNOWN_PUBLISHER
        if sequence is None:
            self.mark_loss_unknown(NO_SEQUENCE_NUMBERS)
            return Delivery.IN_ORDER
        life = self._lives.get(publisher)
        if life is not None and publisher == _UNKNOWN_PUBLISHER and sequence < life.run.next:
            # DDS delivers one publisher's messages in order, so a number that goes back is another publisher's or a
            # restarted one's. Which of the two, the number of publishers tells (see mark_loss_unknown).
            self._finished.append(life)
            life = None
        if life is None:
            life = self._lives[publisher] = _Life(SequenceRun(sequence), is_known_from_start=sequence == 1)
        delivery = life.run.receive(sequence)
        if delivery is Delivery.UNTRACEABLE:
            self.mark_loss_unknown(TOO_MANY_HOLES)
        if delivery is not Delivery.REPEATED:
            life.received += 1
        if delivery is Delivery.LATE:
            self._late += 1
        return delivery


TAIL_NS = 100_000_000
"""How long after the stop a publisher's next message is waited for, to know whether its last ones arrived."""


def _head(lives: Sequence[_Life]) -> Head:
    if not lives:
        return Head.UNKNOWN
    return Head.WHOLE if all(life.is_known_from_start for life in lives) else Head.JOINED_LATE
