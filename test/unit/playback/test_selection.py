"""Which topics of a bag are played, and under which names."""

import dataclasses
import re

import pytest

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.playback.commands import is_command
from humanoid_recorder.playback.selection import BagTopic, PlayChoice, parse_remap, select

STRING = "std_msgs/msg/String"
TOPICS = [BagTopic(name, STRING) for name in ("/joints", "/left/touch", "/right/touch", "/clock")]


def names(choice: PlayChoice, kinds: dict[str, str] | None = None) -> list[str]:
    return list(select(TOPICS, choice, kinds or {}).played.values())


def test_without_options_everything_is_played() -> None:
    assert names(PlayChoice()) == ["/joints", "/left/touch", "/right/touch", "/clock"]


def test_topics_and_patterns_add_up_and_excludes_take_away() -> None:
    assert names(PlayChoice(topics=frozenset({"/joints"}))) == ["/joints"]
    assert names(PlayChoice(regex=re.compile("touch"))) == ["/left/touch", "/right/touch"]
    assert names(PlayChoice(topics=frozenset({"/joints"}), regex=re.compile("left"))) == ["/joints", "/left/touch"]
    assert names(PlayChoice(exclude_regex=re.compile("touch|clock"))) == ["/joints"]
    both = PlayChoice(topics=frozenset({"/joints"}), exclude_topics=frozenset({"/joints"}))
    assert names(both) == []
    assert names(PlayChoice(topics=frozenset({"/joints"}), exclude_regex=re.compile("joints"))) == ["/joints"]


def test_names_are_changed_by_their_name_in_the_bag() -> None:
    choice = PlayChoice(remap={"/left/touch": "/a", "/right/touch": "/a"}, exclude_topics=frozenset({"/clock"}))
    assert names(choice) == ["/joints", "/a", "/a"]


def test_a_topic_that_the_bag_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(SpecError, match="The bag has no /nope") as error:
        names(PlayChoice(topics=frozenset({"/nope", "/joints"})))
    assert "/left/touch" in error.value.remedy
    with pytest.raises(SpecError, match="The bag has no /old"):
        names(PlayChoice(remap={"/old": "/new"}))


def test_two_types_cannot_get_one_name() -> None:
    topics = [BagTopic("/a", STRING), BagTopic("/b", "sensor_msgs/msg/Imu")]
    with pytest.raises(SpecError, match="/a would be published with two types"):
        select(topics, PlayChoice(remap={"/b": "/a"}), {})


def test_our_own_clock_takes_the_place_of_the_bags() -> None:
    selection = select(TOPICS, PlayChoice(own_clock=True), {})
    assert "/clock" not in selection.played.values()
    assert [each.topic for each in selection.left_out] == ["/clock"]
    moved = select(TOPICS, PlayChoice(own_clock=True, remap={"/clock": "/bag_clock"}), {})
    assert "/bag_clock" in moved.played.values()


def test_commands_are_left_out_unless_asked_for_also_when_they_are_named() -> None:
    kinds = {"/joints": "command"}
    for choice in (PlayChoice(), PlayChoice(topics=frozenset({"/joints"}))):
        selection = select(TOPICS, choice, kinds)
        assert "/joints" not in selection.played.values()
        assert [(each.topic, each.is_command) for each in selection.left_out] == [("/joints", True)]
    assert "/joints" in names(PlayChoice(with_commands=True), kinds)


def test_a_new_name_that_a_robot_obeys_makes_a_command() -> None:
    choice = PlayChoice(topics=frozenset({"/joints"}), remap={"/joints": "/joint_commands"})
    assert [each.topic for each in select(TOPICS, choice, {"/joints": "joint"}).left_out] == ["/joints"]
    assert names(dataclasses.replace(choice, with_commands=True)) == ["/joint_commands"]


@pytest.mark.parametrize(
    ("topic", "type_name"),
    [
        ("/joint_commands", "sensor_msgs/msg/JointState"),
        ("/arm_controller/joint_trajectory", "trajectory_msgs/msg/JointTrajectory"),
        ("/cmd_vel", "geometry_msgs/msg/Twist"),
        ("/robot1/cmd_vel_nav", "std_msgs/msg/Empty"),
        ("/lowcmd", "unitree_hg/msg/LowCmd"),
        ("/left_hand/cmd", "std_msgs/msg/Float64MultiArray"),
        ("/forward_position_controller/commands", "std_msgs/msg/Float64MultiArray"),
        ("/arm_sdk", "some_msgs/msg/Any"),
        ("/gripper", "control_msgs/msg/GripperCommand"),
        ("/Head/Command", "std_msgs/msg/String"),
        ("/goal_pose", "geometry_msgs/msg/PoseStamped"),
        ("/desired_joints", "sensor_msgs/msg/JointState"),
        ("/left_arm/target", "std_msgs/msg/Float64MultiArray"),
        ("/operator/left_hand", "geometry_msgs/msg/PoseStamped"),
        ("/joy", "sensor_msgs/msg/Joy"),
    ],
)
def test_a_command_is_known_by_its_name_or_its_type(topic: str, type_name: str) -> None:
    assert is_command(topic, type_name, {})
    assert is_command(topic, type_name, {topic: "other"})
    assert not is_command(topic, type_name, {topic: "joint"})  # who recorded it knew better


@pytest.mark.parametrize(
    "topic", ["/joint_states", "/commander/state_log", "/recommended", "/imu/data", "/tf", "/head/color/compressed"]
)
def test_what_only_sounds_like_a_command_is_none(topic: str) -> None:
    assert not is_command(topic, "sensor_msgs/msg/JointState", {})


def test_what_the_gear_of_an_operator_said_may_move_a_robot_too() -> None:
    assert is_command("/hands", "geometry_msgs/msg/PoseStamped", {"/hands": "operator"})
    assert not is_command("/hands", "geometry_msgs/msg/PoseStamped", {"/hands": "mocap"})


def test_remappings_are_read_and_wrong_ones_refused() -> None:
    assert parse_remap(["/a:=/b", "/c/d:=/e"]) == {"/a": "/b", "/c/d": "/e"}
    for wrong in ("/a", "a:=/b", "/a:=", "/a:=/b c"):
        with pytest.raises(SpecError, match="is not a remapping"):
            parse_remap([wrong])
