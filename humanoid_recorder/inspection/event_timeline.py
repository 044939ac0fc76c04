"""What happened when: the events of a bag, and the findings of its ``episode.json``, as lines of text."""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.inspection.bag_contents import BagContents
from humanoid_recorder.storage.bag_decoder import decode_message
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile

LINES_SHOWN = 6
_LONGEST = 100
_NS_PER_S = 1_000_000_000
_EVENT_TYPES = ("std_msgs/msg/String", "std_msgs/msg/Bool")


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened."""

    at_ns: int
    """Log time, ns since the epoch."""
    text: str
    is_finding: bool = False
    """Something is wrong with the recording; else something that was done."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """All of a bag."""

    title: str
    start_ns: int
    """The log time that counts as 0 s."""
    moments: tuple[Moment, ...]
    """In the order of their times."""

    def until(self, now_ns: int) -> Sequence[Moment]:
        """Return the last few things that had happened at a time, the latest last."""
        past = bisect_right([moment.at_ns for moment in self.moments], now_ns)
        return self.moments[max(0, past - LINES_SHOWN) : past]

    def line(self, moment: Moment) -> str:
        """Write a moment with its seconds since the start."""
        return f"{(moment.at_ns - self.start_ns) / _NS_PER_S:+.2f} s  {moment.text}"


def read_timeline(contents: BagContents) -> Timeline:
    """Collect what happened.

    Raises:
        BagReadError: The bag is damaged.
    """
    reader = BagReader(contents.path)
    summary = reader.summary()
    topics = {stream.topic: stream for stream in contents.of_kind(StreamKind.EVENT) if stream.type in _EVENT_TYPES}
    definitions = {topic.name: topic.definition for topic in summary.topics}
    moments = []
    for message in reader.messages(topics.keys()) if topics else ():
        try:
            value = decode_message(message, definitions[message.topic]).data
        except BagReadError as error:
            value = error.message
        moments.append(Moment(message.log_ns, _event_text(topics[message.topic].name, value)))
    episode = contents.episode
    moments += [
        Moment(finding.at_ns, _short(f"{finding.check}: {finding.message}"), is_finding=True)
        for finding in (episode.findings if episode is not None else ())
    ]
    start_ns = episode.start.time_ns if episode is not None else summary.starting_time_ns or 0
    title = contents.path.name if episode is None else _title(episode)
    return Timeline(title, start_ns, tuple(sorted(moments, key=lambda moment: moment.at_ns)))


def _title(episode: EpisodeFile) -> str:
    end = f", {episode.stop.end}" if episode.stop is not None else ", not sealed"
    task = f"{episode.labels.task}: " if episode.labels.task else ""
    return _short(f"{task}{episode.outcome}{end} ({episode.id})")


def _event_text(name: str, value: object) -> str:
    """Shorten our own events, which are JSON, to what they are called."""
    if isinstance(value, bool):
        return f"{name}: {str(value).lower()}"
    text = str(value)
    try:
        event = json.loads(text)
    except (ValueError, RecursionError):  # brackets without end
        event = None
    return _short(str(event["event"]) if isinstance(event, dict) and "event" in event else f"{name}: {text}")


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"
