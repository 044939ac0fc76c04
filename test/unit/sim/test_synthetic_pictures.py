import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from humanoid_recorder.sim.synthetic_numbering import comment_segment, number_in_jpeg, number_of, numbered_frame
from humanoid_recorder.sim.synthetic_pictures import (
    DIGITS,
    PictureSpec,
    Pixels,
    background,
    digit_cell_px,
    drawn_number,
    jpeg_pictures,
    raw_pictures,
)

SMALL = PictureSpec("head_camera", 160, 120, loop=3)
SMALL_JPEG = jpeg_pictures(SMALL)
SMALL_RAW = raw_pictures(SMALL)
NUMBERS = st.integers(0, 10**9)


def decode(jpeg: bytes) -> Pixels:
    with Image.open(io.BytesIO(jpeg)) as image:
        return np.asarray(image.convert("RGB"))


@given(NUMBERS)
def test_a_jpeg_proves_its_number_in_its_comment_and_in_its_pixels(number: int) -> None:
    jpeg = SMALL_JPEG(number)
    assert number_in_jpeg(jpeg) == number
    assert drawn_number(decode(jpeg)) == number % 10**DIGITS


@given(NUMBERS)
def test_a_raw_picture_proves_its_number_in_its_pixels(number: int) -> None:
    pixels = np.frombuffer(SMALL_RAW(number), np.uint8).reshape(SMALL.height, SMALL.width, 3)
    assert drawn_number(pixels) == number % 10**DIGITS


@settings(max_examples=15, deadline=None)
@given(st.integers(112, 900), st.integers(16, 500), st.integers(30, 95), st.integers(0, 10**DIGITS - 1))
def test_any_size_and_quality_gives_a_whole_picture_with_its_number(
    width: int, height: int, quality: int, number: int
) -> None:
    spec = PictureSpec("camera", width, height, quality=quality, loop=1)
    pixels = decode(jpeg_pictures(spec)(number))
    assert pixels.shape == (height, width, 3)
    assert drawn_number(pixels) == number


def test_below_the_number_a_spliced_jpeg_is_the_picture_itself() -> None:
    spec = PictureSpec("camera", 640, 480, loop=2)
    top = digit_cell_px(640, 480) + 2  # chroma is interpolated across the edge of the band
    pixels = decode(jpeg_pictures(spec)(3)).astype(int)
    difference = np.abs(pixels - background(spec, 1))
    assert difference[top:].mean() < 6.0
    beside = DIGITS * digit_cell_px(640, 480) + 2
    assert difference[:top, beside:].mean() < 6.0


def test_the_pattern_moves_and_comes_round() -> None:
    below = digit_cell_px(SMALL.width, SMALL.height) + 2
    pictures = [decode(SMALL_JPEG(number))[below:] for number in range(4)]
    assert not np.array_equal(pictures[0], pictures[1])
    np.testing.assert_array_equal(pictures[0], pictures[3])


def test_a_picture_without_a_number_has_none() -> None:
    assert drawn_number(background(SMALL, 0)) is None


@given(st.text("abc_/#", max_size=8), NUMBERS)
def test_a_number_comes_back_from_the_frame_it_was_put_into(frame: str, number: int) -> None:
    assert number_of(numbered_frame(frame, number)) == number


@pytest.mark.parametrize("frame_id", ["", "base_link", "base_link#", "base_link#x", "base_link#-1", "base_link#²", "7"])
def test_a_frame_without_a_number_has_none(frame_id: str) -> None:
    assert number_of(frame_id) is None


@given(st.binary(max_size=64))
def test_bytes_that_are_no_jpeg_have_no_number(data: bytes) -> None:
    assert number_in_jpeg(data) is None or data.startswith(b"\xff\xd8")


def test_a_comment_segment_is_laid_out_as_the_standard_says() -> None:
    assert comment_segment("head#7") == b"\xff\xfe\x00\x08head#7"
