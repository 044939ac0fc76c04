from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_typestore

from humanoid_recorder.core.alignment.frame_message import FRAMES_TYPE, FrameEncoder, decode_frame
from humanoid_recorder.core.alignment.frames import FIELDS, Frame

INT64 = st.integers(-(2**63), 2**63 - 1)


def frame(streams: int, *, tick_ns: int = 1_795_160_424_000_000_000) -> Frame:
    return Frame(tick_ns, 7, np.arange(streams * 5, dtype=np.int64).reshape(streams, 5) - 3)


def test_a_strict_reader_finds_the_layout_that_was_agreed() -> None:
    types = get_typestore(Stores.ROS2_KILTED)
    data = FrameEncoder(("head", "left_wrist")).encode(frame(2))
    message: Any = types.deserialize_cdr(data, FRAMES_TYPE.name)
    assert types.hash_rihs01(FRAMES_TYPE.name) == FRAMES_TYPE.type_hash
    assert message.layout.data_offset == 2
    assert [(dim.label, dim.size, dim.stride) for dim in message.layout.dim] == [
        ("stream:head,left_wrist", 2, 10),
        ("field:first_ordinal,count,stamp_ns,age_ns,status", 5, 5),
    ]
    assert message.data.tolist() == [1_795_160_424_000_000_000, 7, *range(-3, 7)]
    assert types.serialize_cdr(message, FRAMES_TYPE.name) == data


@given(
    names=st.lists(st.from_regex(r"[a-z_]{1,9}", fullmatch=True), min_size=1, max_size=6),
    tick_ns=INT64,
    data=st.data(),
)
def test_what_is_encoded_is_decoded_whatever_the_padding(names: list[str], tick_ns: int, data: st.DataObject) -> None:
    values = data.draw(st.lists(INT64, min_size=5 * len(names), max_size=5 * len(names)))
    cells = np.array(values, np.int64).reshape(len(names), len(FIELDS))
    found, decoded = decode_frame(FrameEncoder(tuple(names)).encode(Frame(tick_ns, 3, cells)))
    assert (found, decoded.tick_ns, decoded.index) == (tuple(names), tick_ns, 3)
    assert (decoded.cells == cells).all()


@given(st.binary(max_size=120))
def test_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_frame(data)


def test_a_frame_of_other_streams_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        FrameEncoder(("one",)).encode(frame(2))
    with pytest.raises(ValueError, match="do not fit"):
        decode_frame(FrameEncoder(("one",)).encode(frame(1))[:-1])
