import io
import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.inspection.pictures import decode_picture


def file_of(pixels: npt.NDArray[Any], kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


RED = np.zeros((4, 6, 3), np.uint8) + np.array([250, 10, 20], np.uint8)
DEPTH = np.arange(24, dtype=np.uint16).reshape(4, 6) * 2000


def test_a_jpeg_becomes_rgb_in_the_order_rviz_takes_it_for() -> None:
    picture = decode_picture("jpeg", file_of(RED, "JPEG", quality=95))
    assert (picture.width, picture.height, picture.encoding, picture.step) == (6, 4, "rgb8", 18)
    pixels = np.frombuffer(picture.data, np.uint8).reshape(4, 6, 3)
    assert np.abs(pixels.astype(int) - RED).max() < 12


def test_the_spelling_of_image_transport_does_not_matter() -> None:
    assert decode_picture("bgr8; jpeg compressed bgr8", file_of(RED, "JPEG")).encoding == "rgb8"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_png_of_every_mode_with_8_bits_is_decoded(mode: str) -> None:
    file = io.BytesIO()
    Image.fromarray(RED).convert(mode).save(file, "PNG")
    picture = decode_picture("png", file.getvalue())
    assert picture.encoding == ("mono8" if mode in ("L", "1") else "rgb8")
    assert len(picture.data) == picture.step * picture.height


def test_depth_of_16_bits_keeps_every_value() -> None:
    for head, words in ((b"", "16UC1; png compressed"), (struct.pack("<iff", 1, 0, 0), "16UC1; compressedDepth png")):
        picture = decode_picture(words, head + file_of(DEPTH, "PNG"))
        assert (picture.encoding, picture.step) == ("16UC1", 12)
        assert np.array_equal(np.frombuffer(picture.data, "<u2").reshape(4, 6), DEPTH)


@pytest.mark.parametrize(
    ("words", "data"),
    [
        ("jpeg", b""),
        ("jpeg", b"nonsense"),
        ("jpeg", file_of(RED, "JPEG")[:100]),
        ("png", file_of(DEPTH, "PNG")[:60]),
        ("h264", b"\x00\x00\x00\x01"),
        ("32FC1; compressedDepth png", bytes(12) + file_of(DEPTH, "PNG")),
        ("tiff", file_of(RED, "TIFF")),
    ],
)
def test_what_cannot_be_decoded_is_an_error_that_names_the_format(words: str, data: bytes) -> None:
    with pytest.raises(BagReadError, match=words.split(";", maxsplit=1)[0]):
        decode_picture(words, data)


def test_a_picture_that_would_fill_the_memory_is_refused() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        import zlib

        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    huge = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)) + chunk(b"IEND", b"")
    )
    with pytest.raises(BagReadError, match="9000 x 9000"):
        decode_picture("png", huge)
