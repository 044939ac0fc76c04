from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_typestore

from humanoid_recorder.sim.synthetic_config import SyntheticRobotConfig
from humanoid_recorder.sim.synthetic_numbering import number_of
from humanoid_recorder.sim.synthetic_signals import joint_signal
from humanoid_recorder.sim.synthetic_streams import SyntheticStream, build_streams

STAMP_NS = 1_700_000_000_123_456_789
TYPES = get_typestore(Stores.ROS2_KILTED)


def make_config(frame: str = "base_link", *, numbered: bool = True) -> SyntheticRobotConfig:
    common: dict[str, Any] = {"rate_hz": 100, "frame": frame}
    camera = {**common, "name": "camera", "width": 112, "height": 16, "loop_frames": 1}
    return SyntheticRobotConfig.model_validate(
        {
            "numbered": numbered,
            "joint_states": [{**common, "topic": "joint_states", "joints": ["a_joint", "b_joint", "c"]}],
            "wrenches": [{**common, "topic": "wrench"}],
            "touch_arrays": [{**common, "topic": "touch", "rows": 2, "columns": 3}],
            "imus": [{**common, "topic": "imu"}],
            "cameras": [
                {**camera, "topic": "jpeg", "info_topic": "info"},
                {**camera, "topic": "raw", "encoding": "raw"},
            ],
            "poses": [{**common, "topic": "pose"}],
            "joys": [{**common, "topic": "joy"}, {**common, "topic": "bare_joy", "axes": 0, "buttons": 0}],
        }
    )


STREAMS = {stream.topic: stream for stream in build_streams(make_config())}


def decode(stream: SyntheticStream, number: int) -> Any:
    return TYPES.deserialize_cdr(stream.encode(number, STAMP_NS), stream.type)


@pytest.mark.parametrize("topic", STREAMS)
@given(number=st.integers(0, 10**7))
def test_a_message_is_exactly_the_bytes_an_independent_writer_makes_of_it(topic: str, number: int) -> None:
    stream = STREAMS[topic]
    data = stream.encode(number, STAMP_NS)
    message: Any = TYPES.deserialize_cdr(data, stream.type)
    assert bytes(TYPES.serialize_cdr(message, stream.type)) == data
    assert number_of(message.header.frame_id) == number
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == divmod(STAMP_NS, 10**9)


@pytest.mark.parametrize("frame", ["f" * length for length in range(1, 10)])
def test_no_length_of_the_frame_breaks_the_alignment(frame: str) -> None:
    for stream in build_streams(make_config(frame, numbered=False)):
        data = stream.encode(5, STAMP_NS)
        message: Any = TYPES.deserialize_cdr(data, stream.type)
        assert message.header.frame_id == frame
        assert bytes(TYPES.serialize_cdr(message, stream.type)) == data


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=20))
def test_values_belong_to_the_number_in_whatever_order_they_are_asked_for(numbers: list[int]) -> None:
    for number in numbers:
        message = decode(STREAMS["joint_states"], number)
        expected = joint_signal(3)(np.array([number / 100]))[0]
        values = np.concatenate((message.position, message.velocity, message.effort))
        np.testing.assert_allclose(values, expected, rtol=0, atol=1e-12)


@given(st.floats(0.1, 9000.0), st.integers(0, 10**8))
def test_messages_are_due_at_multiples_of_the_period_without_drift(rate_hz: float, number: int) -> None:
    config = SyntheticRobotConfig.model_validate(
        {"wrenches": [{"topic": "wrench", "rate_hz": rate_hz, "start_after_s": 1.5}]}
    )
    stream = build_streams(config)[0]
    exact_ns = 1_500_000_000 + number * 10**9 / config.wrenches[0].rate
    assert exact_ns - 1 < stream.due_ns(number) <= exact_ns
