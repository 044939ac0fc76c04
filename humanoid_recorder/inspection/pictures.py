"""Compressed pictures decoded into raw ones, where rviz cannot do it itself."""

import io
import struct
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from humanoid_recorder.core.errors import BagReadError

_DEPTH_HEAD = struct.Struct("<iff")
"""In front of the PNG on a ``compressedDepth`` topic: format, and two numbers that undo its quantisation."""
_MAX_PIXELS = 64_000_000


@dataclass(frozen=True, slots=True)
class RawPicture:
    """A picture as ``sensor_msgs/msg/Image`` has it, little-endian."""

    width: int
    height: int
    encoding: str
    step: int
    """Bytes per row."""
    data: bytes


def decode_picture(picture_format: str, data: bytes) -> RawPicture:
    """Decode the picture of a ``sensor_msgs/msg/CompressedImage``.

    JPEG and PNG, PNG with 16 bits per pixel (depth) included, and 16-bit PNG as ``compressed_depth_image_transport``
    sends it. Its quantised 32-bit depth is refused.

    Args:
        picture_format: As the message says it, such as ``jpeg`` or ``16UC1; compressedDepth png``.
        data: The picture file.

    Raises:
        BagReadError: It is of another kind, or damaged.
    """
    if "compressedDepth" in picture_format:
        if not picture_format.startswith("16UC1"):
            raise BagReadError(f"pictures in the format {picture_format!r} are not decoded: only 16-bit depth is")
        data = data[_DEPTH_HEAD.size :]
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as picture:
            if picture.width * picture.height > _MAX_PIXELS:
                raise BagReadError(f"a picture of {picture.width} x {picture.height} pixels is not decoded")
            return _raw(picture)
    except UnidentifiedImageError as error:
        raise BagReadError(
            f"a picture in the format {picture_format!r} cannot be decoded: it is no JPEG or PNG"
        ) from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BagReadError(f"a picture in the format {picture_format!r} cannot be decoded: {error}") from error


def _raw(picture: Image.Image) -> RawPicture:
    if picture.mode.startswith("I"):
        pixels = np.asarray(picture).astype("<u2")
        return RawPicture(picture.width, picture.height, "16UC1", 2 * picture.width, pixels.tobytes())
    mode, encoding, channels = ("L", "mono8", 1) if picture.mode in ("1", "L") else ("RGB", "rgb8", 3)
    converted = picture if picture.mode == mode else picture.convert(mode)
    return RawPicture(picture.width, picture.height, encoding, channels * picture.width, converted.tobytes())
