"""From a robot profile to the rules by which its streams are aligned."""

from dataclasses import dataclass

from humanoid_recorder.core.alignment.rules import Alignment, Method, RateClock, ReferenceClock, StreamRule
from humanoid_recorder.core.alignment.times import TimeReader, TimeSource, time_reader
from humanoid_recorder.core.streams import FieldStamp, StampSource, Stream
from humanoid_recorder.spec.align_spec import AlignSpec
from humanoid_recorder.spec.profile import RobotProfile, SyncSpec

_NS_PER_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class AlignedStream:
    """One stream that takes part in frames."""

    stream: Stream
    rule: StreamRule
    wanted_time: TimeSource
    is_declared: bool
    """Whether the stream itself says which time; otherwise ``sync`` does, for all."""

    def time_source(self, *, has_header: bool) -> TimeSource:
        """Return which time is compared: where stamps are the rule of ``sync`` and it has none, when it was sent.

        Args:
            has_header: Whether the type's first field is ``std_msgs/Header``.
        """
        if self.wanted_time is not TimeSource.STAMP or self.is_declared or self._has_stamps(has_header=has_header):
            return self.wanted_time
        return TimeSource.PUBLISH

    def reader(self, *, has_header: bool) -> TimeReader:
        """Return a function that finds the time of a message in a bag."""
        return time_reader(self.time_source(has_header=has_header), self.stream.stamp_reader(has_header=has_header))

    def _has_stamps(self, *, has_header: bool) -> bool:
        return isinstance(self.stream.stamp, FieldStamp) or (has_header and self.stream.stamp is not StampSource.NONE)


@dataclass(frozen=True, slots=True)
class AlignmentPlan:
    """What the profile says of frames."""

    streams: tuple[AlignedStream, ...]
    """Those that take part, in the order of the profile: also the order of the rules, and of the table's streams."""
    clock: ReferenceClock | float
    """The stream that makes the ticks, or a fixed rate in Hz."""
    hold_off_ns: int

    def alignment(self, *, start_ns: int) -> Alignment:
        """Return the rules of one episode.

        Args:
            start_ns: First tick of a fixed rate, log time in ns since the epoch; a reference stream needs none.
        """
        clock = RateClock(self.clock, start_ns) if isinstance(self.clock, float) else self.clock
        return Alignment(tuple(each.rule for each in self.streams), clock, self.hold_off_ns)


def plan_alignment(profile: RobotProfile) -> AlignmentPlan | None:
    """Return how the streams of a profile are aligned; None when it has no ``sync``, or when no stream takes part."""
    sync = profile.sync
    if sync is None:
        return None
    streams = []
    for stream in profile.streams_to_record():
        align = profile.streams[stream.name].align or AlignSpec()
        method = align.method(stream.kind)
        if method is not None and stream.rate_hz is not None:
            streams.append(_aligned(stream, align, method, sync))
    if not streams:
        return None
    names = [each.stream.name for each in streams]
    clock = sync.clock_rate_hz or ReferenceClock(names.index(sync.clock))
    return AlignmentPlan(tuple(streams), clock, round(sync.hold_off_ms * _NS_PER_MS))


def _aligned(stream: Stream, align: AlignSpec, method: Method, sync: SyncSpec) -> AlignedStream:
    tolerance_ms = sync.tolerance_ms if align.tolerance_ms is None else align.tolerance_ms
    rule = StreamRule(
        name=stream.name,
        method=method,
        tolerance_ns=round(tolerance_ms * _NS_PER_MS),
        offset_ns=round(align.offset_ms * _NS_PER_MS),
        window=align.window or 1,
    )
    default = TimeSource.STAMP if sync.stamp == "header" else TimeSource(sync.stamp)
    wanted = default if align.time is None else TimeSource(align.time)
    return AlignedStream(stream, rule, wanted, is_declared=align.time is not None)
