"""The movement in a bag: of every stream that feels some, what it measured and when."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from humanoid_recorder.core.alignment.rules import NO_TIME, Method, StreamRule
from humanoid_recorder.core.alignment.times import TimeReader, TimeSource
from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.message_type import starts_with_header
from humanoid_recorder.core.movement import FloatArray, Sense, Series, make_series
from humanoid_recorder.core.streams import Stream
from humanoid_recorder.inspection.movement_values import Values, is_picture, values_of
from humanoid_recorder.inspection.stream_kinds import guess_kind
from humanoid_recorder.spec.align_spec import AlignSpec
from humanoid_recorder.spec.alignment_plan import AlignedStream
from humanoid_recorder.spec.profile import RobotProfile
from humanoid_recorder.storage.bag_reader import BagMessage, BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile

_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000
_EARLIEST_SHARE = 2
"""Percentile of receipt minus time that stands for its smallest: a few wild stamps do not count."""


@dataclass(slots=True)
class StreamMovement:
    """What one stream of a bag saw."""

    stream: Stream
    """Under its full topic name."""
    time: TimeSource
    """Which time of its messages is meant."""
    offset_ms: float
    """What the profile adds to its times so far."""
    messages: int = 0
    unreadable: int = 0
    problem: str = ""
    """Of the first message that could not be read."""
    series: Series | None = None
    """None when fewer than two messages can be used."""
    receipt_ns: int = 0
    """Receipt minus time at its smallest: a first guess at how far its clock is off."""


@dataclass(slots=True)
class _Reading:
    """A stream while its messages go by."""

    movement: StreamMovement
    values_of: Values
    sense: Sense
    definition: str
    read_time: TimeReader
    times_ns: "array[int]" = field(default_factory=lambda: array("q"))
    delays_ns: "array[int]" = field(default_factory=lambda: array("q"))
    values: list[FloatArray] = field(default_factory=list)
    last: tuple[int, FloatArray] | None = None

    def add(self, message: BagMessage) -> None:
        movement = self.movement
        movement.messages += 1
        time_ns = self.read_time(message.data, message.publish_ns, message.log_ns)
        if time_ns == NO_TIME:
            self._refuse(f"a message has no {movement.time} time")
            return
        try:
            values = self.values_of(message, self.definition)
        except BagReadError as error:
            self._refuse(str(error))
            return
        if self.last is not None and len(values) != len(self.last[1]):
            self._refuse(f"a message has {len(values)} values, others {len(self.last[1])}")
            return
        self.delays_ns.append(message.log_ns - time_ns)
        if not is_picture(movement.stream.kind):
            self.times_ns.append(time_ns)
            self.values.append(values)
        elif self.last is not None and time_ns > self.last[0]:
            # A picture is compared with the one before at once: only the change is kept.
            since_s = (time_ns - self.last[0]) / _NS_PER_S
            change = float(np.sqrt(np.mean(np.square(values - self.last[1]))))
            self.times_ns.append((time_ns + self.last[0]) // 2)
            self.values.append(np.array([change / since_s]))
        self.last = time_ns, values

    def finish(self) -> StreamMovement:
        movement = self.movement
        if len(self.values) > 1:
            times, table = np.frombuffer(self.times_ns, np.int64), np.stack(self.values)
            series = make_series(times, table, sense=self.sense, is_rate=is_picture(movement.stream.kind))
            movement.series = series if len(series.times_ns) > 1 else None
        if len(self.delays_ns):
            movement.receipt_ns = int(np.percentile(np.frombuffer(self.delays_ns, np.int64), _EARLIEST_SHARE))
        return movement

    def _refuse(self, problem: str) -> None:
        self.movement.unreadable += 1
        self.movement.problem = self.movement.problem or problem


def streams_of(
    reader: BagReader, profile: RobotProfile | None, episode: EpisodeFile | None
) -> dict[str, tuple[AlignedStream, Stream]]:
    """Return the streams of a bag by topic: those of the profile, or what topics and types suggest without one.

    Args:
        reader: The bag.
        profile: Says names, kinds, and which time counts.
        episode: Of our own bags: knows under which topic each stream was recorded.
    """
    if profile is None:
        guessed = {
            key.topic: Stream(key.topic, key.topic, key.type, kind=guess_kind(key.topic, key.type))
            for key in sorted(reader.describe_topics())
        }
        return {topic: (_aligned(stream, None, None), stream) for topic, stream in guessed.items()}
    recorded = {} if episode is None else {each.name: each.topic for each in episode.start.streams}
    streams = {}
    for stream in profile.streams_to_record():
        topic = recorded.get(stream.name, f"/{stream.topic.lstrip('/')}")
        streams[topic] = (_aligned(stream, profile, profile.streams[stream.name].align), stream)
    return streams


def read_movements(
    reader: BagReader, streams: Mapping[str, tuple[AlignedStream, Stream]], *, seconds: float
) -> Sequence[StreamMovement]:
    """Read what the streams of a bag saw.

    Args:
        reader: The bag.
        streams: By topic, from ``streams_of``.
        seconds: How much of the bag, from its first message.

    Returns:
        The streams that can tell of movement and are in the bag, in the order in which they were given.

    Raises:
        BagReadError: A file is damaged.
    """
    readings: dict[str, _Reading] = {}
    descriptions = {key.topic: (key.type, each.definition) for key, each in reader.describe_topics().items()}
    for topic, (aligned, stream) in streams.items():
        type_name, definition = descriptions.get(topic, ("", ""))
        how = values_of(stream.kind, type_name)
        if how is not None:
            has_header = starts_with_header(definition)
            movement = StreamMovement(
                stream, aligned.time_source(has_header=has_header), aligned.rule.offset_ns / _NS_PER_MS
            )
            readings[topic] = _Reading(movement, *how, definition, aligned.reader(has_header=has_header))
    until_ns: int | None = None
    for message in reader.messages(readings.keys()) if readings else ():
        if until_ns is None:
            until_ns = message.log_ns + round(seconds * _NS_PER_S)
        if message.log_ns <= until_ns:
            readings[message.topic].add(message)
    return [reading.finish() for reading in readings.values()]


def _aligned(stream: Stream, profile: RobotProfile | None, align: AlignSpec | None) -> AlignedStream:
    align = align or AlignSpec()
    by_sync = profile.sync.stamp if profile is not None and profile.sync is not None else "header"
    default = TimeSource.STAMP if by_sync == "header" else TimeSource(by_sync)
    wanted = default if align.time is None else TimeSource(align.time)
    rule = StreamRule(stream.name, Method.LATEST, offset_ns=round(align.offset_ms * _NS_PER_MS))
    return AlignedStream(stream, rule, wanted, is_declared=align.time is not None)
