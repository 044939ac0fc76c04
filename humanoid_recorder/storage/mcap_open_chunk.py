"""The chunk that is open: messages wait in it until it is large enough or old enough for the file."""

import time
from collections.abc import Callable, Sequence
from operator import itemgetter

from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.mcap_chunk import MESSAGE_HEAD_BYTES, Block, ChunkBuilder, FinishedChunk
from humanoid_recorder.storage.mcap_compression import Codec

_BLOCK_MESSAGES = 1024
"""Messages encoded in one go: enough to make the cost of a block vanish, few enough to stay under half a
millisecond, during which the thread that receives has to wait."""

_FIXED_BYTES = 150
"""More than the Chunk record's head, its MessageIndex records' and its ChunkIndex record's take without channels."""
_BYTES_PER_CHANNEL = 15 + 10
"""Head of a MessageIndex record, and an entry of the ChunkIndex record."""
_BYTES_PER_MESSAGE = 16
"""An entry of a MessageIndex record."""

_data_of = itemgetter(Sample._fields.index("data"))


class OpenChunk:
    """Turns messages into chunks, one after the other.

    Args:
        chunk_bytes: A chunk is finished by the message that brings it to this size.
        codec: Compresses the chunks; None: they stay as they are.
        write: Called with each chunk that is finished.
    """

    def __init__(self, *, chunk_bytes: int, codec: Codec | None, write: Callable[[FinishedChunk], None]) -> None:
        self._chunk_bytes = chunk_bytes
        self._write = write
        self._codec = codec
        self._pending: list[Sample] = []
        self._pending_bytes = 0
        self._chunk = ChunkBuilder(codec)
        self.opened_ns: int | None = None
        """When the first message came, ``time.monotonic_ns()``; None while there is none."""

    def most_bytes(self, *, channel_count: int) -> int:
        """Return an upper bound of what this chunk adds to the file, its places in the indexes included.

        Args:
            channel_count: Channels there are at all.
        """
        messages = len(self._pending) + self._chunk.message_count
        if not messages:
            return 0
        per_channel = _BYTES_PER_CHANNEL * min(messages, channel_count)
        size_bytes = self._pending_bytes + self._chunk.size_bytes
        return _FIXED_BYTES + per_channel + _BYTES_PER_MESSAGE * messages + size_bytes

    def take(self, samples: Sequence[Sample]) -> None:
        """Take messages in, and write each chunk that they complete."""
        if self.opened_ns is None and samples:
            self.opened_ns = time.monotonic_ns()
        self._pending += samples
        self._pending_bytes += MESSAGE_HEAD_BYTES * len(samples) + sum(map(len, map(_data_of, samples)))
        if len(self._pending) >= _BLOCK_MESSAGES or self._pending_bytes + self._chunk.size_bytes >= self._chunk_bytes:
            self._encode_pending()

    def close(self) -> None:
        """Write what is open, however small."""
        self._encode_pending()
        if self._chunk.size_bytes:
            self._finish()

    def _encode_pending(self) -> None:
        if not self._pending:
            return
        block = Block.from_samples(self._pending)
        self._pending, self._pending_bytes = [], 0
        while len(block):
            head, block = block.split(self._chunk_bytes - self._chunk.size_bytes)
            self._chunk.add(head)
            if self._chunk.size_bytes >= self._chunk_bytes:
                self._finish()
                self.opened_ns = time.monotonic_ns() if len(block) else None

    def _finish(self) -> None:
        finished = self._chunk.finish()
        self._chunk, self.opened_ns = ChunkBuilder(self._codec), None
        self._write(finished)
