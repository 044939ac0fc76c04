"""Messages of a bag as objects, by the definitions that the bag itself carries: no message package is needed."""

from functools import lru_cache
from typing import Any

from mcap.records import Schema
from mcap.well_known import MessageEncoding, SchemaEncoding
from mcap_ros2.decoder import DecoderFactory

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.storage.bag_reader import BagMessage


def decode_message(message: BagMessage, definition: str) -> Any:
    """Decode one message.

    Args:
        message: Serialised as CDR.
        definition: The .msg text of its type, with its dependencies.

    Returns:
        An object with the fields of the message as attributes; arrays of numbers are sequences, ``uint8[]`` is bytes.

    Raises:
        BagReadError: The definition cannot be understood, or the bytes do not fit it.
    """
    try:
        return _decoder(message.type, definition)(message.data)
    except Exception as error:  # the parser of definitions and the decoder raise whatever they trip over
        raise BagReadError(f"A message of {message.topic} is not a {message.type}: {error}.") from error


@lru_cache(maxsize=64)
def _decoder(type_name: str, definition: str) -> Any:
    schema = Schema(id=1, name=type_name, encoding=SchemaEncoding.ROS2, data=definition.encode())
    decoder = DecoderFactory().decoder_for(MessageEncoding.CDR, schema)
    if decoder is None or not definition:
        raise ValueError("the bag has no definition of it")
    return decoder
