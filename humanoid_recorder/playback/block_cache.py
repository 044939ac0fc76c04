"""Blocks of a bag that are being played, within a bound, and what could not be read of them."""

from collections import OrderedDict
from typing import NamedTuple, Protocol

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.storage.bag_blocks import Block, BlockMessage

CACHE_BYTES = 256 * 1024 * 1024


class Blocks(Protocol):
    """A bag as blocks: ``BagBlocks``."""

    blocks: list[Block]

    def read(self, block: Block) -> list[BlockMessage]:
        """Return the messages of a block; raises BagReadError."""

    def count_in_index(self, block: Block) -> dict[int, int] | None:
        """Count the messages of a block by topic, without reading it."""


class Damage(NamedTuple):
    """A block that could not be read. Times are log times in ns since the epoch."""

    reason: str
    first_ns: int
    last_ns: int
    messages: dict[int, int] | None
    """How many it had, by topic; None when no index says."""


class BlockCache:
    """Reads blocks, each once as long as what is in use fits.

    Args:
        bag: Where they are.
        max_bytes: Payload that is kept; the block that was asked for last is kept in any case.
    """

    def __init__(self, bag: Blocks, *, max_bytes: int = CACHE_BYTES) -> None:
        self.bag = bag
        self.damaged: dict[tuple[int, int], Damage] = {}
        """By where the block stands; may be read from any thread."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[int, int], tuple[int, list[BlockMessage]]] = OrderedDict()

    def messages(self, block: Block) -> list[BlockMessage]:
        """Return the messages of a block, in the order of the file; none when it is damaged."""
        kept = self._kept.get(block.place)
        if kept is not None:
            self._kept.move_to_end(block.place)
            return kept[1]
        messages = self._read(block)
        size = sum(len(message.data) for message in messages)
        self._kept[block.place] = size, messages
        self._bytes += size
        while self._bytes > self._max_bytes and len(self._kept) > 1:
            _, (oldest_bytes, _) = self._kept.popitem(last=False)
            self._bytes -= oldest_bytes
        return messages

    def forget(self, block: Block) -> None:
        """Let go of a block that has been played."""
        size, _ = self._kept.pop(block.place, (0, []))
        self._bytes -= size

    def _read(self, block: Block) -> list[BlockMessage]:
        try:
            return self.bag.read(block)
        except BagReadError as error:
            counts = self.bag.count_in_index(block)
            self.damaged.setdefault(block.place, Damage(error.message, block.first_ns, block.last_ns, counts))
            return []
