"""Reading rosbag2 MCAP bags, ours and those of others, without ever holding one in memory."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from mcap.records import Channel

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.storage.layout import UNFINISHED_SUFFIX
from humanoid_recorder.storage.log_times import LogTimes
from humanoid_recorder.storage.mcap_chunk import UInt64Array
from humanoid_recorder.storage.mcap_source import McapSource, not_sealed_error
from humanoid_recorder.storage.rosbag2_metadata import (
    METADATA_FILE,
    METADATA_RECORD,
    METADATA_RECORD_KEY,
    BagMetadata,
    parse_qos_offers,
)

_CHUNKS_PER_SETTLEMENT = 64
_LATEST_NS = 2**64 - 1


class BagMessage(NamedTuple):
    """One message of a bag; times in ns since the epoch."""

    topic: str
    type: str
    data: bytes
    """Serialised, with the CDR encapsulation header."""
    log_ns: int
    publish_ns: int
    sequence: int
    """The sender's publication sequence number modulo 2^32; 0 where the recorder had none."""


@dataclass(frozen=True, slots=True)
class BagTopicInfo:
    """What a bag holds of one topic. Times are log times in ns since the epoch."""

    name: str
    type: str
    definition: str
    """The .msg text with its dependencies; empty when the bag does not have it."""
    type_hash: str
    offered_qos: tuple[QosOffer, ...]
    message_count: int
    first_log_ns: int | None
    """Earliest; None without messages."""
    last_log_ns: int | None
    """Latest; None without messages."""
    rate_hz: float | None
    """Mean rate between the first and the last message; None when they are one or coincide."""
    longest_gap_ns: int | None
    """Longest silence between two messages; None with fewer than two, or when the bag has no message index."""


@dataclass(frozen=True, slots=True)
class MetadataRecord:
    """An MCAP Metadata record."""

    name: str
    entries: dict[str, str]


@dataclass(frozen=True, slots=True)
class BagInfo:
    """What a bag holds. Times are log times in ns since the epoch."""

    path: Path
    """The bag directory, or the file when the bag is a bare one."""
    files: tuple[Path, ...]
    size_bytes: int
    """Of the MCAP files."""
    topics: tuple[BagTopicInfo, ...]
    """Sorted by name; those without messages included."""
    message_count: int
    starting_time_ns: int | None
    """None without messages."""
    duration_ns: int
    custom_data: dict[str, str]
    metadata_records: tuple[MetadataRecord, ...]
    ros_distro: str
    """Empty when the bag does not say."""
    compression: tuple[str, ...]
    """How the chunks are compressed, such as ``zstd``; empty when none is."""
    counts_in_statistics: dict[str, int] | None
    """Messages by topic as the files' own statistics say; None when a file has none."""
    counts_in_metadata: dict[str, int] | None
    """Messages by topic as ``metadata.yaml`` says; None without one."""


class BagReader:
    """One bag.

    Args:
        path: A bag directory, its ``metadata.yaml``, or an ``.mcap`` file.

    Raises:
        BagReadError: There is no complete rosbag2 MCAP bag at ``path``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.parent if path.name == METADATA_FILE else path
        self._metadata, self._sources = _open_bag(path)

    def summary(self) -> BagInfo:
        """Describe the bag from its indexes; a bag without them is read through once.

        Raises:
            BagReadError: A file is damaged.
        """
        indexed = _times_from_indexes(self._sources)
        times = _times_from_messages(self.messages()) if indexed is None else indexed
        described = self.describe_topics()
        topics = tuple(
            BagTopicInfo(
                name=key.topic,
                type=key.type,
                definition=described[key].definition,
                type_hash=described[key].type_hash,
                offered_qos=described[key].offered_qos,
                message_count=times[key].count,
                first_log_ns=times[key].first_ns,
                last_log_ns=times[key].last_ns,
                rate_hz=times[key].rate_hz,
                longest_gap_ns=None if indexed is None else times[key].longest_gap_ns,
            )
            for key in sorted(described)
        )
        firsts = [topic.first_log_ns for topic in topics if topic.first_log_ns is not None]
        lasts = [topic.last_log_ns for topic in topics if topic.last_log_ns is not None]
        records = tuple(
            MetadataRecord(record.name, dict(record.metadata))
            for source in self._sources
            for record in source.metadata_records()
        )
        metadata = self._metadata or self._metadata_in(records)
        return BagInfo(
            path=self.path,
            files=tuple(source.path for source in self._sources),
            size_bytes=sum(source.size_bytes for source in self._sources),
            topics=topics,
            message_count=sum(topic.message_count for topic in topics),
            starting_time_ns=min(firsts, default=None),
            duration_ns=max(lasts, default=0) - min(firsts, default=0),
            custom_data=dict(metadata.custom_data) if metadata else {},
            metadata_records=records,
            ros_distro=metadata.ros_distro if metadata else "",
            compression=tuple(
                sorted({chunk.compression for source in self._sources for chunk in source.chunk_indexes} - {""})
            ),
            counts_in_statistics=self._counts_in_statistics(),
            counts_in_metadata=self._counts_in_metadata(),
        )

    def counts_over_time(self, *, start_ns: int, duration_ns: int, bins: int) -> dict[str, list[int]]:
        """Count the messages of each topic in equal parts of a time span.

        Args:
            start_ns: Where the span begins, by log time in ns since the epoch.
            duration_ns: Its length.
            bins: In how many parts it is cut.

        Returns:
            For each topic with messages ``bins`` counts.

        Raises:
            BagReadError: A file is damaged.
        """
        counts: defaultdict[str, np.ndarray[tuple[int], np.dtype[np.int64]]]
        counts = defaultdict(lambda: np.zeros(bins, np.int64))
        # In integers: a float does not tell nanoseconds since the epoch apart. And of any size: a bag with one message
        # at time 0 lasts half a century.
        edges = [start_ns - (-max(1, duration_ns) * part // bins) for part in range(1, bins)]
        edges_ns = np.array([min(edge, _LATEST_NS) for edge in edges], np.uint64)

        def count(topic: str, log_ns: UInt64Array) -> None:
            counts[topic] += np.bincount(np.searchsorted(edges_ns, log_ns, "right"), minlength=bins)

        for source in self._sources:
            if source.chunk_indexes:
                for by_channel in source.log_times(source.chunk_indexes):
                    for channel_id, log_ns in by_channel.items():
                        count(source.channels[channel_id].topic, log_ns)
            else:
                for message in source.messages():
                    count(source.channels[message.channel_id].topic, np.array([message.log_ns], np.uint64))
        return {topic: [int(count) for count in by_part] for topic, by_part in counts.items()}

    def messages(self, topics: Collection[str] | None = None) -> Iterator[BagMessage]:
        """Yield messages in file order, which need not be the order of any of their times, not even per topic.

        Memory is bounded by the largest chunk, and chunk checksums are verified.

        Args:
            topics: Only these; None for all. One that the bag does not have yields nothing.

        Raises:
            BagReadError: A file is damaged; everything before the damage has been yielded.
        """
        for source in self._sources:
            keys = {
                channel_id: topic_key(source, channel)
                for channel_id, channel in source.channels.items()
                if topics is None or channel.topic in topics
            }
            for message in source.messages(keys.keys()):
                topic, type_name = keys[message.channel_id]
                yield BagMessage(topic, type_name, message.data, message.log_ns, message.publish_ns, message.sequence)

    @property
    def sources(self) -> tuple[McapSource, ...]:
        """The files, in the order of the bag."""
        return self._sources

    def describe_topics(self) -> dict["TopicKey", "TopicDescription"]:
        """Return what the files say of each topic; the first file that has it decides."""
        described: dict[TopicKey, TopicDescription] = {}
        for source in self._sources:
            for channel in source.channels.values():
                schema = source.schema_of(channel)
                described.setdefault(
                    topic_key(source, channel),
                    TopicDescription(
                        definition=schema.data.decode(errors="replace") if schema else "",
                        type_hash=channel.metadata.get("topic_type_hash", ""),
                        offered_qos=_offered_qos(source, channel),
                    ),
                )
        return described

    def _counts_in_statistics(self) -> dict[str, int] | None:
        counts: Counter[str] = Counter()
        for source in self._sources:
            by_channel = source.channel_message_counts
            if by_channel is None:
                return None
            for channel_id, channel in source.channels.items():
                counts[channel.topic] += by_channel.get(channel_id, 0)
        return dict(counts)

    def _counts_in_metadata(self) -> dict[str, int] | None:
        if self._metadata is None:
            return None
        counts: Counter[str] = Counter()
        for topic in self._metadata.topics_with_message_count:
            counts[topic.topic_metadata.name] += topic.message_count
        return dict(counts)

    def _metadata_in(self, records: Iterable[MetadataRecord]) -> BagMetadata | None:
        """Return the metadata that the file carries itself: its last record of that kind."""
        texts = [record.entries.get(METADATA_RECORD_KEY) for record in records if record.name == METADATA_RECORD]
        return BagMetadata.parse_body(texts[-1], of=self.path) if texts and texts[-1] else None


class TopicKey(NamedTuple):
    """Channel ids differ from file to file, topics with their types do not."""

    topic: str
    type: str


class TopicDescription(NamedTuple):
    """What a bag says of a topic, beside its messages."""

    definition: str
    type_hash: str
    offered_qos: tuple[QosOffer, ...]


def topic_key(source: McapSource, channel: Channel) -> TopicKey:
    """Return topic and type of a channel."""
    schema = source.schema_of(channel)
    return TopicKey(channel.topic, schema.name if schema else "")


def _offered_qos(source: McapSource, channel: Channel) -> tuple[QosOffer, ...]:
    try:
        return parse_qos_offers(channel.metadata.get("offered_qos_profiles", ""))
    except ValueError as error:
        raise BagReadError(f"{source.path}: the QoS profiles of {channel.topic} are {error}.") from error


def _times_from_indexes(sources: Sequence[McapSource]) -> defaultdict[TopicKey, LogTimes] | None:
    """Return the log times of all topics, or None when the indexes do not cover every message."""
    declared = [source.message_count for source in sources]
    chunks = sorted(
        ((source, chunk) for source in sources for chunk in source.chunk_indexes),
        key=lambda pair: pair[1].message_start_time,
    )
    times: defaultdict[TopicKey, LogTimes] = defaultdict(LogTimes)
    for begin in range(0, len(chunks), _CHUNKS_PER_SETTLEMENT):
        end = begin + _CHUNKS_PER_SETTLEMENT
        for source, pairs in groupby(chunks[begin:end], key=itemgetter(0)):
            for by_channel in source.log_times([chunk for _, chunk in pairs]):
                for channel_id, log_ns in by_channel.items():
                    times[topic_key(source, source.channels[channel_id])].add(log_ns)
        following_ns = chunks[end][1].message_start_time if end < len(chunks) else None
        for each in times.values():
            each.settle(following_ns)
    counted = sum(each.count for each in times.values())
    return times if None not in declared and counted == sum(filter(None, declared)) else None


def _times_from_messages(messages: Iterable[BagMessage]) -> defaultdict[TopicKey, LogTimes]:
    """Return count and range of all topics; gaps would need all times at once and are left out."""
    times: defaultdict[TopicKey, LogTimes] = defaultdict(LogTimes)
    for message in messages:
        times[TopicKey(message.topic, message.type)].add_uncompared(message.log_ns)
    return times


def _open_bag(path: Path) -> tuple[BagMetadata | None, tuple[McapSource, ...]]:
    """Find the files of a bag and open them; metadata only where there is a ``metadata.yaml``."""
    if not path.exists():
        raise BagReadError(f"There is no {path}.")
    directory = path.parent if path.name == METADATA_FILE else path
    if directory.name.endswith(UNFINISHED_SUFFIX):
        raise not_sealed_error(directory)
    if not directory.is_dir():
        return None, (McapSource(path),)
    if (directory / METADATA_FILE).exists():
        metadata = BagMetadata.read(directory / METADATA_FILE)
        _refuse_what_is_not_plain_mcap(directory, metadata)
        return metadata, tuple(McapSource(directory / name) for name in metadata.relative_file_paths)
    files = sorted(directory.glob("*.mcap"), key=natural_order)
    if not files:
        raise BagReadError(
            f"{directory} is not a bag: it has neither a {METADATA_FILE} nor an .mcap file.",
            remedy="Name the bag's own directory, such as <session>/<episode>.",
        )
    return None, tuple(McapSource(file) for file in files)


def _refuse_what_is_not_plain_mcap(directory: Path, metadata: BagMetadata) -> None:
    if metadata.storage_identifier != "mcap":
        raise BagReadError(
            f"{directory} is stored as {metadata.storage_identifier}, not as mcap.",
            remedy="Convert it with `ros2 bag convert`.",
        )
    if metadata.compression_mode.lower() not in ("", "none"):
        raise BagReadError(
            f"{directory} is compressed by rosbag2 (mode {metadata.compression_mode}).",
            remedy="Convert it with `ros2 bag convert`; compression inside the MCAP file is fine.",
        )


def natural_order(file: Path) -> list[tuple[int, str]]:
    """Sort ``bag_10.mcap`` behind ``bag_9.mcap``."""
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", file.name)]
