"""Whether the bags of a demo hold every message that the synthetic robot sent, found out from the bags alone.

Independent of the recorder's own ledger: each message carries a running number, and the robot says at the end how many
it sent. A hole, a repetition or a stream that begins late or ends early shows in the numbers.
"""

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from humanoid_recorder.core.cdr import peek_compressed_image, peek_frame_id
from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.labels import End
from humanoid_recorder.sim.synthetic_numbering import number_of
from humanoid_recorder.storage.bag_reader import BagMessage, BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile, StopRecord, StreamRecord

EDGE_NS = 500_000_000
"""How much later than the episode a stream may begin, and how much earlier it may end."""
_COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"


class SentRecord(BaseModel):
    """What the robot says of one topic; stamps in ns since the epoch."""

    model_config = ConfigDict(frozen=True)

    sent: int
    first_ns: int | None
    last_ns: int | None


_REPORT = TypeAdapter(dict[str, SentRecord])


@dataclass(frozen=True, slots=True)
class StreamCheck:
    """One stream of one episode."""

    stream: str
    topic: str
    messages: int
    rate_hz: float | None
    first_number: int | None
    """Running number of the earliest message; None for a stream that is not numbered."""
    last_number: int | None
    missing: int
    """Numbers that are absent between the two."""
    repeated: int
    lost: int | None
    """According to the ledger; None = unknown."""
    dropped: int
    """According to the ledger."""
    problems: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is amiss."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class EpisodeCheck:
    """One bag."""

    path: str
    end: str
    outcome: str
    duration_s: float
    messages: int
    size_bytes: int
    streams: tuple[StreamCheck, ...]
    pictures: tuple[str, ...]
    """Files with the first and the last picture of each camera, beside the bag."""
    problems: tuple[str, ...]
    """What is wrong with the bag as such; the streams have their own."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is amiss in it."""
        return not self.problems and all(stream.is_whole for stream in self.streams)


@dataclass(slots=True)
class _Heard:
    """What was found of one topic while reading a bag."""

    messages: int = 0
    numbers: set[int] = field(default_factory=set)
    repeated: int = 0
    unnumbered: int = 0
    first_picture: bytes = b""

    last_picture: bytes = b""

    def add(self, message: BagMessage, *, has_header: bool, is_numbered: bool) -> None:
        self.messages += 1
        if message.type == _COMPRESSED_IMAGE and (found := peek_compressed_image(message.data)):
            self.first_picture, self.last_picture = self.first_picture or found[1], found[1]
        if is_numbered:
            number = number_of(peek_frame_id(message.data) or "") if has_header else None
        else:
            number = message.sequence or None
        if number is None:
            self.unnumbered += 1
        elif number in self.numbers:
            self.repeated += 1
        else:
            self.numbers.add(number)


def read_robot_report(path: Path) -> dict[str, SentRecord]:
    """Read what the robot wrote at its end: topic -> sent.

    Raises:
        BagReadError: It is missing or is not such a report.
    """
    try:
        return _REPORT.validate_python(json.loads(path.read_text()))
    except (OSError, ValueError, ValidationError) as error:
        raise BagReadError(f"The robot left no account of what it sent: {error}.") from error


def check_episode(bag: Path, sent: Mapping[str, SentRecord] | None) -> EpisodeCheck:
    """Read a bag through and compare it with what the robot sent; saves pictures of every camera beside it.

    Args:
        bag: Directory of a sealed episode.
        sent: By topic; None for a robot that does not number its messages, and then the middleware's numbers, which
            the bag holds too, have to show that none is missing.

    Raises:
        BagReadError: The bag cannot be read.
    """
    reader, episode = BagReader(bag), EpisodeFile.read(bag)
    if episode.stop is None:
        raise BagReadError(f"{bag} was not sealed.")
    info = reader.summary()
    with_header = {topic.name for topic in info.topics if _starts_with_header(topic.definition)}
    heard: dict[str, _Heard] = defaultdict(_Heard)
    for message in reader.messages():
        heard[message.topic].add(message, has_header=message.topic in with_header, is_numbered=sent is not None)
    rates = {topic.name: topic.rate_hz for topic in info.topics}
    streams = [*episode.start.streams, *episode.streams_joined_later]
    checks = tuple(
        _check_stream(stream, heard[stream.topic], rates.get(stream.topic), (sent or {}).get(stream.topic), episode)
        for stream in streams
    )
    problems = [] if episode.stop.end is End.STOPPED else [f"the episode ended as {episode.stop.end.value}"]
    problems += [
        f"{topic}, which the robot publishes, was not recorded"
        for topic in sorted((sent or {}).keys() - {stream.topic for stream in streams})
    ]
    if info.counts_in_metadata != {topic.name: topic.message_count for topic in info.topics}:
        problems.append("metadata.yaml counts differently")
    return EpisodeCheck(
        path=str(bag),
        end=episode.stop.end.value,
        outcome=episode.outcome.value,
        duration_s=episode.stop.duration_s,
        messages=info.message_count,
        size_bytes=info.size_bytes,
        streams=checks,
        pictures=tuple(_save_pictures(bag, {stream.name: heard[stream.topic] for stream in streams})),
        problems=tuple(problems),
    )


def due_numbers(sent: SentRecord, *, begin_ns: int, end_ns: int) -> range:
    """Return the running numbers of the messages that the robot measured in a span of time (ns since the epoch)."""
    if sent.first_ns is None or sent.last_ns is None or sent.sent < 2:
        return range(0)
    period_ns = (sent.last_ns - sent.first_ns) / (sent.sent - 1)
    first = max(0, math.ceil((begin_ns - sent.first_ns) / period_ns))
    last = min(sent.sent - 1, math.floor((end_ns - sent.first_ns) / period_ns))
    return range(first, last + 1)


def _check_stream(
    stream: StreamRecord, heard: _Heard, rate_hz: float | None, sent: SentRecord | None, episode: EpisodeFile
) -> StreamCheck:
    ledger = episode.ledger.get(stream.name)
    numbers = heard.numbers
    first, last = min(numbers, default=None), max(numbers, default=None)
    missing = 0 if first is None or last is None else last - first + 1 - len(numbers)
    problems = []
    if sent is None:
        if not heard.messages:
            problems.append("nothing was recorded")
    else:
        problems += _compare_with_sent(heard, sent, episode)
    known = "unknown" if ledger is None or ledger.lost is None else f"{ledger.lost} lost, {ledger.dropped} dropped"
    if missing:
        problems.append(f"{missing} missing (the ledger says {known})")
    if heard.repeated:
        problems.append(f"{heard.repeated} messages are there twice")
    if ledger is None:
        problems.append("the ledger does not name it")
    elif (ledger.lost or ledger.dropped) and not missing:
        problems.append(f"nothing is missing, but the ledger says {known}")
    elif ledger.written != heard.messages:
        problems.append(f"the ledger says {ledger.written} written, {heard.messages} are there")
    return StreamCheck(
        stream=stream.name,
        topic=stream.topic,
        messages=heard.messages,
        rate_hz=rate_hz,
        first_number=first,
        last_number=last,
        missing=missing,
        repeated=heard.repeated,
        lost=ledger.lost if ledger else None,
        dropped=ledger.dropped if ledger else 0,
        problems=tuple(problems),
    )


def _compare_with_sent(heard: _Heard, sent: SentRecord, episode: EpisodeFile) -> list[str]:
    stop: StopRecord | None = episode.stop
    end_ns = stop.time_ns if stop else episode.start.time_ns
    due = due_numbers(sent, begin_ns=episode.start.time_ns + EDGE_NS, end_ns=end_ns - EDGE_NS)
    problems = []
    if heard.unnumbered:
        problems.append(f"{heard.unnumbered} messages carry no number")
    if heard.numbers and max(heard.numbers) >= sent.sent:
        problems.append(f"number {max(heard.numbers)} was recorded, but only {sent.sent} were sent")
    if due and not heard.numbers:
        problems.append(f"nothing was recorded of {len(due)} messages sent meanwhile")
    elif due and min(heard.numbers) > due[0]:
        problems.append(f"begins with number {min(heard.numbers)}; the robot sent {due[0]} in the episode")
    elif due and max(heard.numbers) < due[-1]:
        problems.append(f"ends with number {max(heard.numbers)}; the robot sent {due[-1]} in the episode")
    return problems


def _starts_with_header(definition: str) -> bool:
    code = (line.split("#", 1)[0].split() for line in definition.splitlines())
    return next((words[0] in ("std_msgs/Header", "Header") for words in code if words), False)


def _save_pictures(bag: Path, streams: Mapping[str, _Heard]) -> list[str]:
    saved = []
    for stream, heard in streams.items():
        for which, picture in (("first", heard.first_picture), ("last", heard.last_picture)):
            if picture.startswith(b"\xff\xd8"):
                path = bag.parent / f"{bag.name}_{stream}_{which}.jpg"
                path.write_bytes(picture)
                saved.append(str(path))
    return saved
