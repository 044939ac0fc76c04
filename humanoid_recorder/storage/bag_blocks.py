"""A bag as blocks: messages that stand together in a file are read together, each block by itself and in any order.

A block is a chunk, or a run of messages outside of chunks. The file's index of chunks says where they are; a file
without one is looked through once, from record head to record head. What a damaged block costs is that block.
"""

import shlex
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Self

from mcap.opcode import Opcode
from mcap.records import ChunkIndex, Footer

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.storage.bag_reader import BagReader, TopicDescription, TopicKey, topic_key
from humanoid_recorder.storage.mcap_file import MAGIC
from humanoid_recorder.storage.mcap_scan_chunk import MESSAGE_FIELDS, RECORD_HEAD, ChunkHead, parse
from humanoid_recorder.storage.mcap_scan_records import DamagedFile, parse_record
from humanoid_recorder.storage.mcap_source import McapSource

_FOOTER_BYTES = RECORD_HEAD.size + 20
_CRC_BYTES = 4
_LONGEST_RUN_BYTES = 1024 * 1024
"""A run of messages outside of chunks is cut here, so that a block stays small."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Messages that are read together. Times are log times in ns since the epoch."""

    file: int
    """Index of its file."""
    offset: int
    end: int
    first_ns: int
    """Earliest."""
    last_ns: int
    """Latest."""
    is_chunk: bool
    topics: frozenset[int]
    """Indexes of the topics in it; empty when the file does not say."""
    index: ChunkIndex | None = field(default=None, repr=False)

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands in the bag; sorts in the order of the files."""
        return self.file, self.offset

    def may_have(self, topics: Collection[int]) -> bool:
        """Whether one of these topics may be in it."""
        return not self.topics or not self.topics.isdisjoint(topics)

    def joined(self, following: "Block") -> "Block":
        """Return this run of messages with the one right behind it."""
        return replace(
            self,
            end=following.end,
            first_ns=min(self.first_ns, following.first_ns),
            last_ns=max(self.last_ns, following.last_ns),
            topics=self.topics | following.topics,
        )


class BlockMessage(NamedTuple):
    """One message. Times in ns since the epoch."""

    topic: int
    """Index of the topic."""
    log_ns: int
    publish_ns: int
    data: bytes


class BagBlocks:
    """The blocks of a bag. Use as a context manager, from one thread.

    Args:
        path: A bag directory, its ``metadata.yaml``, or an ``.mcap`` file.

    Raises:
        BagReadError: There is no complete rosbag2 MCAP bag at ``path``.
    """

    def __init__(self, path: Path) -> None:
        reader = BagReader(path)
        self.path = reader.path
        self._sources = reader.sources
        self.topics: list[tuple[TopicKey, TopicDescription]] = sorted(reader.describe_topics().items())
        """What the bag says of each topic; their indexes are what blocks and messages name."""
        indexes = {key: index for index, (key, _) in enumerate(self.topics)}
        self._topic_of = [
            {channel_id: indexes[topic_key(source, channel)] for channel_id, channel in source.channels.items()}
            for source in self._sources
        ]
        self._files: list[DamagedFile] = []
        self._open_files = ExitStack()
        self.blocks: list[Block] = []
        """All of them, in the order of the files."""

    def __enter__(self) -> Self:
        try:
            for number, source in enumerate(self._sources):
                self._files.append(self._open_files.enter_context(DamagedFile(source.path)))
                _check_summary(self._files[-1], source.path)
                found = self._indexed(source, number) if source.chunk_indexes else self._looked_through(source, number)
                self.blocks.extend(found)
        except OSError as error:
            self._open_files.close()
            raise BagReadError(f"Cannot read {self.path}: {error.strerror or error}.") from error
        except BaseException:
            self._open_files.close()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._open_files.close()

    def read(self, block: Block) -> list[BlockMessage]:
        """Return the messages of a block, in the order of the file.

        Raises:
            BagReadError: It is damaged.
        """
        where = f"{self._sources[block.file].path} is damaged at byte {block.offset}"
        try:
            records = self._records(block)
        except OSError as error:
            raise BagReadError(f"{where}: {error.strerror or error}.") from error
        if records is None:
            raise BagReadError(f"{where}: a checksum does not match, or a length is wrong.")
        parsed = parse(records)
        if not parsed.is_complete:
            raise BagReadError(f"{where}: its records do not fit.")
        topic_of = self._topic_of[block.file]
        return [
            BlockMessage(topic_of[message.channel_id], message.log_ns, message.publish_ns, message.data)
            for message in parsed.messages
            if message.channel_id in topic_of
        ]

    def count_in_index(self, block: Block) -> dict[int, int] | None:
        """Count the messages of a block by topic, without reading it; None when the file does not say."""
        if block.index is None or not block.index.message_index_length:
            return None
        topic_of = self._topic_of[block.file]
        try:
            (times,) = self._sources[block.file].log_times([block.index])
            return {topic_of[channel_id]: len(log_ns) for channel_id, log_ns in times.items()}
        except (BagReadError, KeyError):
            return None

    def message_counts(self) -> dict[str, int]:
        """Return how many messages each topic has; empty when a file does not say."""
        counts: Counter[str] = Counter()
        for source in self._sources:
            by_channel = source.channel_message_counts
            if by_channel is None:
                return {}
            for channel_id, channel in source.channels.items():
                counts[channel.topic] += by_channel.get(channel_id, 0)
        return dict(counts)

    def _records(self, block: Block) -> bytes | None:
        file = self._files[block.file]
        if not block.is_chunk:
            return file.read(block.offset, block.end - block.offset)
        head = ChunkHead.read(file.read, block.offset)
        if head is None or head.end > file.size:
            return None
        return head.unpack(file.read(head.data_at, head.end - head.data_at))

    def _indexed(self, source: McapSource, number: int) -> Iterator[Block]:
        """Yield the blocks that the file's own index names; a chunk without messages is none."""
        topic_of = self._topic_of[number]
        for index in source.chunk_indexes:
            if index.message_end_time:
                named = frozenset(topic_of[each] for each in index.message_index_offsets if each in topic_of)
                end = index.chunk_start_offset + index.chunk_length
                times = index.message_start_time, index.message_end_time
                yield Block(number, index.chunk_start_offset, end, *times, is_chunk=True, topics=named, index=index)

    def _looked_through(self, source: McapSource, number: int) -> Iterator[Block]:
        """Yield the blocks of a file that has no index of its chunks."""
        file, topic_of = self._files[number], self._topic_of[number]
        run: Block | None = None
        at = len(MAGIC)
        while (record := file.record(at)) is not None and record[0] != Opcode.DATA_END:
            opcode, end = record
            found = None
            if opcode == Opcode.MESSAGE:
                fields = file.read(at + RECORD_HEAD.size, min(MESSAGE_FIELDS.size, end - at - RECORD_HEAD.size))
                if (
                    len(fields) < MESSAGE_FIELDS.size
                    or (channel_id := MESSAGE_FIELDS.unpack(fields)[0]) not in topic_of
                ):
                    record = None  # what stands here is no message
                    break
                log_ns = MESSAGE_FIELDS.unpack(fields)[2]
                topics = frozenset((topic_of[channel_id],))
                found = Block(number, at, end, log_ns, log_ns, is_chunk=False, topics=topics)
            elif opcode == Opcode.CHUNK and (head := ChunkHead.read(file.read, at)) is not None and head.end_ns:
                found = Block(number, at, end, head.start_ns, head.end_ns, is_chunk=True, topics=frozenset())
            if run is not None and (found is None or found.is_chunk or end - run.offset > _LONGEST_RUN_BYTES):
                yield run
                run = None
            if found is not None and found.is_chunk:
                yield found
            elif found is not None:
                run = found if run is None else run.joined(found)
            at = end
        if run is not None:
            yield run
        if record is None:
            raise BagReadError(
                f"{source.path} is damaged at byte {at}, and it has no index that would tell what follows.",
                remedy=_remedy(source.path),
            )


def _check_summary(file: DamagedFile, path: Path) -> None:
    """Refuse a file whose summary is not what was written: topics and chunks would be missing without a word."""
    end = file.size - len(MAGIC)
    footer = parse_record(file.read(max(0, end - _FOOTER_BYTES), _FOOTER_BYTES))
    if not isinstance(footer, Footer) or footer.summary_start > end:
        raise BagReadError(f"{path} is damaged: it has no footer.", remedy=_remedy(path))
    if footer.summary_start and footer.summary_crc:
        summary = file.read(footer.summary_start, end - footer.summary_start)
        if zlib.crc32(summary[:-_CRC_BYTES]) != footer.summary_crc:
            raise BagReadError(
                f"{path} is damaged: its index and summary do not match their checksum.", remedy=_remedy(path)
            )


def _remedy(path: Path) -> str:
    return f"Recover what it holds: humanoid-recorder recover {shlex.quote(str(path))}"
