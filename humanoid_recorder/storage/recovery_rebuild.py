"""Writes a new file, with indexes and summary, from what a scan found in a damaged one."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from mcap.records import Channel, Schema

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_writer import library
from humanoid_recorder.storage.episode_file import EPISODE_RECORD
from humanoid_recorder.storage.mcap_compression import is_compressed_type
from humanoid_recorder.storage.mcap_file import McapFile
from humanoid_recorder.storage.mcap_scan_found import FileScan, MessageCount
from humanoid_recorder.storage.mcap_source import McapSource, StoredMessage
from humanoid_recorder.storage.rosbag2_metadata import (
    METADATA_RECORD,
    METADATA_RECORD_KEY,
    NO_START_NS,
    BagMetadata,
    Duration,
    FileInformation,
    StartingTime,
    TopicMetadata,
    TopicWithMessageCount,
    parse_qos_offers,
)

_SIGN_BIT = 1 << 63


def rebuild_file(
    scan: FileScan,
    target: Path,
    *,
    metadata: BagMetadata,
    on_progress: Callable[[int], None],
    make_episode: Callable[[int], str] | None = None,
) -> None:
    """Write everything that a scan found into a new file.

    Ids, times, sequence numbers and bytes of the messages stay as they were, and so does their order.

    Args:
        scan: What was found.
        target: The file to make; it must not exist.
        metadata: What the file says of the whole bag.
        on_progress: Told how far the old file has been read.
        make_episode: Makes ``episode.json`` from the size (bytes) that the file has so far; None when it is not an
            episode of ours.

    Raises:
        BagReadError, BagWriteError: The disk refused.
    """
    known = (Compression(name) for name in sorted(scan.compressions, reverse=True) if name)
    file = McapFile(target, library=library(), compression=next(known, Compression.NONE))
    try:
        types = {topic.topic_metadata.name: topic.topic_metadata.type for topic in metadata.topics_with_message_count}
        schemas = all_schemas(scan, types)
        for schema in schemas.values():
            file.add_schema(schema)
        for channel in scan.channels.values():
            schema_name = schemas[channel.schema_id].name if channel.schema_id else ""
            file.add_channel(channel, compress=not is_compressed_type(schema_name))
        for record in scan.metadata:
            if record.name != METADATA_RECORD:
                file.add_metadata(record.name, record.metadata)
        for done, messages in scan.messages():
            file.write([_sample(message) for message in messages])
            on_progress(done)
        file.close_chunk()
        if make_episode is not None:
            file.add_metadata(EPISODE_RECORD, {"episode": make_episode(file.bytes_written)})
        file.add_metadata(METADATA_RECORD, {METADATA_RECORD_KEY: metadata.to_yaml()})
        file.finish()
    finally:
        file.close()


def count_file(path: Path) -> dict[str, int]:
    """Open a complete file and count its messages by reading all of them, topics without messages included.

    Raises:
        BagReadError: It is not complete, or it is damaged, or its own statistics say otherwise.
    """
    source = McapSource(path)
    by_channel = Counter(message.channel_id for message in source.messages())
    declared = source.channel_message_counts
    if declared is not None and {k: v for k, v in declared.items() if v} != dict(by_channel):
        raise BagReadError(f"{path}: its statistics do not agree with its messages.")
    counts: Counter[str] = Counter()
    for channel_id, channel in source.channels.items():
        counts[channel.topic] += by_channel[channel_id]
    return dict(counts)


def topic_counts(scans: Sequence[FileScan]) -> dict[str, int]:
    """Return the messages by topic, topics without messages included."""
    counts: Counter[str] = Counter()
    for scan in scans:
        for channel_id, each in scan.usable.items():
            counts[scan.channels[channel_id].topic] += each.count
    return dict(counts)


def all_schemas(scan: FileScan, types: Mapping[str, str]) -> dict[int, Schema]:
    """Return the schemas, and for a channel whose schema is destroyed one without a definition.

    Args:
        scan: What was found.
        types: Types by topic, as far as they are known otherwise.
    """
    missing = {
        channel.schema_id: Schema(
            id=channel.schema_id, name=types.get(channel.topic, "unknown"), encoding="ros2msg", data=b""
        )
        for channel in scan.channels.values()
        if channel.schema_id and channel.schema_id not in scan.schemas
    }
    return scan.schemas | missing


def describe_bag(scans: Sequence[FileScan], *, types: Mapping[str, str], before: BagMetadata | None) -> BagMetadata:
    """Describe a bag of these files as it is once they are rebuilt.

    Args:
        scans: Its files, in their order.
        types: Types by topic, for those whose schema is destroyed.
        before: What was known of the bag; what cannot be found in the files is taken from it.
    """
    files: list[FileInformation] = []
    topics: dict[tuple[str, str], TopicWithMessageCount] = {}
    for scan in scans:
        usable, schemas = scan.usable, all_schemas(scan, types)
        begins_ns, duration_ns = _span(usable.values())
        files.append(
            FileInformation(
                path=scan.path.name,
                starting_time=StartingTime(nanoseconds_since_epoch=begins_ns),
                duration=Duration(nanoseconds=duration_ns),
                message_count=sum(each.count for each in usable.values()),
            )
        )
        for channel_id, channel in scan.channels.items():
            schema_name = schemas[channel.schema_id].name if channel.schema_id else ""
            known = topics.get((channel.topic, schema_name))
            topics[channel.topic, schema_name] = TopicWithMessageCount(
                topic_metadata=known.topic_metadata if known else _topic_metadata(channel, schema_name),
                message_count=usable[channel_id].count + (known.message_count if known else 0),
            )
    begins_ns, duration_ns = _span([each for scan in scans for each in scan.usable.values()])
    return BagMetadata(
        duration=Duration(nanoseconds=duration_ns),
        starting_time=StartingTime(nanoseconds_since_epoch=begins_ns),
        message_count=sum(topic.message_count for topic in topics.values()),
        topics_with_message_count=tuple(topics.values()),
        relative_file_paths=tuple(file.path for file in files),
        files=tuple(files),
        custom_data=dict(before.custom_data) if before else {},
        ros_distro=before.ros_distro if before else "",
    )


def _span(counts: Iterable[MessageCount]) -> tuple[int, int]:
    """Return the earliest log time and how long it lasts, in ns."""
    firsts = [each.earliest_ns for each in counts if each.earliest_ns is not None]
    lasts = [each.last_ns for each in counts if each.last_ns is not None]
    return (min(firsts), max(lasts) - min(firsts)) if firsts and lasts else (NO_START_NS, 0)


def _topic_metadata(channel: Channel, schema_name: str) -> TopicMetadata:
    try:
        offers = parse_qos_offers(channel.metadata.get("offered_qos_profiles", ""))
    except ValueError:
        offers = ()
    return TopicMetadata(
        name=channel.topic,
        type=schema_name,
        serialization_format=channel.message_encoding,
        offered_qos_profiles=offers,
        type_description_hash=channel.metadata.get("topic_type_hash", ""),
    )


def _sample(message: StoredMessage) -> Sample:
    publish_ns = message.publish_ns - (1 << 64) if message.publish_ns & _SIGN_BIT else message.publish_ns
    return Sample(message.channel_id, message.data, message.log_ns, publish_ns, None, message.sequence)


def last_metadata(scan: FileScan) -> BagMetadata | None:
    """Return what the file last said of its bag; None where it says nothing that can be read."""
    for record in reversed(scan.metadata):
        text = record.metadata.get(METADATA_RECORD_KEY)
        if record.name == METADATA_RECORD and text:
            try:
                return BagMetadata.parse_body(text, of=scan.path)
            except BagReadError:
                continue
    return None
