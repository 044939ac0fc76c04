"""How the messages of a bag are compressed."""

from enum import StrEnum


class Compression(StrEnum):
    """Compression of the chunks of an MCAP file; the words are those of the MCAP registry, but for none."""

    NONE = "none"
    LZ4 = "lz4"
    ZSTD = "zstd"
