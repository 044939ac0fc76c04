"""What became of every message: the numbers in the bag against what the senders sent and what the ledger says."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.payload import number_of
from bench.processes import Sent
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile

_BEFORE_NS = 4_000_000_000
"""A message that holds up others may have been sent this long before the start: Fast DDS repeats after 3 s."""


@dataclass(frozen=True, slots=True)
class StreamResult:
    """One stream of one episode, by the numbers in the messages; ``ledger`` is what ``episode.json`` says."""

    topic: str
    written: int
    missing: int
    """Sent after the start, between the first and the last message of the bag, and not in it."""
    passed_over: int
    """The same, but sent before the start: received before it too, behind a message that was repaired after it."""
    head: int
    """Sent after the start, before the first message of the bag."""
    tail: int
    """Sent before the stop, after the last message of the bag: lost or on their way when the gate closed."""
    ledger: dict[str, Any]
    faults: tuple[str, ...]
    """Where the ledger, the sequence numbers or the bag disagree with the numbers; empty = all agree."""


@dataclass(slots=True)
class BagContents:
    """Numbers, sequences and times of one topic, in file order."""

    numbers: list[int] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    log_ns: list[int] = field(default_factory=list)
    publish_ns: list[int] = field(default_factory=list)


def read_bag(directory: Path, topics: set[str]) -> dict[str, BagContents]:
    """Read every message of these topics; the reader checks every chunk's CRC on the way."""
    contents = {topic: BagContents() for topic in topics}
    for message in BagReader(directory).messages(topics):
        each = contents[message.topic]
        each.numbers.append(number_of(message.data))
        each.sequences.append(message.sequence)
        each.log_ns.append(message.log_ns)
        each.publish_ns.append(message.publish_ns)
    return contents


def compare(contents: dict[str, BagContents], sent: Sent, episode: EpisodeFile) -> list[StreamResult]:
    """Compare stream by stream."""
    assert episode.stop is not None
    names = {stream.topic: stream.name for stream in (*episode.start.streams, *episode.streams_joined_later)}
    window = (episode.start.time_ns, episode.stop.time_ns)
    return [
        _compare(topic, contents[topic], sent.times_ns[topic], asdict(episode.ledger[names[topic]]), window)
        for topic in sorted(contents)
    ]


def _compare(
    topic: str,
    bag: BagContents,
    sent_ns: np.ndarray[Any, np.dtype[np.int64]],
    ledger: dict[str, Any],
    window: tuple[int, int],
) -> StreamResult:
    numbers = np.array(sorted(bag.numbers), np.int64)
    in_window = np.flatnonzero((sent_ns >= window[0]) & (sent_ns <= window[1])) + 1
    if not len(numbers):
        disagrees = ("nothing of it is in the bag",) if ledger["written"] else ()
        return StreamResult(topic, 0, 0, 0, len(in_window), 0, ledger, disagrees)
    first, last, unique = int(numbers[0]), int(numbers[-1]), np.unique(numbers)
    faults = []
    if last > len(sent_ns):
        faults.append(f"number {last} is in the bag, and {len(sent_ns)} were sent")
    absent = np.setdiff1d(np.arange(first, min(last, len(sent_ns)) + 1), unique, assume_unique=True)
    missing = int(np.count_nonzero(sent_ns[absent - 1] >= window[0]))
    if len(unique) < len(numbers):
        faults.append(f"{len(numbers) - len(unique)} messages are there twice")
    if bag.numbers != bag.sequences:  # the first message of a sender has number 1, as has its first DDS sample
        faults.append("the sequence numbers in the bag are not the numbers in the messages")
    if ledger["written"] != len(numbers):
        faults.append(f"the ledger has {ledger['written']} written, the bag {len(numbers)}")
    if ledger["received"] != ledger["written"] + ledger["dropped"] - ledger["latched"]:
        faults.append("received is not written + dropped")
    head = int(np.count_nonzero(in_window < first))
    tail = int(np.count_nonzero(in_window > last))
    # What was sent after the start was received after it: if it is not in the bag it was lost or dropped. The ledger
    # may count more: what was lost around the start and the stop, or sent before the start and never received.
    least = missing + (head if ledger["head"] == "whole" else 0)
    most = len(absent) + head + tail + int(np.count_nonzero((sent_ns < window[0]) & (sent_ns > window[0] - _BEFORE_NS)))
    if ledger["lost"] is not None and not least <= ledger["lost"] + ledger["dropped"] <= most:
        faults.append(f"{least} are missing, the ledger has lost {ledger['lost']}, dropped {ledger['dropped']}")
    return StreamResult(
        topic,
        written=len(numbers),
        missing=missing,
        passed_over=len(absent) - missing,
        head=head,
        tail=tail,
        ledger=ledger,
        faults=tuple(faults),
    )
