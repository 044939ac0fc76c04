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
import time
from pathlib import Path
import rclpy
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
        if self._mood == "is shut down":
            rclpy.shutdown()
        print("tick", self._ticks, flush=True)
        if self._mood == "fails" and self._ticks < 4:
            raise KeyError("a mistake")

    def close(self, reason: str) -> None:
        if self.context.ok():
            self._publisher.publish(String(data=reason))
        print("closing:", reason, flush=True)

    def linger(self) -> None:
        if self._mood == "lingers":
            print("lingering", self.context.ok(), flush=True)
            while not Path(__file__).with_name("may_end").exists():
                time.sleep(0.01)
            print("done", flush=True)

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
        "import os, signal, subprocess, sys\n"
        "arguments = ['--ros-args', '-p', f'stop_with_parent:={os.getpid()}']\n"
        "subprocess.Popen([sys.executable, '-m', 'sample_node', *arguments])\n"
        "signal.pause()\n"
    )
    parent = start_node("parent_of_sample")
    parent.wait_for("tick 2")
    parent.signal(signal.SIGKILL)
    # The orphan has the parent's output; it ends before the reader of that output does.
    assert parent.wait_for("closing: the parent process has gone")


def test_a_node_ends_when_the_process_that_started_it_had_gone_before_the_node_was_up(
    start_node: "StartNode", module: str, tmp_path: Path
) -> None:
    (tmp_path / "hasty_parent.py").write_text(
        "import os, subprocess, sys\n"
        "arguments = ['--ros-args', '-p', f'stop_with_parent:={os.getpid()}']\n"
        "subprocess.Popen([sys.executable, '-m', 'sample_node', *arguments])\n"
    )
    parent = start_node("hasty_parent")
    parent.process.wait()
    assert parent.wait_for("closing: the parent process has gone")


def test_a_node_whose_context_is_shut_down_under_it_closes_and_says_so(start_node: "StartNode", module: str) -> None:
    node = start_node(module, "-p", "mood:=is shut down")
    assert node.wait() == 1, node.output
    assert "rclpy was shut down under the node: nothing can be received or published any more" in node.output
    assert "closing: rclpy was shut down under the node" in node.output
    assert "Traceback" not in node.output


def test_a_node_that_is_not_done_in_time_goes_on_when_rclpy_has_gone_whatever_gentle_signals_come(
    start_node: "StartNode", module: str, tmp_path: Path
) -> None:
    node = start_node(module, "-p", "mood:=lingers")
    node.wait_for("tick 1")
    node.signal(signal.SIGINT)
    node.wait_for("lingering False")
    node.signal(signal.SIGTERM)
    node.signal(signal.SIGINT)
    (tmp_path / "may_end").touch()
    assert node.wait() == 0, node.output
    assert "done" in node.output
    assert "Traceback" not in node.output
