"""How a recorder comes to compress its bags: by its profile, by its parameter."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from std_msgs.msg import String

from humanoid_recorder.recording.state import Phase
from humanoid_recorder.ros.qos import LATCHED
from humanoid_recorder.storage.mcap_source import McapSource

if TYPE_CHECKING:
    from test.ros.conftest import MakeNode, Operator, StartNode

MODULE = "humanoid_recorder.nodes.recorder"
DESCRIPTION = "<robot>" + "<link/>" * 1000 + "</robot>"


@pytest.mark.parametrize(
    ("in_profile", "parameter", "used"),
    [("lz4", "", "lz4"), ("lz4", "zstd", "zstd"), ("lz4", "none", ""), ("none", "", ""), (None, "zstd", "zstd")],
)
def test_the_parameter_goes_before_the_profile(
    start_node: "StartNode",
    make_node: "MakeNode",
    operator: "Operator",
    out: Path,
    tmp_path: Path,
    in_profile: str | None,
    parameter: str,
    used: str,
) -> None:
    make_node("robot").create_publisher(String, "/robot_description", LATCHED).publish(String(data=DESCRIPTION))
    choice = ["all:=true"]
    if in_profile is not None:
        profile = tmp_path / "robot.yaml"
        profile.write_text(
            "robot: {name: g1}\n"
            "streams:\n"
            "  description: {topic: /robot_description, type: std_msgs/msg/String, kind: description}\n"
            f"recording: {{compression: {in_profile}}}\n"
        )
        choice = [f"profile:={profile}"]
    if parameter:
        choice.append(f"compression:={parameter}")
    start_node(MODULE, *[word for each in (f"out:={out}", *choice) for word in ("-p", each)])
    operator.wait_for(Phase.ARMED)
    operator.command("start")
    operator.poll(lambda: operator.state.episode is not None and operator.state.episode.messages > 0)
    operator.command("stop")
    sealed = operator.wait_for_sealed(1).recent[-1]
    (path,) = Path(sealed.path).glob("*.mcap")
    assert {chunk.compression for chunk in McapSource(path).chunk_indexes} == {used}


def test_a_compression_that_there_is_not_ends_with_a_message(start_node: "StartNode", out: Path) -> None:
    recorder = start_node(MODULE, "-p", f"out:={out}", "-p", "all:=true", "-p", "compression:=zip")
    assert recorder.wait() == 2, recorder.output
    assert "There is no compression 'zip'. It is one of none, lz4, zstd." in recorder.output
