"""The aligned frames of an episode, made from its messages as they go to the disk."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from humanoid_recorder.core.alignment.frame_message import FrameEncoder
from humanoid_recorder.core.alignment.frames import Frame
from humanoid_recorder.core.alignment.live import LiveAligner
from humanoid_recorder.core.alignment.quality import AlignmentQuality, QualityTally
from humanoid_recorder.core.alignment.times import TimeSource, times_of
from humanoid_recorder.core.ledger import StreamLedger
from humanoid_recorder.core.samples import Arrival, Sample
from humanoid_recorder.recording.channels import FRAMES_CHANNEL_ID, Channel
from humanoid_recorder.spec.alignment_plan import AlignmentPlan


class FrameWriter:
    """Aligns what the writer writes; a message that was dropped is in no frame, as it is in no bag.

    Used by the writer's thread only.

    Args:
        plan: What the profile says of frames.
    """

    def __init__(self, plan: AlignmentPlan) -> None:
        self.plan = plan
        self._indexes = {aligned.stream.name: index for index, aligned in enumerate(plan.streams)}
        self._encoder = FrameEncoder(tuple(self._indexes))
        self._aligner: LiveAligner | None = None
        self._tally = QualityTally(tuple(self._indexes))
        self._count = 0
        self._inputs: dict[int, tuple[int, TimeSource] | None] = {}
        self.ledger = StreamLedger()
        """The account of the frames themselves: none is ever lost."""

    def begin(self, start_ns: int) -> None:
        """Begin with an episode, if that was not done; ``start_ns`` is its start, log time in ns since the epoch."""
        if self._aligner is None:
            self._aligner = LiveAligner(self.plan.alignment(start_ns=start_ns))

    def feed(self, samples: Sequence[Sample], channels: Mapping[int, Channel]) -> None:
        """Take messages in the order in which they are written.

        Args:
            samples: Of any channels.
            channels: Those of the episode, by id.
        """
        if self._aligner is None:
            return
        by_channel: defaultdict[int, list[Sample]] = defaultdict(list)
        for sample in samples:
            by_channel[sample.channel_id].append(sample)
        for channel_id, some in by_channel.items():
            if channel_id not in self._inputs:
                self._inputs[channel_id] = self._input(channels.get(channel_id))
            wanted = self._inputs[channel_id]
            if wanted is not None:
                index, source = wanted
                self._aligner.feed(index, times_of(source, some), [sample.log_ns for sample in some])

    def advance(self, fed_until_ns: int) -> list[Sample]:
        """Return the frames that can no longer change, as messages to be written.

        Args:
            fed_until_ns: Everything received up to then has been fed, by log time; also the frames' log time.
        """
        return [] if self._aligner is None else self._messages(self._aligner.advance(fed_until_ns), fed_until_ns)

    def finish(self, stop_ns: int) -> list[Sample]:
        """Return the remaining frames of an episode that ended at ``stop_ns``."""
        messages = [] if self._aligner is None else self._messages(self._aligner.finish(stop_ns), stop_ns)
        self.ledger.stop()
        self.ledger.close_tail((Arrival(b"", stop_ns, stop_ns, self._count + 1, None),))
        return messages

    @property
    def too_late(self) -> int:
        """Messages that came after frames they would have been in: aligned again, the bag gives other frames."""
        return 0 if self._aligner is None else self._aligner.too_late

    @property
    def let_go(self) -> int:
        """Cells for which a message might have been chosen that was held no longer: the bag may give other frames."""
        return 0 if self._aligner is None else self._aligner.let_go

    def quality(self) -> AlignmentQuality:
        """Sum up the frames so far."""
        return self._tally.judge()

    def _input(self, channel: Channel | None) -> tuple[int, TimeSource] | None:
        """Return which stream of the frames a channel is, and its time; None for one that takes no part."""
        index = None if channel is None else self._indexes.get(channel.stream.name)
        if channel is None or index is None:
            return None
        return index, self.plan.streams[index].time_source(has_header=channel.message_type.has_header)

    def _messages(self, frames: Sequence[Frame], log_ns: int) -> list[Sample]:
        self._count += len(frames)
        for frame in frames:
            self._tally.add(frame)
        encode = self._encoder.encode
        messages = [Sample(FRAMES_CHANNEL_ID, encode(frame), log_ns, log_ns, None, frame.index + 1) for frame in frames]
        arrivals = [Arrival(message.data, log_ns, log_ns, message.sequence, None) for message in messages]
        self.ledger.account(arrivals, messages)
        return messages
