"""The frames of a bag: found again from its messages, and as the recorder wrote them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from humanoid_recorder.core.alignment.frame_message import FRAMES_TYPE, decode_frame
from humanoid_recorder.core.alignment.frames import STATUS, Frame, FrameTable
from humanoid_recorder.core.alignment.offline import StreamTimes, align
from humanoid_recorder.core.alignment.rules import RateClock, Status
from humanoid_recorder.core.alignment.times import TimeReader, TimeSource
from humanoid_recorder.core.errors import BagReadError, SpecError
from humanoid_recorder.core.message_type import starts_with_header
from humanoid_recorder.spec.alignment_plan import AlignedStream, AlignmentPlan, plan_alignment
from humanoid_recorder.spec.profile import RobotProfile
from humanoid_recorder.spec.yaml_source import YamlDocument
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.bag_times import OnProgress, read_times
from humanoid_recorder.storage.episode_file import EpisodeFile

FRAMES_TOPIC_END = "/frames"
"""The recorder's own is ``<its name>/frames``."""
_FOREVER_NS = 10**15
"""Longer than any episode."""
_MOST_TICKS = 20_000_000
"""Of a fixed rate: a week at 30 Hz."""


@dataclass(frozen=True, slots=True)
class AlignedBag:
    """What alignment made of a bag. Tuples have one entry for each stream that takes part."""

    plan: AlignmentPlan
    topics: tuple[str, ...]
    sources: tuple[TimeSource, ...]
    """Which time was compared."""
    times: tuple[StreamTimes, ...]
    table: FrameTable
    late: tuple[int, ...]
    """Ticks at which a stream is not in order only because its samples came after the hold-off."""


def plan_for(profile_text: str, *, name: str) -> AlignmentPlan:
    """Return how a profile wants its streams aligned.

    Args:
        profile_text: The YAML.
        name: What error lines begin with.

    Raises:
        SpecError: The profile is wrong, or says nothing of alignment.
    """
    plan = plan_alignment(YamlDocument.from_bytes(profile_text.encode(), name=name).validate(RobotProfile))
    if plan is None:
        raise SpecError(
            f"{name}: nothing says how streams are aligned.",
            remedy="Give the profile a `sync` section, such as `sync: {clock: head}`, and a stream with rate_hz.",
        )
    return plan


def align_bag(
    reader: BagReader, plan: AlignmentPlan, *, episode: EpisodeFile | None, on_progress: OnProgress | None = None
) -> AlignedBag:
    """Align the messages of a bag.

    Args:
        reader: The bag.
        plan: What the profile says.
        episode: What lies beside our own bags: topics as they were resolved, start and stop. Without it a fixed rate
            begins with the first message and ends with the last.
        on_progress: Called while times are read.

    Raises:
        BagReadError: A file is damaged.
    """
    topics = _topics(plan, reader, episode)
    sources: dict[str, TimeSource] = {}

    def reader_of(each: AlignedStream, topic: str, definition: str) -> TimeReader:
        has_header = starts_with_header(definition)
        sources[topic] = each.time_source(has_header=has_header)
        return each.reader(has_header=has_header)

    found = read_times(
        reader,
        {topic: partial(reader_of, each, topic) for each, topic in zip(plan.streams, topics, strict=True)},
        on_progress=on_progress,
    )
    times = tuple(found[topic] for topic in topics)
    start_ns, end_ns = _span(times, episode)
    alignment = plan.alignment(start_ns=start_ns)
    if isinstance(alignment.clock, RateClock) and (ticks := alignment.clock.count_until(end_ns)) > _MOST_TICKS:
        raise BagReadError(
            f"{reader.path}: from {start_ns} to {end_ns} ns by log time there would be {ticks:,} frames.",
            remedy="Is a log time wrong? Choose a stream as sync.clock instead of a rate.",
        )
    table = align(alignment, times, end_ns=end_ns)
    patient = align(replace(alignment, hold_off_ns=_FOREVER_NS), times, end_ns=end_ns)
    is_late = (patient.cells[:, :, STATUS] == Status.OK) & (table.cells[:, :, STATUS] != Status.OK)
    return AlignedBag(
        plan=plan,
        topics=topics,
        sources=tuple(sources.get(topic, each.wanted_time) for each, topic in zip(plan.streams, topics, strict=True)),
        times=times,
        table=table,
        late=tuple(int(count) for count in is_late.sum(axis=0)),
    )


def recorded_frames(reader: BagReader) -> FrameTable | None:
    """Return the frames as the recorder wrote them while it recorded; None when it wrote none.

    Raises:
        BagReadError: A file is damaged, or they do not fit each other.
    """
    topics = {
        key.topic
        for key in reader.describe_topics()
        if key.type == FRAMES_TYPE.name and key.topic.endswith(FRAMES_TOPIC_END)
    }
    names: tuple[str, ...] | None = None
    frames: list[Frame] = []
    for message in reader.messages(topics) if topics else ():
        try:
            of_message, frame = decode_frame(message.data)
        except ValueError as error:
            if not frames:  # somebody else's topic
                continue
            raise BagReadError(f"{reader.path}: a message of {message.topic} is no frame: {error}.") from error
        if names not in (None, of_message):
            raise BagReadError(f"{reader.path}: frame {frame.index} of {message.topic} is of other streams.")
        names = of_message
        frames.append(frame)
    if names is None:
        return None
    return FrameTable(
        names, np.array([frame.tick_ns for frame in frames], np.int64), np.stack([frame.cells for frame in frames])
    )


def profile_in(episode: EpisodeFile | None, directory: Path) -> str:
    """Return the profile with which an episode was recorded.

    Raises:
        SpecError: There is none.
    """
    text = "" if episode is None else episode.start.provenance.profile_text
    if not text:
        reason = "has no episode.json" if episode is None else "was recorded without a profile"
        raise SpecError(
            f"{directory} {reason}: nothing says how its streams are aligned.",
            remedy="Name a robot profile that describes its topics: --profile FILE.",
        )
    return text


def _topics(plan: AlignmentPlan, reader: BagReader, episode: EpisodeFile | None) -> tuple[str, ...]:
    """Return the full name of each stream's topic: as recorded, else the one topic of the bag that it can be."""
    recorded: Mapping[str, str] = {}
    if episode is not None:
        recorded = {each.name: each.topic for each in (*episode.start.streams, *episode.streams_joined_later)}
    there = {key.topic for key in reader.describe_topics()}
    topics = []
    for each in plan.streams:
        topic = each.stream.topic
        in_namespace = sorted(name for name in there if name.endswith(f"/{topic}"))
        if each.stream.name in recorded:
            topic = recorded[each.stream.name]
        elif not topic.startswith("/"):
            topic = in_namespace[0] if len(in_namespace) == 1 else f"/{topic}"
        topics.append(topic)
    return tuple(topics)


def _span(times: tuple[StreamTimes, ...], episode: EpisodeFile | None) -> tuple[int, int]:
    """Return start and end by log time."""
    firsts = [int(each.logs_ns.min()) for each in times if len(each.logs_ns)]
    lasts = [int(each.logs_ns.max()) for each in times if len(each.logs_ns)]
    start_ns, end_ns = min(firsts, default=0), max(lasts, default=-1)
    if episode is not None:
        start_ns = episode.start.time_ns
        end_ns = episode.stop.time_ns if episode.stop is not None else end_ns
    return start_ns, end_ns
