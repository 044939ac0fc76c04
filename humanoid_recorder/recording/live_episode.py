"""An episode while it is being recorded: its identity, its labels, and the account of its messages."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from humanoid_recorder.core.findings import Finding, LatchedReplay
from humanoid_recorder.core.labels import End, Labels, Outcome
from humanoid_recorder.core.ledger import StreamAccount, StreamLedger
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.core.stream_clock import ClockAccount
from humanoid_recorder.recording.channels import FRAMES_CHANNEL_ID, Channel
from humanoid_recorder.recording.clock_watch import ClockWatch
from humanoid_recorder.recording.frame_writer import FrameWriter
from humanoid_recorder.storage.bag_writer import BagWriter
from humanoid_recorder.storage.episode_file import EpisodeFile

QUEUE_FULL = "queue_full"
FRAMES_FAILED, CLOCKS_FAILED = "frames_failed", "clocks_failed"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Stop:
    """Why and when an episode ended. Whoever stops it first makes this."""

    end: End
    at_ns: int
    """Log time, ns since the epoch."""
    detail: str = ""
    """In words: the signal, the error."""


@dataclass(slots=True)
class LiveEpisode:
    """One episode from start to seal.

    The intake fills the ledgers under its lock; the writer thread owns the bag. ``stop`` is set once.
    """

    id: str
    start_ns: int
    """Log time of the start, ns since the epoch."""
    labels: Labels
    bag: BagWriter
    events_topic: str
    """Where our own events go; their account stands under this name."""
    outcome: Outcome = Outcome.UNLABELLED
    stop: Stop | None = None
    is_discarded: bool = False
    first_ns: int = 0
    """Log time of the earliest message: before the start where a pre-roll is kept."""
    channels: dict[int, Channel] = field(default_factory=dict)
    ledgers: dict[int, StreamLedger] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    latched: list[LatchedReplay] = field(default_factory=list)
    middleware_lost: Counter[int] = field(default_factory=Counter)
    """Messages of each channel that the middleware found to be lost, by its own account."""
    frames_topic: str = ""
    frames: FrameWriter | None = None
    """Makes its aligned frames; belongs to the writer thread."""
    is_broken: bool = False
    """Its bag takes no more messages; set by the writer."""
    own_messages: int = 0
    """Events that we added; we number them as a publisher does."""
    begun: EpisodeFile | None = None
    """Its record as it was written at the start."""
    clocks: ClockWatch = field(init=False)
    """Knows how far the clock of each stream is off; belongs to the writer thread."""
    failed: set[str] = field(default_factory=set)
    """What was attempted beside the recording and failed; see ``attempt``."""

    def __post_init__(self) -> None:
        self.clocks = ClockWatch(None if self.frames is None else self.frames.plan)

    def join(self, channel: Channel, *, heard: Mapping[bytes, int]) -> StreamLedger:
        """Give a channel its place in the episode; again for one that is there changes only what is known of it.

        Args:
            channel: The channel.
            heard: The highest sequence number received of each of its publishers so far.
        """
        self.channels[channel.id] = channel
        ledger = self.ledgers.get(channel.id)
        if ledger is None:
            ledger = self.ledgers[channel.id] = StreamLedger(heard)
        return ledger

    def count_dropped(self, sample: Sample) -> None:
        """Count a message that found no room in the queue; the first one marks the episode."""
        self.ledgers[sample.channel_id].count_dropped(1)
        if not any(finding.check == QUEUE_FULL for finding in self.findings):
            text = "the queue was full, because the disk did not keep up: messages were dropped (see the ledger)"
            self.findings.append(Finding(sample.log_ns, QUEUE_FULL, text))

    def attempt(self, check: str, work: Callable[[], T], *, otherwise: T, at_ns: int) -> T:
        """Do what is made of the messages beside writing them: a mistake in it must not cost the messages.

        Args:
            check: Name of the finding if it fails; then nothing under this name is attempted again.
            work: What to do; it does not touch the disk.
            otherwise: The result when it fails.
            at_ns: Log time, ns since the epoch.
        """
        if check in self.failed:
            return otherwise
        try:
            return work()
        except Exception as error:
            self.failed.add(check)
            self.findings.append(
                Finding(at_ns, check, f"given up from here on, by a mistake in the program: {error!r}")
            )
            return otherwise

    def settle(self) -> None:
        """Close the account of every channel: what is not in the bag by now has been dropped."""
        written = self.bag.message_counts
        for channel_id, ledger in self.ledgers.items():
            ledger.settle(written=written.get(channel_id, 0))
        if self.frames is not None:
            self.frames.ledger.settle(written=written.get(FRAMES_CHANNEL_ID, 0))

    def clock_accounts(self) -> dict[str, ClockAccount]:
        """Return what is known of the clock of each stream that had messages, by its name."""
        return self.clocks.accounts({channel_id: channel.stream.name for channel_id, channel in self.channels.items()})

    def account(self, channel_id: int) -> StreamAccount:
        """Return the account of one channel."""
        return self.ledgers[channel_id].snapshot(written=self.bag.message_counts.get(channel_id, 0))

    def accounts(self) -> dict[int, StreamAccount]:
        """Return the account of every channel, by channel id."""
        accounts = {channel_id: self.account(channel_id) for channel_id in list(self.ledgers)}
        if self.frames is not None:
            written = self.bag.message_counts.get(FRAMES_CHANNEL_ID, 0)
            accounts[FRAMES_CHANNEL_ID] = self.frames.ledger.snapshot(written=written)
        return accounts
