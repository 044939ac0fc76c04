"""What inspect.launch.py starts for a bag, without ROS's `launch`, which does not exist as a wheel."""

import dataclasses
import os
import runpy
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Header, String

from humanoid_recorder.core.samples import Sample
from humanoid_recorder.ros.message_types import message_type
from humanoid_recorder.storage.bag_writer import BagTopic, BagWriter

LAUNCH_FILE = Path(__file__).resolve().parents[2] / "launch" / "inspect.launch.py"
START_NS = 1_795_160_424_000_000_000
URDF = """<robot name="r"><link name="base"/><link name="arm"/>
<joint name="shoulder" type="revolute"><parent link="base"/><child link="arm"/><axis xyz="0 0 1"/></joint></robot>"""
TYPES: dict[str, tuple[str, Any]] = {
    "/robot_description": ("std_msgs/msg/String", String(data=URDF)),
    "/joint_states": ("sensor_msgs/msg/JointState", JointState(name=["shoulder"], position=[0.1])),
    "/joint_commands": ("sensor_msgs/msg/JointState", JointState(name=["shoulder"], position=[0.3])),
    "/gripper/command": ("std_msgs/msg/String", String(data="close")),
    "/cam/compressed": ("sensor_msgs/msg/CompressedImage", CompressedImage(format="jpeg")),
    "/hand/touch": ("sensor_msgs/msg/Image", Image(header=Header(frame_id="arm"), encoding="32FC1")),
}
EVERYTHING = ("rviz2", "robot_state_publisher", "tf2_ros", "compressed_image_transport")


@dataclasses.dataclass
class Started:
    """Stands in for launch_ros.actions.Node."""

    executable: str
    package: str = ""
    name: str = ""
    parameters: list[Mapping[str, Any]] = dataclasses.field(default_factory=list)
    remappings: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    arguments: list[str] = dataclasses.field(default_factory=list)
    output: str = ""
    emulate_tty: bool = False
    on_exit: Any = None

    @property
    def settings(self) -> Mapping[str, Any]:
        return self.parameters[0]


@dataclasses.dataclass
class Said:
    """Stands in for launch.actions.LogInfo."""

    msg: str


class Given:
    """Stands in for launch.substitutions.LaunchConfiguration; the context is a dict of texts."""

    def __init__(self, name: str) -> None:
        self.name = name

    def perform(self, context: Mapping[str, str]) -> str:
        return context[self.name]


def stand_ins() -> dict[str, ModuleType]:
    names = ("launch", "launch.actions", "launch.substitutions", "launch_ros", "launch_ros.actions",
             "launch_ros.parameter_descriptions")  # fmt: skip
    modules: dict[str, Any] = {name: mock.MagicMock() for name in names}
    modules["launch.actions"].LogInfo = Said
    modules["launch.actions"].Shutdown = lambda reason: f"everything ends: {reason}"
    modules["launch.substitutions"].LaunchConfiguration = Given
    modules["launch_ros.actions"].Node = Started
    modules["launch_ros.parameter_descriptions"].ParameterValue = lambda value, value_type: value_type(value)
    return modules


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    writer = BagWriter(tmp_path / "bag", ros_distro="kilted")
    samples = []
    for number, (topic, (type_name, message)) in enumerate(TYPES.items(), start=1):
        kind = message_type(type_name)
        writer.add_topic(BagTopic(number, topic, type_name, kind.definition, kind.type_hash, ()))
        samples.append(Sample(number, bytes(serialize_message(message)), START_NS, START_NS, None, 0))
    writer.write(samples)
    return writer.seal(custom_data={}).directory


@pytest.fixture
def start(
    bag: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[dict[str, Started], list[str]]]:
    """Ask the launch file what it starts, with some packages installed and arguments given."""
    monkeypatch.setenv("ROS_HOME", str(tmp_path / "ros"))

    def ask(*installed: str, tf2_messages: bool = False, **given: str) -> tuple[dict[str, Started], list[str]]:
        with mock.patch.dict(sys.modules, stand_ins()):
            file = runpy.run_path(str(LAUNCH_FILE))
        file["start"].__globals__.update(
            is_package_installed=lambda name: name in installed, is_type_installed=lambda _name: tf2_messages
        )
        defaults = dict.fromkeys(file["PARAMETERS"], "") | {name: text for name, (text, _) in file["ARGUMENTS"].items()}
        actions = file["start"](defaults | {"bag": str(bag)} | given)
        nodes = {action.name: action for action in actions if isinstance(action, Started)}
        return nodes, [action.msg for action in actions if isinstance(action, Said)]

    return ask


def test_with_everything_installed_rviz_gets_a_file_for_the_bag_and_its_clock(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    nodes, said = start(*EVERYTHING, rate="0.5")
    assert set(nodes) == {
        "player", "robot_frames", "commanded_frames", "commanded_root", "bag_markers", "touch_markers", "rviz2"
    }  # fmt: skip
    config = tmp_path / "ros" / "humanoid_recorder" / "bag.rviz"
    assert config.is_file()
    assert nodes["rviz2"].arguments == ["-d", str(config)]
    assert nodes["rviz2"].on_exit == "everything ends: rviz2 was closed"
    assert nodes["player"].on_exit is None
    assert f"rviz configuration: {config}" in said
    assert nodes["player"].settings["clock_hz"] > 0
    assert nodes["player"].settings["rate"] == 0.5
    for name in ("robot_frames", "commanded_frames", "bag_markers", "rviz2"):
        assert nodes[name].settings["use_sim_time"] is True, name


def test_no_command_is_played_under_its_own_name(start: Callable[..., Any]) -> None:
    nodes, _ = start(*EVERYTHING)
    settings = nodes["player"].settings
    assert settings["with_commands"] is True
    assert settings["remap"] == ["/joint_commands:=/inspect/joint_commands"]
    assert settings["exclude_topics"] == ["/gripper/command"]
    assert dict(nodes["commanded_frames"].remappings)["joint_states"] == "/inspect/joint_commands"
    assert nodes["commanded_frames"].settings["frame_prefix"] == "commanded/"
    assert nodes["commanded_root"].arguments == ["--frame-id", "base", "--child-frame-id", "commanded/base"]


@pytest.mark.parametrize("given", [{"commanded": "false"}, {}])
def test_without_the_commanded_robot_no_command_is_played_at_all(
    start: Callable[..., Any], given: dict[str, str]
) -> None:
    nodes, _ = start(*(EVERYTHING if given else ()), **given)
    assert "with_commands" not in nodes["player"].settings
    assert nodes["player"].settings["exclude_topics"] == ["/gripper/command", "/joint_commands"]
    assert nodes.keys().isdisjoint({"commanded_frames", "commanded_root", "tf_publisher"})


def test_nobody_publishes_the_description_but_the_player(start: Callable[..., Any]) -> None:
    nodes, _ = start(*EVERYTHING)
    for name in ("robot_frames", "commanded_frames"):
        assert nodes[name].settings["robot_description"] == URDF
        assert dict(nodes[name].remappings)["robot_description"] == f"/inspect/{name}/robot_description"


def test_without_robot_state_publisher_ours_publishes_the_frames(start: Callable[..., Any]) -> None:
    nodes, _ = start("rviz2", tf2_messages=True)
    assert nodes["tf_publisher"].settings["robot"] is True
    assert nodes["tf_publisher"].settings["commanded"] is True
    assert nodes.keys().isdisjoint({"robot_frames", "commanded_frames", "commanded_root"})


def test_without_anything_the_bag_still_plays_and_what_is_missing_is_said(start: Callable[..., Any], bag: Path) -> None:
    nodes, said = start()
    assert set(nodes) == {"player", "bag_markers", "touch_markers", "image_decoder"}
    assert nodes["player"].on_exit == "everything ends: player has ended"
    assert nodes["image_decoder"].settings["topics"] == ["/cam/compressed"]
    assert all(node.settings["stop_with_parent"] == os.getpid() for node in nodes.values())
    assert any("rviz2 is not installed" in text for text in said)
    assert any("robot_state_publisher or tf2_msgs" in text for text in said)


def test_rviz_is_not_missed_by_who_does_not_want_it_and_an_own_configuration_is_used(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    nodes, said = start(*EVERYTHING, rviz="false", touch="false")
    assert "rviz2" not in nodes
    assert "touch_markers" not in nodes
    assert not any("not installed" in text for text in said)
    nodes, _ = start(*EVERYTHING, rviz_config="/my.rviz", delay_s="0")
    assert nodes["rviz2"].arguments == ["-d", "/my.rviz"]
    assert nodes["player"].settings["delay_s"] == 0.0


@pytest.mark.parametrize(("name", "text"), [("rviz", "maybe"), ("rate", "fast"), ("touch_full_scale", "high")])
def test_an_argument_that_cannot_be_read_is_named(start: Callable[..., Any], name: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"launch argument {name}:={text} is not usable"):
        start(**{name: text})
