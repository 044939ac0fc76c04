"""``humanoid-recorder record`` as scripts use it, against a robot on real DDS."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.e2e.conftest import Running, StartCommand, StartRobot

PROFILE = """
robot: {name: small}
streams:
  joints: {topic: /joint_states, type: sensor_msgs/msg/JointState, kind: joint, rate_hz: 200}
  imu: {topic: /imu/data, type: sensor_msgs/msg/Imu, kind: imu, rate_hz: 100}
"""
# Its publisher keeps so little that a recorder which stands still for a second loses messages.
FORGETFUL_ROBOT = """
robot_description_topic: null
joint_states:
  - {topic: /joint_states, rate_hz: 2000, depth: 1, joints: [left_knee_joint]}
"""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
FROM_TOPICS = ("record", "--topics", "/joint_states", "/imu/data", "--out", "out")


def sealed(folder: Path) -> list[Path]:
    return sorted(path.parent for path in folder.glob("out/*/*/metadata.yaml"))


def unfinished(folder: Path) -> list[Path]:
    return sorted(folder.glob("out/*/*.unfinished"))


def children(process: "subprocess.Popen[str]") -> list[int]:
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(child) for child in text.split()]


def assert_sealed(episode: Path, *, end: str, detail: str = "", is_cut_short: bool = False) -> None:
    stop = EpisodeFile.read(episode).stop
    assert stop is not None
    assert (stop.end.value, stop.detail) == (end, detail)
    assert stop.messages > 0 or is_cut_short  # some milliseconds may pass without a message


def assert_one_sealed_episode(running: "Running", folder: Path, *, is_cut_short: bool = False) -> None:
    assert [Path(line) for line in running.stdout.splitlines()] == sealed(folder)
    assert_sealed(sealed(folder)[0], end="stopped", is_cut_short=is_cut_short)
    assert unfinished(folder) == []


def test_episodes_of_a_given_length_are_printed_as_json_lines(
    command: "StartCommand", robot: "StartRobot", tmp_path: Path
) -> None:
    robot()
    task = 'fold: "a" towel # véry \\neat \x7f 🤖'
    running = command(*FROM_TOPICS, "--seconds", "1", "--episodes", "2", "--json", "--task", task, "--operator", "true")
    assert running.wait() == 0, running.stderr
    results = [json.loads(line) for line in running.stdout.splitlines()]
    assert [Path(result["path"]) for result in results] == sealed(tmp_path)
    assert len(results) == 2
    for result in results:
        assert result.keys() >= {"path", "end", "outcome", "messages", "lost", "dropped"}
        assert (result["end"], result["outcome"], result["dropped"]) == ("stopped", "unlabelled", 0)
        assert result["duration_s"] >= 1.0
        counts = Counter(message.topic for message in BagReader(Path(result["path"])).messages())
        assert sum(counts.values()) == result["messages"]
        assert counts["/joint_states"] > counts["/imu/data"] > 0
        labels = EpisodeFile.read(Path(result["path"])).labels
        assert (labels.task, labels.operator) == (task, "true")
    assert "Recording 1 of 2: 2 streams" in running.stderr


def test_a_profile_names_the_streams_and_the_session(
    command: "StartCommand", robot: "StartRobot", tmp_path: Path
) -> None:
    robot()
    (tmp_path / "small.yaml").write_text(PROFILE)
    running = command("record", "--profile", "small.yaml", "--out", "out", "--seconds", "0.5")
    assert running.wait() == 0, running.stderr
    assert_one_sealed_episode(running, tmp_path)
    assert sealed(tmp_path)[0].parent.name.endswith("_small")
    assert EpisodeFile.read(sealed(tmp_path)[0]).ledger.keys() >= {"joints", "imu"}


def test_without_a_length_ctrl_c_is_the_stop_and_more_of_it_does_no_harm(
    command: "StartCommand", robot: "StartRobot", tmp_path: Path
) -> None:
    robot()
    running = command("record", "--all", "--out", "out")
    running.wait_for("Recording: ")
    running.signal(signal.SIGINT)
    running.signal(signal.SIGINT)
    running.signal(signal.SIGTERM)
    assert running.wait() == 0, running.stderr
    assert_one_sealed_episode(running, tmp_path, is_cut_short=True)


def test_a_signal_that_cuts_an_episode_short_leaves_it_sealed_as_cancelled(
    command: "StartCommand", robot: "StartRobot", tmp_path: Path
) -> None:
    robot()
    running = {
        number: command(*FROM_TOPICS, "--seconds", "60", "--episodes", "2", "--name", f"recorder_{number.name}")
        for number in STOP_SIGNALS
    }
    for number, one in running.items():
        one.wait_for("Recording 1 of 2: ")
        one.signal(number)
    for number, one in running.items():
        assert one.wait() == 0, one.stderr
        (path,) = one.stdout.splitlines()
        assert_sealed(Path(path), end="cancelled", detail=number.name, is_cut_short=True)
    assert len(sealed(tmp_path)) == 3
    assert unfinished(tmp_path) == []


def test_a_signal_while_waiting_leaves_no_bag_and_no_process(command: "StartCommand", tmp_path: Path) -> None:
    running = {
        number: command(*FROM_TOPICS, "--wait", "60", "--name", f"recorder_{number.name}") for number in STOP_SIGNALS
    }
    for number, one in running.items():
        one.wait_for("Waiting for /imu/data, /joint_states ")
        recorder = children(one.process)
        one.signal(number)
        assert one.wait() == 1
        assert one.stdout == ""
        assert "Nothing was recorded." in one.stderr
        assert "Traceback" not in one.stderr
        assert [pid for pid in recorder if Path(f"/proc/{pid}").exists()] == []
    assert sealed(tmp_path) + unfinished(tmp_path) == []


def test_a_recorder_that_is_killed_ends_the_command_and_leaves_what_was_written(
    command: "StartCommand", robot: "StartRobot", tmp_path: Path
) -> None:
    robot()
    running = command(*FROM_TOPICS)
    running.wait_for("Recording: ")
    (recorder,) = children(running.process)
    os.kill(recorder, signal.SIGKILL)
    assert running.wait() == 1
    assert "was killed by SIGKILL" in running.stderr
    assert [f"{path} is left as it is." in running.stderr for path in unfinished(tmp_path)] == [True]


def test_loss_is_an_error_only_when_it_is_asked_for(command: "StartCommand", robot: "StartRobot") -> None:
    robot(FORGETFUL_ROBOT)
    options = ("record", "--topics", "/joint_states", "--json")
    lenient, strict = command(*options), command(*options, "--strict", "--name", "strict")
    recorders = []
    for running in (lenient, strict):
        running.wait_for("Recording: ")
        recorders += children(running.process)
    for recorder in recorders:
        os.kill(recorder, signal.SIGSTOP)
    time.sleep(1.0)  # for 2000 messages to pass by; shared memory holds some hundred of them
    for recorder in recorders:
        os.kill(recorder, signal.SIGCONT)
    time.sleep(0.5)  # for some more to arrive: what is missing at the very end cannot be counted
    lenient.signal(signal.SIGINT)
    strict.signal(signal.SIGINT)
    assert (lenient.wait(), strict.wait()) == (0, 1)
    assert json.loads(lenient.stdout)["lost"] > 0
    lost = json.loads(strict.stdout)["lost"]
    assert f"/joint_states: {lost} lost before they reached us" in strict.stderr
    assert "lost before" not in lenient.stderr


def test_each_silent_stream_is_named_with_its_reason(
    command: "StartCommand", robot: "StartRobot", tmp_path: Path
) -> None:
    robot()
    (tmp_path / "wrong.yaml").write_text(PROFILE.replace("sensor_msgs/msg/JointState", "sensor_msgs/msg/BatteryState"))
    running = command("record", "--profile", "wrong.yaml", "--topics", "/nope", "/hand", "--out", "out", "--wait", "5")
    assert running.wait() == 1
    for reason in (
        "3 of 4 required streams are silent after 5 s",
        "joints: /joint_states is published as sensor_msgs/msg/JointState, and the profile says "
        "sensor_msgs/msg/BatteryState. Correct streams.joints.type in the profile",
        "/nope: nobody publishes /nope",
        "/hand: /hand is published, but nothing arrives.",
    ):
        assert reason in running.stderr
    assert sealed(tmp_path) + unfinished(tmp_path) == []


def test_a_twin_is_refused_and_gets_none_of_the_commands(
    command: "StartCommand", robot: "StartRobot", tmp_path: Path
) -> None:
    robot()
    first = command(*FROM_TOPICS)
    first.wait_for("Recording: ")
    second = command(*FROM_TOPICS)
    assert second.wait() == 1
    assert "Another recorder named /recorder is running" in second.stderr
    assert first.process.poll() is None
    third = command(*FROM_TOPICS, "--seconds", "0.5", "--namespace", "/robot2")
    assert third.wait() == 0, third.stderr
    first.signal(signal.SIGINT)
    assert first.wait() == 0
    assert_sealed(Path(first.stdout.strip()), end="stopped")
    assert unfinished(tmp_path) == []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Nothing was chosen to record."),
        (["--profile", "nowhere.yaml"], "nowhere.yaml: cannot be read: No such file or directory"),
        (["--profile", "unknown_key.yaml"], "streams.joints.rate: unknown key; did you mean 'rate_hz'?"),
        (["--profile", "unknown_type.yaml"], "'sensor_msgs/joints' is not a message type"),
        (["--topics", "joint states"], "'joint states' is not a topic name."),
        (["--all", "--seconds", "soon"], "--seconds"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_started(
    arguments: list[str], complaint: str, command: "StartCommand", tmp_path: Path
) -> None:
    (tmp_path / "unknown_key.yaml").write_text(PROFILE.replace("rate_hz: 200", "rate: 200"))
    (tmp_path / "unknown_type.yaml").write_text(PROFILE.replace("msg/JointState", "joints"))
    running = command("record", *arguments)
    assert running.wait() == 2
    assert complaint in running.stderr
    assert "[recorder]" not in running.stderr
    assert not (tmp_path / "recordings").exists()


@pytest.mark.parametrize(
    ("out", "complaint"),
    [
        ("missing/out", "missing does not exist"),
        ("a_file", "a_file is a file, not a folder"),
        ("/proc/recordings", "Cannot use /proc/recordings"),
    ],
)
def test_an_output_folder_that_cannot_be_used_is_named(
    out: str, complaint: str, command: "StartCommand", tmp_path: Path
) -> None:
    (tmp_path / "a_file").touch()
    running = command("record", "--all", "--out", out)
    assert running.wait() == 1
    assert complaint in running.stderr


def test_a_module_in_the_current_folder_does_not_stand_in_for_one_of_the_recorders(
    command: "StartCommand", robot: "StartRobot", tmp_path: Path
) -> None:
    robot()
    (tmp_path / "yaml.py").write_text("raise SystemExit('the wrong module')\n")
    running = command(*FROM_TOPICS, "--seconds", "0.2")
    assert running.wait() == 0, running.stderr
