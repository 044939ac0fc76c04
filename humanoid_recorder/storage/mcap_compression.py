"""Compression of whole chunks, as the MCAP registry defines it: an LZ4 frame or a Zstandard frame.

Both libraries let go of Python's interpreter lock while they work, so the thread that receives goes on.
"""

from collections.abc import Callable
from dataclasses import dataclass

import lz4.frame
from zstandard import ZstdCompressor

from humanoid_recorder.core.compression import Compression

_ZSTD_LEVEL = 1
"""Level 3 takes twice the time, for a tenth less of joint states (docs/adr/0029-compression.md)."""

_COMPRESSED_TYPES = frozenset(
    {
        "ffmpeg_image_transport_msgs/msg/FFMPEGPacket",
        "theora_image_transport/msg/Packet",
        "h264_msgs/msg/Packet",
    }
)


@dataclass(frozen=True, slots=True)
class Codec:
    """One way to compress; used by one thread."""

    name: str
    """As it stands in Chunk records."""
    compress: Callable[[bytes], bytes]


def make_codec(compression: Compression) -> Codec | None:
    """Return the codec of a compression; None without one."""
    match compression:
        case Compression.LZ4:
            return Codec("lz4", _lz4_frame)
        case Compression.ZSTD:
            return Codec("zstd", ZstdCompressor(level=_ZSTD_LEVEL).compress)
        case Compression.NONE:
            return None


def is_compressed_type(type_name: str) -> bool:
    """Whether messages of a type (``pkg/msg/Type``) carry data that somebody has compressed already.

    That is so for every type called ``Compressed...``: pictures, depth pictures and video of ``sensor_msgs`` and
    ``foxglove_msgs``, point clouds of ``point_cloud_interfaces``.
    """
    return type_name.rpartition("/")[2].startswith("Compressed") or type_name in _COMPRESSED_TYPES


def _lz4_frame(records: bytes) -> bytes:
    # Small blocks that do not need each other: a torn or damaged frame gives up no more than 64 KiB of what is there.
    return bytes(lz4.frame.compress(records, block_size=lz4.frame.BLOCKSIZE_MAX64KB, block_linked=False))
