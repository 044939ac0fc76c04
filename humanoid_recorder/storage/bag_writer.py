"""A rosbag2 bag being recorded: one MCAP file in a directory that gets its final name when it is complete."""

import importlib.metadata
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcap.records import Channel, Schema

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.errors import BagWriteError
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.durable import sync_directory
from humanoid_recorder.storage.layout import unfinished_path
from humanoid_recorder.storage.mcap_compression import is_compressed_type
from humanoid_recorder.storage.mcap_file import DEFAULT_CHUNK_AGE_NS, DEFAULT_CHUNK_BYTES, McapFile
from humanoid_recorder.storage.record_file import write_error
from humanoid_recorder.storage.rosbag2_metadata import (
    METADATA_FILE,
    METADATA_RECORD,
    METADATA_RECORD_KEY,
    BagMetadata,
    Duration,
    FileInformation,
    StartingTime,
    TopicMetadata,
    TopicWithMessageCount,
    format_qos_offers,
)

MAX_CHANNEL_ID = 65535
_METADATA_BYTES = 1_000
"""More than ``metadata.yaml`` takes without topics and names."""
_METADATA_BYTES_PER_TOPIC = 400
_METADATA_INDENT_BYTES = 16
"""More than each line of a QoS profile is further in than in the channel."""
_PACKAGE = "humanoid_recorder"


@dataclass(frozen=True, slots=True)
class BagTopic:
    """One topic of a bag."""

    channel_id: int
    """1..65535, unique in the bag."""
    name: str
    """Fully qualified topic name."""
    type: str
    """``pkg/msg/Type``."""
    definition: str
    """The .msg text with its dependencies, in rosbag2's form; empty when it is not known."""
    type_hash: str
    """``RIHS01_...``; empty when it is not known."""
    offered_qos: tuple[QosOffer, ...]
    """What the publishers known when the topic was added offered, without repeats."""


@dataclass(frozen=True, slots=True)
class BagOptions:
    """When a chunk is closed and synced, whichever comes first, and how it is compressed."""

    chunk_bytes: int = DEFAULT_CHUNK_BYTES
    chunk_age_ns: int = DEFAULT_CHUNK_AGE_NS
    """What a power cut may cost, at most; ns."""
    compression: Compression = Compression.NONE
    """Of messages that nobody has compressed yet."""


@dataclass(frozen=True, slots=True)
class BagSummary:
    """A sealed bag. Times are log times in ns."""

    directory: Path
    message_counts: dict[int, int]
    """Per channel id; topics without messages included."""
    starting_time_ns: int | None
    """Earliest log time; None when the bag has no messages."""
    duration_ns: int
    """Latest minus earliest log time."""
    size_bytes: int
    """Of the MCAP file."""
    longest_sync_ns: int

    @property
    def message_count(self) -> int:
        """All messages of the bag."""
        return sum(self.message_counts.values())


class BagWriter:
    """Writes one bag; used by one thread.

    The bag grows in ``<directory>.unfinished/`` and is renamed to ``<directory>`` by ``seal``. After the first failed
    write every later one raises the same error again; ``abandon`` always works.

    Args:
        directory: The bag to make; its parent exists, itself does not.
        options: When chunks are closed, and how they are compressed.
        ros_distro: Such as ``kilted``; part of the metadata.

    Raises:
        BagWriteError: The bag exists already, finished or not, or cannot be created; then nothing is left behind.
    """

    def __init__(self, directory: Path, *, options: BagOptions | None = None, ros_distro: str) -> None:
        options = options or BagOptions()
        self.directory = directory
        self.unfinished_directory = unfinished_path(directory)
        self._ros_distro = ros_distro
        self._topics: dict[int, BagTopic] = {}
        self._schema_ids: dict[tuple[str, str], int] = {}
        self._metadata_bytes = _METADATA_BYTES + 4 * len(directory.name)
        self._refuse_to_overwrite()
        try:
            self.unfinished_directory.mkdir()
        except OSError as error:
            raise write_error(self.unfinished_directory, error) from error
        try:
            self._file = McapFile(
                self.unfinished_directory / f"{directory.name}_0.mcap",
                library=library(),
                chunk_bytes=options.chunk_bytes,
                chunk_age_ns=options.chunk_age_ns,
                compression=options.compression,
            )
        except BagWriteError:
            self._remove()
            raise
        try:
            self._add_own_metadata(self._metadata({}))
        except BagWriteError:
            self.abandon(remove=True)
            raise

    @property
    def message_counts(self) -> dict[int, int]:
        """Messages per channel id that are on the disk; what waits in the open chunk is not counted yet."""
        return self._file.message_counts

    @property
    def bytes_written(self) -> int:
        """Size of the MCAP file so far."""
        return self._file.bytes_written

    @property
    def longest_sync_ns(self) -> int:
        """The longest time the disk took to make a chunk durable."""
        return self._file.longest_sync_ns

    @property
    def summary_bytes(self) -> int:
        """Upper bound of what ``seal`` has to write of what is known now, so that one can stop while there is room.

        Open chunks, the index, ``metadata.yaml`` and its copy in the MCAP file. What is given to ``seal`` and to
        ``add_metadata`` by then comes on top. Any thread may ask; what is on its way to the disk at that moment may
        be left out.
        """
        return self._file.summary_bytes + 2 * self._metadata_bytes

    def add_topic(self, topic: BagTopic) -> None:
        """Announce a topic, before or while messages are written; its definition is on file before they are.

        Raises:
            ValueError: The channel id is out of range or taken.
            BagWriteError: The write failed.
        """
        if not 1 <= topic.channel_id <= MAX_CHANNEL_ID:
            raise ValueError(f"channel id {topic.channel_id} of {topic.name} is not in 1..{MAX_CHANNEL_ID}")
        if topic.channel_id in self._topics:
            raise ValueError(f"channel id {topic.channel_id} of {topic.name} is taken")
        key = (topic.type, topic.definition)
        if key not in self._schema_ids:
            schema_id = len(self._schema_ids) + 1
            encoding = "ros2msg" if topic.definition else ""
            self._file.add_schema(
                Schema(id=schema_id, name=topic.type, encoding=encoding, data=topic.definition.encode())
            )
            self._schema_ids[key] = schema_id
        qos = format_qos_offers(topic.offered_qos)
        self._file.add_channel(
            Channel(
                id=topic.channel_id,
                topic=topic.name,
                message_encoding="cdr",
                metadata={"offered_qos_profiles": qos, "topic_type_hash": topic.type_hash},
                schema_id=self._schema_ids[key],
            ),
            compress=not is_compressed_type(topic.type),
        )
        self._topics[topic.channel_id] = topic
        words = "".join((topic.name, topic.type, topic.type_hash, qos)).encode()
        self._metadata_bytes += _METADATA_BYTES_PER_TOPIC + len(words) + _METADATA_INDENT_BYTES * len(qos.splitlines())

    def write(self, samples: Sequence[Sample]) -> None:
        """Take messages in, in the order given; full chunks are written and synced before this returns.

        Raises:
            ValueError: A topic was not added; none of the messages is taken.
            BagWriteError: A write failed, now or earlier.
        """
        self._file.write(samples)

    def close_chunk_if_due(self, now_monotonic_ns: int) -> None:
        """Write and sync the open chunk if it is older than the options say; call a few times per second."""
        self._file.close_chunk_if_due(now_monotonic_ns)

    def sync(self) -> None:
        """Make the file and its folders durable; the first chunk alone would not survive as an entry of a folder.

        Raises:
            BagWriteError: The disk refused, now or earlier.
        """
        self._file.sync()
        try:
            sync_directory(self.unfinished_directory)
            sync_directory(self.directory.parent)
        except OSError as error:
            raise write_error(self.unfinished_directory, error) from error

    def flush(self) -> None:
        """Write and sync the open chunk now, so that ``message_counts`` is complete."""
        self._file.close_chunk()

    def add_metadata(self, name: str, entries: Mapping[str, str]) -> None:
        """Add an MCAP Metadata record."""
        self._file.add_metadata(name, entries)

    def seal(self, *, custom_data: Mapping[str, str]) -> BagSummary:
        """Complete the bag, make it durable, and give it its name.

        Args:
            custom_data: For ``metadata.yaml``, where ``ros2 bag info`` and Python readers find it.

        Raises:
            BagWriteError: A write failed; what is on the disk stays in the unfinished directory.
        """
        self._file.close_chunk()
        metadata = self._metadata(custom_data)
        self._add_own_metadata(metadata)
        self._file.finish()
        try:
            metadata.write(self.unfinished_directory / METADATA_FILE)
            self._refuse_to_overwrite(unfinished_too=False)
            self.unfinished_directory.rename(self.directory)
            sync_directory(self.directory.parent)
        except OSError as error:
            raise write_error(self.directory, error) from error
        times = self._file.time_range_ns
        return BagSummary(
            directory=self.directory,
            message_counts=self.message_counts,
            starting_time_ns=times[0] if times else None,
            duration_ns=metadata.duration.nanoseconds,
            size_bytes=self._file.bytes_written,
            longest_sync_ns=self._file.longest_sync_ns,
        )

    def abandon(self, *, remove: bool = False) -> None:
        """Close the file and leave everything as it is; may be called at any time and twice.

        Args:
            remove: Delete the unfinished directory: for a bag that could not even be begun.
        """
        self._file.close()
        if remove:
            self._remove()

    def _remove(self) -> None:
        shutil.rmtree(self.unfinished_directory, ignore_errors=True)

    def _refuse_to_overwrite(self, *, unfinished_too: bool = True) -> None:
        candidates = (self.directory, self.unfinished_directory) if unfinished_too else (self.directory,)
        for path in candidates:
            if os.path.lexists(path):
                raise BagWriteError(f"{path} exists already.", remedy="Choose another name; nothing is overwritten.")

    def _add_own_metadata(self, metadata: BagMetadata) -> None:
        self._file.add_metadata(METADATA_RECORD, {METADATA_RECORD_KEY: metadata.to_yaml()})

    def _metadata(self, custom_data: Mapping[str, str]) -> BagMetadata:
        """Describe what is in the file now."""
        counts, times = self._file.message_counts, self._file.time_range_ns
        starting_time = StartingTime(nanoseconds_since_epoch=times[0]) if times else StartingTime()
        duration = Duration(nanoseconds=times[1] - times[0]) if times else Duration()
        total, name = sum(counts.values()), self._file.path.name
        return BagMetadata(
            duration=duration,
            starting_time=starting_time,
            message_count=total,
            topics_with_message_count=tuple(
                TopicWithMessageCount(
                    topic_metadata=TopicMetadata(
                        name=topic.name,
                        type=topic.type,
                        offered_qos_profiles=topic.offered_qos,
                        type_description_hash=topic.type_hash,
                    ),
                    message_count=counts[channel_id],
                )
                for channel_id, topic in self._topics.items()
            ),
            relative_file_paths=(name,),
            files=(FileInformation(path=name, starting_time=starting_time, duration=duration, message_count=total),),
            custom_data=dict(custom_data),
            ros_distro=self._ros_distro,
        )


def library() -> str:
    """Return name and version of what writes, for the header of a file."""
    try:
        return f"{_PACKAGE} {importlib.metadata.version(_PACKAGE)}"
    except importlib.metadata.PackageNotFoundError:
        return _PACKAGE
