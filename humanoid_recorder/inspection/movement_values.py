"""What a message says of movement, by its type: a few numbers of each."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from humanoid_recorder.core.cdr import peek_compressed_image
from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.movement import FloatArray, Sense
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.inspection.touch_values import values_of_image
from humanoid_recorder.storage.bag_decoder import decode_message
from humanoid_recorder.storage.bag_reader import BagMessage

Values = Callable[[BagMessage, str], FloatArray]
"""From a message and the definition of its type to what it measured; shape (k,)."""

_SIZE = (64, 48)
"""Pictures are compared this small: noise is averaged away, and a JPEG decoder skips most of its work."""
_MAX_PIXELS = 64_000_000
_BYTES_PER_PIXEL = {"mono8": 1, "8UC1": 1, "rgb8": 3, "bgr8": 3, "8UC3": 3, "rgba8": 4, "bgra8": 4}


def values_of(kind: StreamKind, type_name: str) -> tuple[Values, Sense] | None:
    """Return how the messages of a stream are read, and what they say of movement; None where nothing is known."""
    match kind, type_name:
        case ((StreamKind.JOINT | StreamKind.COMMAND), "sensor_msgs/msg/JointState"):
            return joint_positions, Sense.VELOCITY
        case StreamKind.WRENCH, "geometry_msgs/msg/WrenchStamped":
            return _force, Sense.FORCE
        case ((StreamKind.OPERATOR | StreamKind.MOCAP), "geometry_msgs/msg/PoseStamped"):
            return _position, Sense.VELOCITY
        case StreamKind.TACTILE, "sensor_msgs/msg/Image":
            return _touch_sum, Sense.AMOUNT
        case StreamKind.CAMERA, "sensor_msgs/msg/Image":
            return _raw_picture, Sense.AMOUNT
        case StreamKind.CAMERA, "sensor_msgs/msg/CompressedImage":
            return _compressed_picture, Sense.AMOUNT
    return None


def is_picture(kind: StreamKind) -> bool:
    """Whether the values are brightness, of which only the change from one to the next says something."""
    return kind is StreamKind.CAMERA


def joint_positions(message: BagMessage, definition: str) -> FloatArray:
    """Return positions in rad, in the order of the message."""
    return np.array(_decoded(message, definition).position, np.float64)


def _force(message: BagMessage, definition: str) -> FloatArray:
    force = _decoded(message, definition).wrench.force
    return np.array((force.x, force.y, force.z), np.float64)


def _position(message: BagMessage, definition: str) -> FloatArray:
    position = _decoded(message, definition).pose.position
    return np.array((position.x, position.y, position.z), np.float64)


def _touch_sum(message: BagMessage, definition: str) -> FloatArray:
    image = _decoded(message, definition)
    shape = (int(image.height), int(image.width))
    values = values_of_image(
        image.encoding, int(image.step), bytes(image.data), shape=shape, big_endian=bool(image.is_bigendian)
    )
    return np.array([values.sum()])


def _raw_picture(message: BagMessage, definition: str) -> FloatArray:
    image = _decoded(message, definition)
    pixel = _BYTES_PER_PIXEL.get(image.encoding)
    if pixel is None:
        raise BagReadError(f"pictures with the encoding {image.encoding!r} are not compared")
    height, width, step = int(image.height), int(image.width), int(image.step)
    if not height or not width or step < width * pixel or len(image.data) < height * step:
        raise BagReadError(f"a picture of {width} x {height} has {len(image.data)} bytes")
    rows = np.frombuffer(image.data, np.uint8, height * step).reshape(height, step)[:, : width * pixel]
    grey = rows.reshape(height, width, pixel)[:, :, : min(pixel, 3)].mean(axis=2)
    small = Image.fromarray(grey.astype(np.uint8)).resize(_SIZE, Image.Resampling.BOX)
    return np.asarray(small, np.float64).ravel()


def _compressed_picture(message: BagMessage, _definition: str) -> FloatArray:
    found = peek_compressed_image(message.data)
    if found is None:
        raise BagReadError("a message holds no picture")
    try:
        with Image.open(io.BytesIO(found[1]), formats=("JPEG", "PNG")) as picture:
            if picture.width * picture.height > _MAX_PIXELS:
                raise BagReadError(f"a picture of {picture.width} x {picture.height} pixels is not decoded")
            picture.draft("L", (2 * _SIZE[0], 2 * _SIZE[1]))
            return np.asarray(picture.convert("L").resize(_SIZE, Image.Resampling.BOX), np.float64).ravel()
    except UnidentifiedImageError as error:
        raise BagReadError(f"a picture in the format {found[0]!r} is no JPEG or PNG") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BagReadError(f"a picture in the format {found[0]!r} cannot be decoded: {error}") from error


def _decoded(message: BagMessage, definition: str) -> Any:
    return decode_message(message, definition)
