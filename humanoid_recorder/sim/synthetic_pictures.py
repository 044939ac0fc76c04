"""Test pictures: a moving colour pattern, the camera's name, and a big frame number that is right in every frame.

Drawing and encoding a JPEG 640x480 costs several ms, too much for three cameras at 30 Hz. So a short loop of
backgrounds is encoded once, with a JPEG restart marker after every digit cell (ITU-T T.81, E.1.4). Between two
restart markers the data can be decoded on their own; hence a frame is made by joining the background's segments with
the ready-made segments of the digits, a few microseconds instead of a fresh encoding.
"""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from humanoid_recorder.sim.synthetic_numbering import comment_segment, numbered_frame

Pixels = npt.NDArray[np.uint8]

DIGITS = 7
"""Digits shown; the drawn number is the running number modulo 10 ** DIGITS (four days at 30 Hz)."""
MCU_PX = 16
"""Edge of the smallest coded unit of a JPEG with 4:2:0 chroma."""
_GLYPH_ROWS = 7
_GLYPH_COLUMNS = 5
_GLYPHS = tuple(
    np.array([[row >> (_GLYPH_COLUMNS - 1 - column) & 1 for column in range(_GLYPH_COLUMNS)] for row in rows], bool)
    for rows in (
        (14, 17, 19, 21, 25, 17, 14),
        (4, 12, 4, 4, 4, 4, 14),
        (14, 17, 1, 2, 4, 8, 31),
        (31, 2, 4, 2, 1, 17, 14),
        (2, 6, 10, 18, 31, 2, 2),
        (31, 16, 30, 1, 1, 17, 14),
        (6, 8, 16, 30, 17, 17, 14),
        (31, 1, 2, 4, 8, 8, 8),
        (14, 17, 17, 14, 17, 17, 14),
        (14, 17, 17, 15, 1, 2, 12),
    )
)
_DARK, _BRIGHT = 16, 235
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_APP0_END = 20


@dataclass(frozen=True, slots=True)
class PictureSpec:
    """What one camera shows."""

    name: str
    """Camera name, drawn into the picture."""
    width: int
    """Pixels, at least DIGITS * MCU_PX."""
    height: int
    """Pixels, at least MCU_PX."""
    quality: int = 80
    """JPEG quality, 30..95; below, small digits become illegible."""
    loop: int = 30
    """Number of different backgrounds."""


def digit_cell_px(width: int, height: int) -> int:
    """Return the edge (px) of the square that holds one digit.

    It is a whole number of coded units that divides the row of them, so that restart markers fall on its edges.
    """
    units = -(-width // MCU_PX)
    largest = max(1, min(units // (DIGITS + 3), height // MCU_PX))
    return MCU_PX * next(edge for edge in range(largest, 0, -1) if units % edge == 0)


def digit_cell(digit: int, cell_px: int) -> Pixels:
    """Draw one digit, bright on dark, shape (cell_px, cell_px, 3)."""
    scale = cell_px // 8
    cell = np.full((cell_px, cell_px), _DARK, np.uint8)
    cell[: _GLYPH_ROWS * scale, : _GLYPH_COLUMNS * scale][np.kron(_GLYPHS[digit], np.ones((scale, scale), bool))] = (
        _BRIGHT
    )
    shifted = np.roll(cell, ((cell_px - _GLYPH_ROWS * scale) // 2, (cell_px - _GLYPH_COLUMNS * scale) // 2), (0, 1))
    return np.repeat(shifted[:, :, None], 3, axis=2)


def drawn_number(picture: Pixels) -> int | None:
    """Read the number that is drawn into a picture (RGB, shape (height, width, 3)); None when there is none.

    It samples the middle of every dot, so it also reads a picture that went through a lossy video encoder.
    """
    cell_px = digit_cell_px(picture.shape[1], picture.shape[0])
    scale = cell_px // 8
    rows = (cell_px - _GLYPH_ROWS * scale) // 2 + scale // 2 + scale * np.arange(_GLYPH_ROWS)
    columns = (cell_px - _GLYPH_COLUMNS * scale) // 2 + scale // 2 + scale * np.arange(_GLYPH_COLUMNS)
    number = 0
    for place in range(DIGITS):
        dots = picture[np.ix_(rows, columns + place * cell_px)].mean(axis=2) > (_DARK + _BRIGHT) / 2
        wrong = [int(np.count_nonzero(dots != glyph)) for glyph in _GLYPHS]
        digit = int(np.argmin(wrong))
        if wrong[digit] > 1:
            return None
        number = number * 10 + digit
    return number


def background(spec: PictureSpec, index: int) -> Pixels:
    """Draw picture ``index`` of the loop without its number, shape (height, width, 3)."""
    turn = 2 * np.pi * index / spec.loop
    x = np.linspace(0, 2 * np.pi, spec.width, dtype=np.float32)
    y = np.linspace(0, 2 * np.pi, spec.height, dtype=np.float32)
    waves = (np.sin(x * f + turn)[None, :] * np.cos(y * f - turn)[:, None] for f in (1.0, 2.0, 3.0))
    # The grain of a real sensor: without it a JPEG would be a tenth of the size of a camera's.
    grain = 5.0 * np.random.default_rng(index).standard_normal((spec.height, spec.width), np.float32)
    pixels = np.stack([128 + 80 * wave + grain for wave in waves], axis=2).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    left = spec.width * index // spec.loop
    draw.rectangle((left, spec.height * 3 // 4, left + spec.width // 20, spec.height), fill=(255, 255, 255))
    draw.text((8, spec.height // 2), spec.name, fill=(255, 255, 255))
    return np.asarray(image)


def raw_pictures(spec: PictureSpec) -> Callable[[int], bytes]:
    """Return a function from the running number to the RGB bytes (rgb8, height * width * 3) of that frame."""
    cell_px = digit_cell_px(spec.width, spec.height)
    cells = [digit_cell(digit, cell_px) for digit in range(10)]
    loop = [background(spec, index) for index in range(spec.loop)]
    # Only the band with the number changes from one turn of the loop to the next, so only it is drawn.
    bands, rests = [picture[:cell_px].copy() for picture in loop], [picture[cell_px:].tobytes() for picture in loop]

    def picture(number: int) -> bytes:
        band = bands[number % spec.loop]
        for place, digit in enumerate(_digits(number)):
            band[:, place * cell_px : (place + 1) * cell_px] = cells[digit]
        return band.tobytes() + rests[number % spec.loop]

    return picture


def jpeg_pictures(spec: PictureSpec) -> Callable[[int], bytes]:
    """Return a function from the running number to the JPEG file of that frame, the number in its comment as well."""
    cell_px = digit_cell_px(spec.width, spec.height)
    digit_segments = [_split_jpeg(digit_cell(digit, cell_px), cell_px, spec.quality)[1] for digit in range(10)]
    per_row = -(-spec.width // cell_px)
    loop = [_SplicedJpeg.of(background(spec, index), cell_px, spec.quality, per_row) for index in range(spec.loop)]

    def picture(number: int) -> bytes:
        comment = comment_segment(numbered_frame(spec.name, number))
        return loop[number % spec.loop].with_number(tuple(_digits(number)), comment, digit_segments)

    return picture


@dataclass(frozen=True, slots=True)
class _SplicedJpeg:
    """One encoded background, cut where digits go in."""

    head: bytes
    """From the start of the file to the end of APP0: JFIF wants that segment first."""
    tables: bytes
    """From there to the start of the coded data."""
    rows: tuple[tuple[tuple[bytes, ...], bytes], ...]
    """Per row of units in the digit band: the restart marker after each digit, and the rest of that row."""
    rest: bytes
    """The coded data below the band, and the end-of-image marker."""

    @classmethod
    def of(cls, pixels: Pixels, cell_px: int, quality: int, per_row: int) -> "_SplicedJpeg":
        header, segments = _split_jpeg(pixels, cell_px, quality)
        marked = [
            segment + (bytes((0xFF, 0xD0 + at % 8)) if at + 1 < len(segments) else b"")
            for at, segment in enumerate(segments)
        ]
        band_rows = cell_px // MCU_PX
        rows = tuple(
            (
                tuple(bytes((0xFF, 0xD0 + (row * per_row + place) % 8)) for place in range(DIGITS)),
                b"".join(marked[row * per_row + DIGITS : (row + 1) * per_row]),
            )
            for row in range(band_rows)
        )
        return cls(header[:_APP0_END], header[_APP0_END:], rows, b"".join(marked[band_rows * per_row :]) + b"\xff\xd9")

    def with_number(self, digits: tuple[int, ...], comment: bytes, digit_segments: list[list[bytes]]) -> bytes:
        pieces = [self.head, comment, self.tables]
        for row, (markers, rest) in enumerate(self.rows):
            for digit, marker in zip(digits, markers, strict=True):
                pieces += (digit_segments[digit][row], marker)
            pieces.append(rest)
        pieces.append(self.rest)
        return b"".join(pieces)


def _digits(number: int) -> Iterator[int]:
    return (ord(character) - ord("0") for character in f"{number % 10**DIGITS:0{DIGITS}d}")


def _split_jpeg(pixels: Pixels, cell_px: int, quality: int) -> tuple[bytes, list[bytes]]:
    """Encode a picture; return its header and its coded segments, each decodable on its own, markers left out."""
    file = io.BytesIO()
    # The standard Huffman tables (no `optimize`) and 4:2:0 are what makes segments of two files interchangeable.
    Image.fromarray(pixels).save(
        file, "JPEG", quality=quality, subsampling="4:2:0", restart_marker_blocks=cell_px // MCU_PX
    )
    jpeg = file.getvalue()
    scan = jpeg.index(b"\xff\xda")
    start = scan + 2 + int.from_bytes(jpeg[scan + 2 : scan + 4], "big")
    return jpeg[:start], _RESTART.split(jpeg[start:-2])
