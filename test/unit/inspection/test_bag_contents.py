from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.qos import Durability, Reliability
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.inspection.bag_contents import read_contents

if TYPE_CHECKING:
    from test.unit.inspection.conftest import MakeBag, Messages, Topic

PROFILE = """\
robot: {name: little}
streams:
  left_touch:
    topic: /left_hand/touch
    type: sensor_msgs/msg/Image
    kind: tactile
    taxels: [{frame: hand, rows: 2, columns: 3, row_step_m: [0, 0.01, 0], column_step_m: [0.01, 0, 0]}]
"""


def test_a_bag_of_ours_says_by_itself_what_its_streams_are(
    make_bag: "MakeBag", topics: dict[str, "Topic"], urdf_text: str
) -> None:
    contents = read_contents(make_bag(topics, profile=PROFILE))
    kinds = {stream.name: stream.kind for stream in contents.streams}
    assert kinds["left_touch"] is StreamKind.TACTILE
    assert kinds["depth"] is StreamKind.CAMERA  # a 32FC1 image too, but the profile says which it is
    assert kinds["/recorder/events"] is StreamKind.EVENT
    assert [stream.topic for stream in contents.streams if stream.is_guessed] == ["/recorder/events"]
    assert contents.urdf is not None
    assert contents.urdf.text == urdf_text
    assert contents.description_topic == "/robot_description"
    assert contents.fixed_frame == "base"
    assert contents.commanded_joints == frozenset({"shoulder", "slide"})
    touch = next(stream for stream in contents.streams if stream.name == "left_touch")
    assert touch.spec is not None
    assert touch.spec.taxels is not None


def test_subscriptions_ask_for_no_more_than_was_offered(make_bag: "MakeBag", topics: dict[str, "Topic"]) -> None:
    qos = {stream.topic: stream.qos for stream in read_contents(make_bag(topics)).streams}
    assert qos["/head/image/compressed"].reliability is Reliability.BEST_EFFORT
    assert qos["/robot_description"].durability is Durability.TRANSIENT_LOCAL
    assert (qos["/depth"].reliability, qos["/depth"].durability) == (Reliability.RELIABLE, Durability.VOLATILE)


def test_the_kinds_of_another_recorders_bag_are_guessed_and_that_is_said(
    make_bag: "MakeBag", topics: dict[str, "Topic"]
) -> None:
    contents = read_contents(make_bag(topics))
    assert contents.episode is None
    assert {stream.topic: stream.kind for stream in contents.streams}["/left_hand/touch"] is StreamKind.TACTILE
    assert "there is no episode.json: the bag was not recorded by us" in contents.notes
    assert any("was guessed" in note for note in contents.notes)


def test_a_bag_without_a_robot_takes_the_usual_frame_of_what_it_has(make_bag: "MakeBag", messages: "Messages") -> None:
    pose = "geometry_msgs/msg/PoseStamped"
    contents = read_contents(
        make_bag(
            {
                "/a": messages.topic(pose, messages.pose("tracker")),
                "/b": messages.topic(pose, messages.pose("tracker")),
                "/c": messages.topic(pose, messages.pose("lab")),
                "/d": messages.topic(pose),
            }
        )
    )
    assert contents.fixed_frame == "tracker"
    assert contents.urdf is None
    assert contents.commanded_joints is None
    assert "the bag has no /robot_description: the robot itself is not shown" in contents.notes
    assert [stream.topic for stream in contents.streams] == ["/a", "/b", "/c"]


def test_a_world_frame_is_preferred_and_is_what_is_left_without_any(make_bag: "MakeBag", messages: "Messages") -> None:
    pose = "geometry_msgs/msg/PoseStamped"
    bag = make_bag(
        {f"/p{at}": messages.topic(pose, messages.pose(frame)) for at, frame in enumerate(("hand", "hand", "map"))}
    )
    assert read_contents(bag).fixed_frame == "map"


def test_a_bag_with_nothing_to_show_is_no_mistake(make_bag: "MakeBag", messages: "Messages") -> None:
    contents = read_contents(make_bag({"/chatter": messages.topic("std_msgs/msg/String", messages.string("hi"))}))
    assert contents.fixed_frame == "world"
    assert contents.of_kind(StreamKind.CAMERA, StreamKind.JOINT) == ()


def test_a_urdf_that_cannot_be_read_leaves_the_robot_out_and_says_why(
    make_bag: "MakeBag", messages: "Messages"
) -> None:
    text = messages.topic("std_msgs/msg/String", messages.string("<!DOCTYPE r []><robot/>"))
    contents = read_contents(make_bag({"/robot_description": text}))
    assert contents.urdf is None
    assert contents.description_topic is None
    assert any("document type declaration" in note for note in contents.notes)


def test_meshes_that_may_not_show_are_said(make_bag: "MakeBag", messages: "Messages") -> None:
    mesh = '<visual><geometry><mesh filename="package://g1_description/a.stl"/></geometry></visual>'
    urdf = messages.topic("std_msgs/msg/String", messages.string(f'<robot><link name="a">{mesh}</link></robot>'))
    contents = read_contents(make_bag({"/robot_description": urdf}))
    assert contents.urdf is not None
    assert any("g1_description" in note for note in contents.notes)


def test_a_profile_of_another_version_is_said_and_a_damaged_episode_file_refused(
    make_bag: "MakeBag", topics: dict[str, "Topic"]
) -> None:
    bag = make_bag(topics, profile="robot: {name: little}\nstreamz: {}\n")
    contents = read_contents(bag)
    assert contents.profile is None
    assert any("the profile in the bag cannot be read" in note for note in contents.notes)
    (bag / "episode.json").write_text("{}")
    with pytest.raises(BagReadError, match=r"episode\.json cannot be read"):  # it may have named commands
        read_contents(bag)


def test_what_is_no_bag_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BagReadError):
        read_contents(tmp_path)
