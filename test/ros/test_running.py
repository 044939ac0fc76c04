"""Running a node as a process."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from test.ros.conftest import StartNode

PROGRAM = """
import sys
from rclpy.node import Node
from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.ros.running import RunnableNode, StopRequest, declare_stop_with_parent, run_node
from std_msgs.msg import String

class Sample(RunnableNode):
    def __init__(self, stop: StopRequest) -> None:
        super().__init__("sample")
        declare_stop_with_parent(self)
        self.declare_parameter("mood", "good")
        mood = self.get_parameter("mood").value
        if mood == "refuses":
            raise SpecError("The mood is wrong.", remedy="Choose another.")
        self._publisher = self.create_publisher(String, "~/news", 1)
        self.create_timer(0.05, self._tick)
        self._mood, self._ticks = mood, 0

    def _tick(self) -> None:
        self._ticks += 1
        print("tick", self._ticks, flush=True)
        if self._mood == "fails" and self._ticks < 4:
            raise KeyError("a mistake")

    def close(self, reason: str) -> None:
        self._publisher.publish(String(data=reason))
        print("closing:", reason, flush=True)

if __name__ == "__main__":
    sys.exit(run_node(Sample))
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "sample_node.py").write_text(PROGRAM)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(path for path in sys.path if path)}")
    return "sample_node"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_node_closes_itself_while_it_can_still_publish(
    start_node: "StartNode", module: str, number: signal.Signals
) -> None:
    node = start_node(module)
    node.wait_for("tick 2")
    node.signal(number)
    assert node.wait() == 0, node.output
    assert f"closing: {number.name}" in node.output
    assert "Traceback" not in node.output


def test_a_callback_that_fails_is_reported_once_and_the_node_goes_on(start_node: "StartNode", module: str) -> None:
    node = start_node(module, "-p", "mood:=fails")
    node.wait_for("tick 6")
    node.signal(signal.SIGINT)
    assert node.wait() == 0, node.output
    assert node.output.count("a mistake in the program") == 1


def test_a_node_that_cannot_be_built_says_why_and_gives_the_error_s_exit_code(
    start_node: "StartNode", module: str
) -> None:
    node = start_node(module, "-p", "mood:=refuses")
    assert node.wait() == 2
    assert "error: The mood is wrong. Choose another." in node.output
    assert "Traceback" not in node.output


def test_a_node_ends_when_the_process_that_started_it_has_gone(
    start_node: "StartNode", module: str, tmp_path: Path
) -> None:
    (tmp_path / "parent_of_sample.py").write_text(
        "import signal, subprocess, sys\n"
        "arguments = ['--ros-args', '-p', 'stop_with_parent:=true']\n"
        "subprocess.Popen([sys.executable, '-m', 'sample_node', *arguments])\n"
        "signal.pause()\n"
    )
    parent = start_node("parent_of_sample")
    parent.wait_for("tick 2")
    parent.signal(signal.SIGKILL)
    # The orphan has the parent's output; it ends before the reader of that output does.
    assert parent.wait_for("closing: the parent process has gone")
