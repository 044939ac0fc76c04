from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.inspection.bag_contents import read_contents
from humanoid_recorder.inspection.view_plan import FrameSource, Installed, Wishes, make_plan

if TYPE_CHECKING:
    from test.unit.inspection.conftest import MakeBag, Messages, Topic

ALL = Installed(state_publisher=True, tf2_messages=True, compressed_transport=True)
NO_STATE_PUBLISHER = Installed(state_publisher=False, tf2_messages=True, compressed_transport=True)
NOTHING = Installed(state_publisher=False, tf2_messages=False, compressed_transport=False)
BAG, STATE_PUBLISHER, OURS, NOBODY = FrameSource.BAG, FrameSource.STATE_PUBLISHER, FrameSource.OURS, FrameSource.NOBODY


@pytest.mark.parametrize(
    ("installed", "has_tf", "robot", "commanded"),
    [
        (ALL, False, STATE_PUBLISHER, STATE_PUBLISHER),
        (ALL, True, BAG, STATE_PUBLISHER),
        (NO_STATE_PUBLISHER, False, OURS, OURS),
        (NO_STATE_PUBLISHER, True, BAG, OURS),
        (NOTHING, False, NOBODY, NOBODY),
        (NOTHING, True, NOBODY, NOBODY),
    ],
)
def test_the_bags_own_frames_come_first_then_robot_state_publisher_then_ours(
    make_bag: "MakeBag", topics: dict[str, "Topic"], messages: "Messages",
    installed: Installed, has_tf: bool, robot: FrameSource, commanded: FrameSource,
) -> None:  # fmt: skip
    if has_tf:
        topics["/tf"] = messages.topic("tf2_msgs/msg/TFMessage", messages.no_transforms())
    plan = make_plan(read_contents(make_bag(topics)), installed, Wishes())
    assert (plan.robot_frames, plan.commanded_frames) == (robot, commanded)
    assert any("tf2_msgs" in note for note in plan.notes) is (NOBODY in (robot, commanded))


def test_frames_of_the_bag_that_cannot_be_played_are_no_source(
    make_bag: "MakeBag", topics: dict[str, "Topic"], messages: "Messages"
) -> None:
    topics["/tf"] = messages.topic("tf2_msgs/msg/TFMessage", messages.no_transforms())
    installed = Installed(state_publisher=True, tf2_messages=False, compressed_transport=True)
    plan = make_plan(read_contents(make_bag(topics)), installed, Wishes())
    assert plan.robot_frames is STATE_PUBLISHER
    assert "/tf of the bag is not played: that takes tf2_msgs for Python" in plan.notes


def test_a_topic_tf_without_messages_is_no_source(
    make_bag: "MakeBag", topics: dict[str, "Topic"], messages: "Messages"
) -> None:
    topics["/tf"] = messages.topic("tf2_msgs/msg/TFMessage")
    assert make_plan(read_contents(make_bag(topics)), ALL, Wishes()).robot_frames is STATE_PUBLISHER


def test_commands_that_leave_joints_out_are_filled_by_ours(
    make_bag: "MakeBag", topics: dict[str, "Topic"], messages: "Messages"
) -> None:
    topics["/joint_commands"] = messages.topic("sensor_msgs/msg/JointState", messages.joints(shoulder=0.3))
    plan = make_plan(read_contents(make_bag(topics)), ALL, Wishes())
    assert (plan.robot_frames, plan.commanded_frames) == (STATE_PUBLISHER, OURS)


def test_two_topics_of_joint_states_are_put_together_by_ours(
    make_bag: "MakeBag", topics: dict[str, "Topic"], messages: "Messages"
) -> None:
    topics["/hand_states"] = messages.topic("sensor_msgs/msg/JointState", messages.joints(slide=0.3))
    assert make_plan(read_contents(make_bag(topics)), ALL, Wishes()).robot_frames is OURS


def test_only_what_is_wished_for_is_shown(make_bag: "MakeBag", topics: dict[str, "Topic"]) -> None:
    contents = read_contents(make_bag(topics))
    plan = make_plan(contents, ALL, Wishes(commanded=False, touch=False))
    assert plan.commanded_frames is NOBODY
    assert plan.touch == ()
    assert [stream.topic for stream in make_plan(contents, ALL, Wishes()).touch] == ["/left_hand/touch"]


def test_rviz_decodes_what_it_can_and_we_the_rest(make_bag: "MakeBag", topics: dict[str, "Topic"]) -> None:
    contents = read_contents(make_bag(topics))
    shown = {
        camera.stream.topic: (camera.shown_topic, camera.is_decoded)
        for camera in make_plan(contents, ALL, Wishes()).cameras
    }
    assert shown == {
        "/head/image/compressed": ("/head/image/compressed", False),
        "/wrist/jpeg": ("/inspect/wrist/jpeg_decoded", True),  # rviz would not know the transport from this name
        "/depth": ("/depth", False),
    }
    cameras = make_plan(contents, NOTHING, Wishes()).cameras
    assert [camera.is_decoded for camera in cameras if camera.stream.topic == "/head/image/compressed"] == [True]


def test_what_is_not_there_is_said(make_bag: "MakeBag", messages: "Messages") -> None:
    topics = {"/hand/touch": messages.topic("std_msgs/msg/String", messages.string("1,2,3"))}
    topics["/hand/touch"].kind, topics["/hand/touch"].name = "tactile", "hand"
    plan = make_plan(read_contents(make_bag(topics, profile="")), ALL, Wishes())
    assert (plan.robot_frames, plan.commanded_frames) == (NOBODY, NOBODY)
    for words in ("neither /tf nor a URDF", "no pictures", "touch of type std_msgs/msg/String is not shown"):
        assert [note for note in plan.notes if words in note], words


def test_a_robot_without_joint_states_does_not_move_and_that_is_said(
    make_bag: "MakeBag", topics: dict[str, "Topic"]
) -> None:
    del topics["/joint_states"]
    plan = make_plan(read_contents(make_bag(topics)), ALL, Wishes())
    assert plan.robot_frames is NOBODY
    assert any("neither /tf nor joint states" in note for note in plan.notes)
