"""Launch files against the nodes they start.

ROS's `launch` does not exist as a wheel; where it is missing, what a launch file says about its node is still checked.
"""

import importlib
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

import pytest
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import DescribeParameters

from humanoid_recorder.core.cdr import encode_string_message
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.ros.message_types import message_type
from humanoid_recorder.storage.bag_writer import BagTopic, BagWriter

if TYPE_CHECKING:
    from test.ros.conftest import MakeNode, MakeServices, StartNode

LAUNCH_FILES = Path(__file__).resolve().parents[2] / "launch"
ROS_MODULES = (
    "launch", "launch.actions", "launch.launch_description_sources", "launch.substitutions",
    "launch_ros", "launch_ros.actions", "launch_ros.parameter_descriptions",
)  # fmt: skip
SAMPLES = {str: "text", float: "2", str.split: "/one /two"}
TYPES = {
    str: ParameterType.PARAMETER_STRING,
    bool: ParameterType.PARAMETER_BOOL,
    float: ParameterType.PARAMETER_DOUBLE,
    list: ParameterType.PARAMETER_STRING_ARRAY,
}


def node_arguments(launch_file: str) -> dict[str, object]:
    """The arguments of a launch file that become parameters, each with a value as it would be passed on."""
    with mock.patch.dict(sys.modules, {name: mock.MagicMock() for name in ROS_MODULES}):
        parameters = runpy.run_path(str(LAUNCH_FILES / launch_file))["PARAMETERS"]
    return {name: read(SAMPLES.get(read, "true")) for name, (read, _) in parameters.items()}


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    """A bag with one message."""
    writer = BagWriter(tmp_path / "bag", ros_distro="kilted")
    kind = message_type("std_msgs/msg/String")
    writer.add_topic(BagTopic(1, "/chatter", kind.name, kind.definition, kind.type_hash, ()))
    writer.write([Sample(1, encode_string_message("hello"), 10**18, 10**18, None, 0)])
    return writer.seal(custom_data={}).directory


@pytest.mark.parametrize(
    ("launch_file", "node_name", "settings"),
    [
        ("record.launch.py", "recorder", ["-p", "autostart:=false"]),
        ("demo.launch.py", "synthetic_robot", []),
        ("inspect.launch.py", "player", ["-p", "paused:=true", "-p", "bag:={bag}"]),
    ],
)
def test_every_argument_is_a_parameter_of_the_node_and_of_its_type(
    launch_file: str, node_name: str, settings: list[str],
    start_node: "StartNode", make_node: "MakeNode", make_services: "MakeServices", bag: Path,
) -> None:  # fmt: skip
    arguments = node_arguments(launch_file)
    services = make_services(make_node("asking"), f"/{node_name}", {"describe_parameters": DescribeParameters})
    start_node(f"humanoid_recorder.nodes.{node_name}", *[setting.format(bag=bag) for setting in settings])
    response = services.call("describe_parameters", DescribeParameters.Request(names=list(arguments)))
    declared = {item.name: item for item in response.descriptors}
    assert set(declared) == set(arguments)
    for name, value in arguments.items():
        assert declared[name].dynamic_typing or declared[name].type == TYPES[type(value)], name


@pytest.mark.parametrize(
    ("launch_file", "others"),
    [
        ("record.launch.py", {"namespace", "profile", "out"}),
        ("demo.launch.py", {"namespace", "profile", "out"}),
        ("inspect.launch.py", {"rviz", "rviz_config", "commanded", "touch"}),
    ],
)
def test_every_argument_is_declared_with_a_description(launch_file: str, others: set[str]) -> None:
    pytest.importorskip("launch_ros", reason="ROS's launch is not installed")
    source = importlib.import_module("launch.launch_description_sources").PythonLaunchDescriptionSource(
        str(LAUNCH_FILES / launch_file)
    )
    context = importlib.import_module("launch").LaunchContext()
    declared = source.get_launch_description(context).get_launch_arguments()
    assert {argument.name for argument in declared} >= {*node_arguments(launch_file), *others}
    assert all(argument.description for argument in declared)
