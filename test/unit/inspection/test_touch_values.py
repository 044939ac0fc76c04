import numpy as np
import pytest

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.inspection.touch_values import values_of_image

VALUES = np.array([[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize("encoding", ["32FC1", "64FC1", "16UC1", "mono16", "16SC1", "8UC1", "mono8", "8SC1", "32SC1"])
@pytest.mark.parametrize("big_endian", [False, True])
@pytest.mark.parametrize("padding", [0, 5])
def test_every_encoding_with_one_number_per_pixel_is_read(encoding: str, big_endian: bool, padding: int) -> None:
    code = {"32FC1": "f4", "64FC1": "f8", "16SC1": "i2", "8SC1": "i1", "32SC1": "i4"}.get(encoding)
    dtype = np.dtype((">" if big_endian else "<") + (code or ("u2" if "16" in encoding else "u1")))
    rows = [row.astype(dtype).tobytes() + bytes(padding) for row in VALUES]
    read = values_of_image(encoding, len(rows[0]), b"".join(rows), shape=(2, 3), big_endian=big_endian)
    assert np.array_equal(read, VALUES)


def test_pictures_in_colour_and_bytes_that_are_missing_are_refused() -> None:
    with pytest.raises(BagReadError, match="'rgb8' is no touch array"):
        values_of_image("rgb8", 9, bytes(18), shape=(2, 3), big_endian=False)
    with pytest.raises(BagReadError, match="too few"):
        values_of_image("32FC1", 12, bytes(23), shape=(2, 3), big_endian=False)
    with pytest.raises(BagReadError, match="too few"):
        values_of_image("32FC1", 8, bytes(24), shape=(2, 3), big_endian=False)
