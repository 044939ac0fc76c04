"""The file that is made, checked as rviz2 reads it: classes that it ships, keys that they have, topics that exist."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from humanoid_recorder.core.errors import SessionError, SpecError
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.inspection.bag_contents import read_contents
from humanoid_recorder.inspection.rviz_config import make_config, write_config
from humanoid_recorder.inspection.topics import TIMELINE
from humanoid_recorder.inspection.view_plan import Installed, ViewPlan, Wishes, make_plan

if TYPE_CHECKING:
    from test.unit.inspection.conftest import MakeBag, Topic

BASE = Path(__file__).parents[3] / "config" / "rviz" / "base.rviz"
ALL = Installed(state_publisher=True, tf2_messages=True, compressed_transport=True)
NOTHING = Installed(state_publisher=False, tf2_messages=False, compressed_transport=False)

# Of rviz_default_plugins 14.1 (Jazzy): the classes of its plugins_description.xml, and their properties as its sources
# name them; Class, Enabled, Name and Value are those of every display.
QOS = {"Depth", "Durability Policy", "History Policy", "Reliability Policy", "Value"}
PROPERTIES = {
    "Grid": {"Alpha", "Cell Size", "Color", "Line Style", "Normal Cell Count", "Offset", "Plane", "Plane Cell Count",
             "Reference Frame"},
    "RobotModel": {"Alpha", "Collision Enabled", "Description File", "Description Source", "Description Topic", "Links",
                   "Mass Properties", "TF Prefix", "Update Interval", "Visual Enabled"},
    "TF": {"Filter (blacklist)", "Filter (whitelist)", "Frame Timeout", "Frames", "Marker Scale", "Show Arrows",
           "Show Axes", "Show Names", "Tree", "Update Interval"},
    "Image": {"Max Value", "Median window", "Min Value", "Normalize Range", "Topic"},
    "Wrench": {"Accept NaN Values", "Alpha", "Arrow Width", "Force Arrow Scale", "Force Color", "History Length",
               "Topic", "Torque Arrow Scale", "Torque Color"},
    "Pose": {"Alpha", "Axes Length", "Axes Radius", "Color", "Head Length", "Head Radius", "Shaft Length",
             "Shaft Radius", "Shape", "Topic"},
    "PoseArray": {"Alpha", "Arrow Length", "Axes Length", "Axes Radius", "Color", "Head Length", "Head Radius",
                  "Shaft Length", "Shaft Radius", "Shape", "Topic"},
    "MarkerArray": {"Namespaces", "Topic"},
}  # fmt: skip
POLICIES = {
    "Durability Policy": {"System Default", "Transient Local", "Volatile"},
    "History Policy": {"System Default", "Keep Last", "Keep All"},
    "Reliability Policy": {"System Default", "Reliable", "Best Effort"},
}
TOOLS = {"Interact", "MoveCamera", "Select", "FocusCamera", "Measure"}


def plan_of(bag: Path, installed: Installed = ALL) -> ViewPlan:
    return make_plan(read_contents(bag), installed, Wishes())


def manager_of(text: str) -> dict[str, Any]:
    manager: dict[str, Any] = yaml.safe_load(text)["Visualization Manager"]
    return manager


def displays(plan: ViewPlan) -> dict[str, dict[str, Any]]:
    return {display["Name"]: display for display in manager_of(make_config(plan, BASE.read_text()))["Displays"]}


def topic_of(display: dict[str, Any]) -> dict[str, Any]:
    topic: dict[str, Any] = display.get("Topic") or display.get("Description Topic") or {}
    return topic


@pytest.mark.parametrize("installed", [ALL, NOTHING])
def test_every_display_is_one_of_rviz_with_keys_and_policies_that_it_knows(
    make_bag: "MakeBag", topics: dict[str, "Topic"], installed: Installed
) -> None:
    shown = displays(plan_of(make_bag(topics, profile=""), installed))
    for name, display in shown.items():
        package, kind = display["Class"].split("/")
        assert package == "rviz_default_plugins"
        assert set(display) <= PROPERTIES[kind] | {"Class", "Enabled", "Name", "Value"}, name
        topic = topic_of(display)
        assert set(topic) in (set(), QOS, QOS | {"Filter size"}), name
        for policy, words in POLICIES.items():
            assert not topic or topic[policy] in words, name
    assert {display["Class"].split("/")[1] for display in shown.values()} == set(PROPERTIES) - (
        {"TF"} if installed is NOTHING else set()
    )


@pytest.mark.parametrize("installed", [ALL, NOTHING])
def test_every_topic_is_in_the_bag_or_made_from_one_by_our_nodes(
    make_bag: "MakeBag", topics: dict[str, "Topic"], installed: Installed
) -> None:
    plan = plan_of(make_bag(topics, profile=""), installed)
    made = {f"/inspect{stream.topic}_markers" for stream in plan.touch} | {TIMELINE}
    made |= {camera.shown_topic for camera in plan.cameras if camera.is_decoded}
    made |= {f"/inspect{stream.topic}" for stream in plan.contents.of_kind(StreamKind.OPERATOR)}
    told = {topic["Value"] for display in displays(plan).values() if (topic := topic_of(display))}
    assert told <= {stream.topic for stream in plan.contents.streams} | made
    assert made <= told


def test_the_whole_bag_is_shown(make_bag: "MakeBag", topics: dict[str, "Topic"]) -> None:
    shown = displays(plan_of(make_bag(topics, profile="")))
    assert {name: topic_of(display).get("Value") for name, display in shown.items()} == {
        "Grid": None,
        "Robot": "/robot_description",
        "Commanded robot": "/robot_description",
        "Frames": None,
        "vr_head": "/inspect/operator/head",
        "mocap": "/mocap/bodies",
        "left_wrench": "/left_wrist/wrench",
        "left_touch": "/inspect/left_hand/touch_markers",
        "Events and findings": "/inspect/timeline",
        "head": "/head/image/compressed",
        "wrist": "/inspect/wrist/jpeg_decoded",
        "depth": "/depth",
    }
    assert (shown["Commanded robot"]["TF Prefix"], shown["Robot"]["TF Prefix"]) == ("commanded", "")
    assert shown["Commanded robot"]["Alpha"] < shown["Robot"]["Alpha"] == 1.0


def test_subscriptions_fit_what_was_offered(make_bag: "MakeBag", topics: dict[str, "Topic"]) -> None:
    shown = displays(plan_of(make_bag(topics, profile="")))
    assert topic_of(shown["Robot"])["Durability Policy"] == "Transient Local"
    assert topic_of(shown["head"])["Reliability Policy"] == "Best Effort"
    assert topic_of(shown["depth"])["Reliability Policy"] == "Reliable"
    assert topic_of(shown["left_touch"])["Durability Policy"] == "Transient Local"


def test_the_fixed_frame_is_the_root_link_of_the_robot(make_bag: "MakeBag", topics: dict[str, "Topic"]) -> None:
    manager = manager_of(make_config(plan_of(make_bag(topics)), BASE.read_text()))
    assert manager["Global Options"]["Fixed Frame"] == "base"


def test_without_a_robot_no_robot_is_shown(make_bag: "MakeBag", topics: dict[str, "Topic"]) -> None:
    del topics["/robot_description"]
    shown = displays(plan_of(make_bag(topics, profile="")))
    assert shown.keys().isdisjoint({"Robot", "Commanded robot", "Frames"})
    assert "head" in shown


def test_the_file_carries_the_name_of_the_bag_and_replaces_an_older_one(
    make_bag: "MakeBag", topics: dict[str, "Topic"], tmp_path: Path
) -> None:
    plan = plan_of(make_bag(topics))
    folder = tmp_path / "new" / "folder"
    path = write_config(plan, BASE, folder)
    assert path == folder / "bag.rviz"
    path.write_text("old")
    assert write_config(plan, BASE, folder).read_text() == make_config(plan, BASE.read_text())


def test_the_base_by_itself_is_an_rviz_configuration_whose_tools_publish_nothing() -> None:
    manager = manager_of(BASE.read_text())
    assert {tool["Class"].removeprefix("rviz_default_plugins/") for tool in manager["Tools"]} == TOOLS
    assert manager["Views"]["Current"]["Class"] == "rviz_default_plugins/Orbit"


@pytest.mark.parametrize("base", ["", "- a\n", "Visualization Manager: {}\n", "a: [\n"])
def test_a_base_that_is_no_rviz_configuration_is_refused(
    make_bag: "MakeBag", topics: dict[str, "Topic"], base: str
) -> None:
    with pytest.raises(SpecError, match="not an rviz configuration"):
        make_config(plan_of(make_bag(topics)), base)


def test_a_folder_that_cannot_be_written_is_an_error_with_words(
    make_bag: "MakeBag", topics: dict[str, "Topic"], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SessionError, match="cannot be used"):
        write_config(plan_of(make_bag(topics)), BASE, tmp_path / "file" / "folder")
