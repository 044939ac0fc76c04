"""``humanoid-recorder clocks`` without a bag: it records the movement itself, on real DDS."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from humanoid_recorder.cli.clocks_models import ClocksReport
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.e2e.conftest import StartCommand, StartRobot

PROFILE = """
robot: {name: small}
streams:
  joints: {topic: /joint_states, type: sensor_msgs/msg/JointState, kind: joint, rate_hz: 200}
"""


def test_a_movement_is_recorded_and_only_the_report_goes_to_standard_output(
    robot: "StartRobot", command: "StartCommand", tmp_path: Path
) -> None:
    (tmp_path / "small.yaml").write_text(PROFILE)
    robot()
    running = command("clocks", "--profile", "small.yaml", "--seconds", "1.5", "--out", "out", "--json")
    assert running.wait() == 1  # joints alone: there is nothing to compare with them
    report = ClocksReport.model_validate(json.loads(running.stdout))
    assert report.problem == "The bag has joint states, and nothing that sees them move."
    assert report.seconds > 1
    file = EpisodeFile.read(Path(report.path))
    assert file.labels.task == "clocks"
    assert file.clocks["joints"].stamped > 200
    assert "wave both arms for 1.5 s" in running.stderr


def test_a_robot_that_is_not_there_is_named(command: "StartCommand", tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(PROFILE)
    running = command("clocks", "--profile", "small.yaml", "--seconds", "1")
    assert running.wait() == 1
    assert "joints: nobody publishes /joint_states" in running.stderr
    assert "Start the drivers" in running.stderr
    assert "--wait" not in running.stderr.split("error:")[1]
