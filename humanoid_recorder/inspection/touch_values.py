"""Touch arrays that are sent as images, as numbers."""

import numpy as np
import numpy.typing as npt

from humanoid_recorder.core.errors import BagReadError

_PIXELS = {
    "32FC1": "f4", "64FC1": "f8", "16UC1": "u2", "mono16": "u2", "16SC1": "i2", "8UC1": "u1", "mono8": "u1",
    "8SC1": "i1", "32SC1": "i4",
}  # fmt: skip
"""Encodings of one number per pixel (sensor_msgs/image_encodings.hpp)."""


def values_of_image(
    encoding: str, step: int, data: bytes, *, shape: tuple[int, int], big_endian: bool
) -> npt.NDArray[np.float64]:
    """Return the numbers of an image with one per pixel.

    Args:
        encoding: Such as ``32FC1``.
        step: Bytes per row.
        data: The pixels.
        shape: Rows and columns.
        big_endian: The byte order of the pixels.

    Raises:
        BagReadError: It is an encoding of another kind, or the bytes are too few.
    """
    pixel = _PIXELS.get(encoding)
    if pixel is None:
        raise BagReadError(f"an image with the encoding {encoding!r} is no touch array")
    dtype = np.dtype((">" if big_endian else "<") + pixel)
    rows, columns = shape
    if step < columns * dtype.itemsize or len(data) < rows * step:
        raise BagReadError(f"{len(data)} bytes are too few for {rows} rows of {step} bytes")
    lines = np.frombuffer(data, np.uint8, rows * step).reshape(rows, step)[:, : columns * dtype.itemsize]
    return np.ascontiguousarray(lines).view(dtype).astype(np.float64).reshape(rows, columns)
