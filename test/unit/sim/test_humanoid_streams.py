from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rosbags.typesys import Stores, get_typestore

from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.sim.faults.effects import Values
from humanoid_recorder.sim.humanoid_streams import StreamPlan, build_streams

TYPES = get_typestore(Stores.ROS2_KILTED)
JOINTS = ("left_knee_joint", "a_joint", "waist")
PLAN = StreamPlan(
    joints=JOINTS,
    objects=("box",),
    cameras={"head": 58.0, "left_wrist": 75.0},
    touch_shape=(2, 3),
    operator=True,
    transforms=(("world", "pelvis"), ("pelvis", "left_hip"), ("left_hip", "toe")),
)
STREAMS = build_streams(PLAN)
STAMP_NS = 1_700_000_000_123_456_789
SIZES = {
    StreamKind.JOINT: 9,
    StreamKind.COMMAND: 3,
    StreamKind.WRENCH: 6,
    StreamKind.TACTILE: 6,
    StreamKind.IMU: 10,
    StreamKind.CAMERA_INFO: 0,
    StreamKind.OPERATOR: 7,
    StreamKind.MOCAP: 7,
    StreamKind.OBJECT: 7,
    StreamKind.TRANSFORM: 21,
}


def values_of(name: str) -> Values:
    if STREAMS[name].kind is StreamKind.CAMERA:
        return b"\xff\xd8 a picture of 23 bytes"
    size = 14 if name == "operator_joy" else SIZES[STREAMS[name].kind]
    return np.arange(1.0, size + 1.0)


def decode(name: str, stamp_ns: int = STAMP_NS) -> Any:
    return TYPES.deserialize_cdr(STREAMS[name].encode(stamp_ns, values_of(name)), STREAMS[name].type)


@pytest.mark.parametrize("name", STREAMS)
@given(stamp_ns=st.integers(0, 2**31 * 10**9 - 1))
def test_a_message_is_exactly_the_bytes_an_independent_writer_makes_of_it(name: str, stamp_ns: int) -> None:
    data = STREAMS[name].encode(stamp_ns, values_of(name))
    message: Any = TYPES.deserialize_cdr(data, STREAMS[name].type)
    assert bytes(TYPES.serialize_cdr(message, STREAMS[name].type)) == data
    headers = [each.header for each in message.transforms] if name == "tf" else [message.header]
    assert {(header.stamp.sec, header.stamp.nanosec) for header in headers} == {divmod(stamp_ns, 10**9)}


def test_joint_values_stand_in_their_places() -> None:
    joints = decode("joints")
    assert joints.name == list(JOINTS)
    assert [list(joints.position), list(joints.velocity), list(joints.effort)] == [[1, 2, 3], [4, 5, 6], [7, 8, 9]]


def test_commands_have_positions_only() -> None:
    commands = decode("commands")
    assert (list(commands.position), len(commands.velocity), len(commands.effort)) == ([1, 2, 3], 0, 0)
    without = build_streams(StreamPlan(JOINTS, (), {}, (2, 3), operator=False))
    assert not {"commands", "tf"} & set(without)


def test_forces_and_touch_stand_in_their_places_in_the_frame_of_the_palm() -> None:
    wrench, touch = decode("right_wrench"), decode("right_touch")
    assert wrench.header.frame_id == touch.header.frame_id == "right_hand_palm_link"
    assert (wrench.wrench.force.x, wrench.wrench.force.z, wrench.wrench.torque.z) == (1, 3, 6)
    assert (touch.height, touch.width, touch.encoding, touch.step) == (2, 3, "32FC1", 12)
    assert list(np.frombuffer(touch.data.tobytes(), np.float32)) == [1, 2, 3, 4, 5, 6]


def test_poses_and_orientations_end_with_w() -> None:
    for name in ("operator_head", "mocap_left_hand", "mocap_box"):
        pose = decode(name)
        assert (pose.pose.position.z, pose.pose.orientation.x, pose.pose.orientation.w) == (3, 4, 7)
        assert pose.header.frame_id == "world"
    imu = decode("imu")
    assert (imu.orientation.w, imu.angular_velocity.x, imu.linear_acceleration.z) == (4, 5, 10)


def test_a_picture_comes_out_as_it_went_in_and_its_info_fits_its_field_of_view() -> None:
    picture, info = decode("left_wrist"), decode("left_wrist_info")
    assert (picture.format, picture.data.tobytes()) == ("jpeg", values_of("left_wrist"))
    assert picture.header.frame_id == info.header.frame_id == "left_wrist_camera_color_optical_frame"
    assert (info.width, info.height) == (320, 240)
    half_angle = np.degrees(np.arctan(info.height / 2 / info.k[4]))
    assert half_angle == pytest.approx(37.5)


def test_joy_has_axes_and_buttons() -> None:
    joy = decode("operator_joy")
    assert list(joy.axes) == [1, 2, 3, 4, 5, 6]
    assert list(joy.buttons) == [7, 8, 9, 10, 11, 12, 13, 14]


def test_every_link_has_its_transform() -> None:
    links = decode("tf").transforms
    assert [(link.header.frame_id, link.child_frame_id) for link in links] == list(PLAN.transforms)
    assert [link.transform.translation.x for link in links] == [1, 8, 15]
    assert [link.transform.rotation.w for link in links] == [7, 14, 21]


def test_names_and_topics_are_unique() -> None:
    assert len({stream.topic for stream in STREAMS.values()}) == len(STREAMS)
    assert all(stream.name == name for name, stream in STREAMS.items())
