"""A bag made ready to be played: what of it, in which order, with which QoS."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from humanoid_recorder.core.errors import BagReadError, CommandRefused, SpecError
from humanoid_recorder.playback.block_cache import BlockCache
from humanoid_recorder.playback.offers import PublishedQos, choose_depth, latched_depth, merge_offers
from humanoid_recorder.playback.selection import BagTopic, LeftOut, PlayChoice, select
from humanoid_recorder.playback.timeline import OrderBy, Timeline
from humanoid_recorder.storage.bag_blocks import BagBlocks
from humanoid_recorder.storage.episode_file import EPISODE_FILE, EpisodeFile

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class PlayedTopic:
    """A topic that is played."""

    index: int
    """In the bag."""
    name: str
    """In the bag."""
    published_as: str
    type: str
    type_hash: str
    """Of the type as it was recorded; empty when the bag does not say."""
    qos: PublishedQos


class Lost(NamedTuple):
    """What could not be read of a bag."""

    reason: str
    first_ns: int
    """Log time in ns since the epoch, also below."""
    last_ns: int
    messages: dict[str, int] | None
    """By topic, those that are not played included; None when no index says."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of a bag is played."""

    start_offset_s: float = 0.0
    duration_s: float | None = None
    """None = to its end."""


@dataclass(frozen=True, slots=True)
class Program:
    """A bag made ready."""

    path: Path
    topics: tuple[PlayedTopic, ...]
    left_out: tuple[LeftOut, ...]
    timeline: Timeline
    start_ns: int
    """Positions, ns since the beginning of the bag."""
    end_ns: int
    cache: BlockCache = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    """Of all topics of the bag, by index."""

    def lost(self) -> list[Lost]:
        """Return what could not be read so far; may be called from any thread."""
        return [
            Lost(
                damage.reason,
                damage.first_ns,
                damage.last_ns,
                None if damage.messages is None else {self.names[t]: count for t, count in damage.messages.items()},
            )
            for damage in list(self.cache.damaged.values())
        ]


CheckType = Callable[[str, str], str]
"""Told a type and its recorded hash, says why it cannot be published; empty when it can."""


@contextmanager
def open_program(
    path: Path, choice: PlayChoice, *, by: OrderBy, window: Window, check_type: CheckType
) -> Iterator[Program]:
    """Open a bag for as long as the block lasts.

    Args:
        path: A bag directory, its ``metadata.yaml``, or an ``.mcap`` file.
        choice: Which topics.
        by: In which order.
        window: Which part.
        check_type: Says of each type whether it is there.

    Raises:
        BagReadError: There is no complete bag at ``path``, or nothing says which of its topics are commands.
        SpecError: An option does not fit the bag.
        CommandRefused: There is nothing to play.
    """
    with BagBlocks(path) as bag:
        if not bag.blocks:
            raise CommandRefused(f"{bag.path} has no messages.", remedy="See `humanoid-recorder info`.")
        topics = [BagTopic(key.topic, key.type) for key, _ in bag.topics]
        selection = select(topics, choice, {} if choice.with_commands else _kinds(bag.path))
        silent = {name for name, count in bag.message_counts().items() if not count}
        problems = {index: check_type(key.type, each.type_hash) for index, (key, each) in enumerate(bag.topics)}
        left_out = [
            *selection.left_out,
            *(
                LeftOut(*topics[index], problems[index])
                for index in selection.played
                if problems[index] and topics[index].name not in silent
            ),
        ]
        indexes = [index for index in selection.played if not problems[index] and topics[index].name not in silent]
        if not indexes:
            raise _nothing_to_play(bag.path, left_out)
        offers = {i: merge_offers(each.offered_qos, topic=key.topic) for i, (key, each) in enumerate(bag.topics)}
        latched = {
            index: latched_depth(bag.topics[index][1].offered_qos, type_name=topics[index].type)
            for index, offer in offers.items()
            if offer.is_latched
        }
        cache = BlockCache(bag)
        timeline = Timeline(cache, by=by, topics=indexes, latched=latched)
        rates = _rates_hz(bag, timeline.duration_ns)
        played = tuple(
            PlayedTopic(
                index=index,
                name=topics[index].name,
                published_as=selection.played[index],
                type=topics[index].type,
                type_hash=bag.topics[index][1].type_hash,
                qos=PublishedQos(
                    offers[index],
                    choose_depth(offers[index], latched=latched.get(index, 0), rate_hz=rates.get(topics[index].name)),
                ),
            )
            for index in indexes
        )
        start_ns, end_ns = _positions(window, timeline.duration_ns)
        names = tuple(topic.name for topic in topics)
        yield Program(bag.path, played, tuple(left_out), timeline, start_ns, end_ns, cache, names)


def _kinds(path: Path) -> Mapping[str, str]:
    """Return what the recorder was told of each topic; nothing where it was another recorder's bag.

    Raises:
        BagReadError: It was ours, and what it was told cannot be read: names alone might let a command through.
    """
    directory = path if path.is_dir() else path.parent
    if not (directory / EPISODE_FILE).exists():
        return {}
    try:
        episode = EpisodeFile.read(directory)
    except BagReadError as error:
        raise BagReadError(
            f"{error.message.removesuffix('.')}: so nothing says which topics command the robot.",
            remedy="Say --with-commands (with_commands) where no robot listens.",
        ) from error
    return {stream.topic: stream.kind for stream in (*episode.start.streams, *episode.streams_joined_later)}


def _nothing_to_play(path: Path, left_out: list[LeftOut]) -> CommandRefused:
    reasons = "; ".join(f"{each.topic} ({each.type}): {each.reason}" for each in left_out)
    remedy = "Say --with-commands to play commands." if any(each.is_command for each in left_out) else ""
    return CommandRefused(
        f"Nothing of {path} is left to play{f': {reasons}' if reasons else ': the options leave out every topic'}.",
        remedy=remedy,
    )


def _rates_hz(bag: BagBlocks, duration_ns: int) -> dict[str, float]:
    counts = bag.message_counts()
    return {topic: count * NS_PER_S / duration_ns for topic, count in counts.items()} if duration_ns else {}


def _positions(window: Window, duration_ns: int) -> tuple[int, int]:
    start_ns = round(window.start_offset_s * NS_PER_S)
    if start_ns > duration_ns:
        raise SpecError(
            f"The start offset {window.start_offset_s:g} s lies behind the end of the bag.",
            remedy=f"It lasts {duration_ns / NS_PER_S:.3f} s.",
        )
    if window.duration_s is None:
        return start_ns, duration_ns
    return start_ns, min(duration_ns, start_ns + round(window.duration_s * NS_PER_S))
