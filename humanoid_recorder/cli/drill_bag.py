"""Recovers the episode of a killed recorder as ``humanoid-recorder recover`` does, and reads all of it back."""

import importlib.util
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from humanoid_recorder.cli.drill_judge import Found
from humanoid_recorder.core.cdr import peek_frame_id
from humanoid_recorder.core.errors import BagError, BagReadError
from humanoid_recorder.sim.synthetic_numbering import number_of
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EPISODE_FILE, EpisodeFile
from humanoid_recorder.storage.recovery import recover_bag


@dataclass(frozen=True, slots=True)
class Recovered:
    """A recovered episode, read back."""

    bag: Path | None = None
    """None when it could not be recovered."""
    start_ns: int | None = None
    """When the episode began, by its own record; None without one."""
    found: Mapping[str, Found] = field(default_factory=dict)
    """By topic, of those that are numbered."""
    messages: int = 0
    readers: tuple[str, ...] = ()
    """Who read all of them."""
    problems: tuple[str, ...] = ()


def recover_and_read(unfinished: Path, *, numbered: Collection[str], keep_original: bool) -> Recovered:
    """Recover an episode and read every message of it.

    Args:
        unfinished: Its directory.
        numbered: Topics whose messages carry a running number.
        keep_original: Keep the unfinished one beside the result.
    """
    try:
        bag = recover_bag(unfinished, keep_original=keep_original).directory
    except BagError as error:
        return Recovered(problems=(f"it cannot be recovered: {error}",))
    try:
        found, counts = _read(bag, numbered)
        # A recorder that is killed within some 20 ms of the start has not written its record yet.
        start_ns = EpisodeFile.read(bag).start.time_ns if (bag / EPISODE_FILE).exists() else None
    except BagReadError as error:
        return Recovered(bag, problems=(f"it cannot be read: {error}",))
    readers, problems = ["humanoid_recorder"], []
    if importlib.util.find_spec("rosbags") is not None:
        if (problem := _problem_with_rosbags(bag, counts)) is None:
            readers.append("rosbags")
        else:
            problems.append(problem)
    return Recovered(bag, start_ns, found, counts.total(), tuple(readers), tuple(problems))


def _read(bag: Path, numbered: Collection[str]) -> tuple[dict[str, Found], Counter[str]]:
    """Read a bag through, checksums included."""
    numbers: dict[str, set[int]] = defaultdict(set)
    newest_ns: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for message in BagReader(bag).messages():
        topic = message.topic
        counts[topic] += 1
        if topic in numbered:
            number = number_of(peek_frame_id(message.data) or "")
            if number is None:
                raise BagReadError(f"a message of {topic} in {bag} carries no number.")
            numbers[topic].add(number)
            newest_ns[topic] = max(message.publish_ns, newest_ns.get(topic, message.publish_ns))
    return {topic: Found(frozenset(numbers[topic]), newest_ns[topic]) for topic in numbers}, counts


def _problem_with_rosbags(bag: Path, expected: Counter[str]) -> str | None:
    """Read a bag with the library that most people use without ROS."""
    from rosbags.rosbag2 import Reader

    try:
        with Reader(bag) as reader:
            counts = Counter(connection.topic for connection, _, _ in reader.messages())
    except Exception as error:  # whatever a library raises, its users cannot read the bag
        return f"rosbags cannot read it: {error!r}"
    return None if counts == expected else "rosbags finds other messages in it than we do"
