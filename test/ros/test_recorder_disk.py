"""The disk as a client of the recorder node sees it; how it is watched is in test/unit/recording."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from std_msgs.msg import String

from humanoid_recorder.core.labels import End, Outcome
from humanoid_recorder.recording.state import Phase
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from rclpy.publisher import Publisher

    from test.ros.conftest import MakeNode, Operator, Poll, StartNode, StartRecorder

MODULE = "humanoid_recorder.nodes.recorder"


@pytest.fixture
def chatter(make_node: "MakeNode") -> "Publisher[String]":
    """Messages at 50 Hz for as long as the test spins."""
    node = make_node("robot")
    publisher = node.create_publisher(String, "/chatter", 100)
    node.create_timer(0.02, lambda: publisher.publish(String(data="hello")))
    return publisher


@pytest.mark.usefixtures("chatter")
def test_a_disk_below_the_reserve_keeps_the_recorder_waiting_and_says_what_to_do(
    start_recorder: "StartRecorder", operator: "Operator", make_node: "MakeNode", poll: "Poll"
) -> None:
    statuses: list[DiagnosticStatus] = []
    listener = make_node("listener")
    listener.create_subscription(DiagnosticArray, "/diagnostics", lambda m: statuses.extend(m.status[:1]), 10)
    recorder = start_recorder(topics='["/chatter"]', disk_reserve_gb=10**7)
    poll(lambda: operator.states and operator.state.disk and operator.state.disk.minutes_left is not None)
    state = operator.wait_for(Phase.WAITING)
    assert state.silent == ()
    assert state.disk is not None
    assert (state.disk.reserve_bytes, state.disk.minutes_left, state.disk.is_little) == (10**16, 0.0, True)
    success, answer = operator.try_command("start")
    assert not success
    assert "10000000.0 GB are kept as a reserve" in answer["error"]
    assert "free space on the disk of" in answer["remedy"]
    assert (answer["error"], answer["remedy"]) == (state.disk.problem, state.disk.remedy)
    poll(lambda: statuses and statuses[-1].level == DiagnosticStatus.ERROR)
    assert state.disk.problem in statuses[-1].message
    recorder.wait_for("are kept as a reserve")


@pytest.mark.usefixtures("chatter")
def test_a_session_folder_that_goes_away_ends_the_episode_and_comes_back(
    start_recorder: "StartRecorder", operator: "Operator", poll: "Poll"
) -> None:
    start_recorder(topics='["/chatter"]')
    folder = Path(operator.wait_for(Phase.ARMED).session)
    operator.command("start")
    operator.wait_for(Phase.RECORDING)
    away = folder.rename(folder.with_name("away"))
    state = operator.wait_for(Phase.WAITING)
    assert state.disk is not None
    assert state.disk.problem == f"The session's folder {folder} has gone."
    assert state.fault
    (sealed,) = state.recent
    assert (sealed.end, sealed.is_whole) == (End.FAULT, False)
    success, answer = operator.try_command("start")
    assert not success
    assert answer["error"] == state.disk.problem
    away.rename(folder)
    operator.wait_for(Phase.ARMED)
    operator.command("start")
    operator.command("succeed")
    poll(lambda: operator.state.kept == 2)
    assert operator.state.recent[-1].is_whole
    assert operator.state.fault == ""


@pytest.mark.usefixtures("chatter")
def test_a_late_label_is_in_the_state_at_once_and_on_the_disk_when_the_recorder_has_ended(
    start_recorder: "StartRecorder", operator: "Operator", poll: "Poll"
) -> None:
    recorder = start_recorder(topics='["/chatter"]')
    operator.wait_for(Phase.ARMED)
    operator.command("start")
    operator.command("stop")
    path = Path(operator.wait_for_sealed(1).recent[0].path)
    operator.command("succeed")
    recorder.process.terminate()
    poll(lambda: operator.state.recent[-1].outcome is Outcome.SUCCESS)
    assert recorder.wait() == 0
    assert EpisodeFile.read(path).outcome is Outcome.SUCCESS
    assert json.loads((path / "episode.json").read_text())["outcome"] == "success"


@pytest.mark.usefixtures("chatter")
def test_a_relative_output_folder_is_shown_as_it_is_for_everybody(
    start_node: "StartNode", operator: "Operator", tmp_path: Path
) -> None:
    relative = os.path.relpath(tmp_path / "out")
    start_node(MODULE, "-p", f"out:={relative}", "-p", 'topics:=["/chatter"]')
    state = operator.wait_for(Phase.ARMED)
    assert Path(state.session).is_absolute()
    assert Path(state.session).parent.resolve() == tmp_path / "out"
    operator.command("start")
    operator.command("stop")
    assert Path(operator.wait_for_sealed(1).recent[0].path).is_dir()
