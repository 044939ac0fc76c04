import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosbags.typesys.store import Typestore

from humanoid_recorder.core.cdr import (
    encode_string_message,
    is_little_endian,
    peek_compressed_image,
    peek_frame_id,
    peek_header_stamp_ns,
)

S = 1_000_000_000


def joint_state(typestore: Typestore, *, seconds: int, nanoseconds: int, frame_id: str, little_endian: bool) -> bytes:
    types = typestore.types
    stamp = types["builtin_interfaces/msg/Time"](sec=seconds, nanosec=nanoseconds)
    header = types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)
    values = np.array([0.5, -0.5])
    message = types["sensor_msgs/msg/JointState"](header, ["a", "b"], values, values, values)
    return bytes(typestore.serialize_cdr(message, "sensor_msgs/msg/JointState", little_endian=little_endian))


@given(
    seconds=st.integers(0, 2**31 - 1),
    nanoseconds=st.integers(0, S - 1),
    frame_id=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9),
    little_endian=st.booleans(),
)
def test_the_stamp_is_what_another_implementation_wrote_in_either_byte_order(
    typestore: Typestore, seconds: int, nanoseconds: int, frame_id: str, little_endian: bool
) -> None:
    data = joint_state(
        typestore, seconds=seconds, nanoseconds=nanoseconds, frame_id=frame_id, little_endian=little_endian
    )
    assert is_little_endian(data) is little_endian
    assert peek_header_stamp_ns(data) == (seconds * S + nanoseconds or None)


@pytest.mark.parametrize("little_endian", [True, False])
@pytest.mark.parametrize(("seconds", "nanoseconds"), [(0, 0), (-1, 5), (1, S), (1, 2**32 - 1)])
def test_a_stamp_that_was_never_set_or_is_out_of_range_is_none(
    typestore: Typestore, seconds: int, nanoseconds: int, little_endian: bool
) -> None:
    data = joint_state(typestore, seconds=seconds, nanoseconds=nanoseconds, frame_id="", little_endian=little_endian)
    assert peek_header_stamp_ns(data) is None


@given(st.binary(max_size=11))
def test_a_message_too_short_for_a_header_has_no_stamp(data: bytes) -> None:
    assert peek_header_stamp_ns(data) is None


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=50))
def test_a_string_message_is_byte_for_byte_what_another_implementation_writes(typestore: Typestore, text: str) -> None:
    message = typestore.types["std_msgs/msg/String"](data=text)
    assert encode_string_message(text) == bytes(typestore.serialize_cdr(message, "std_msgs/msg/String"))


@given(
    frame_id=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9),
    picture_format=st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=9),
    picture=st.binary(max_size=50),
    little_endian=st.booleans(),
)
def test_frame_id_and_picture_are_what_another_implementation_wrote_in_either_byte_order(
    typestore: Typestore, frame_id: str, picture_format: str, picture: bytes, little_endian: bool
) -> None:
    types = typestore.types
    header = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](1, 2), frame_id)
    image = types["sensor_msgs/msg/CompressedImage"](header, picture_format, np.frombuffer(picture, np.uint8))
    data = bytes(typestore.serialize_cdr(image, "sensor_msgs/msg/CompressedImage", little_endian=little_endian))
    assert peek_frame_id(data) == frame_id
    assert peek_compressed_image(data) == (picture_format, picture)
    for length in range(4, len(data)):
        assert peek_compressed_image(data[:length]) is None


@given(data=st.binary(min_size=4, max_size=60))
def test_bytes_that_hold_no_frame_id_or_picture_are_none_and_never_an_error(data: bytes) -> None:
    assert peek_frame_id(data) is None or len(data) > 16
    assert peek_compressed_image(data) is None or len(data) > 24
