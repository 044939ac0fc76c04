"""``humanoid-recorder record`` on a real disk that is too small. Skipped where a test may not mount one."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rosbags.rosbag2 import Reader

from humanoid_recorder.storage.episode_file import EpisodeFile
from humanoid_recorder.storage.layout import SessionFolder

if TYPE_CHECKING:
    from test.conftest import MountDisk
    from test.e2e.conftest import StartCommand, StartRobot

MB = 10**6
# 12 MB/s of raw pictures.
LOUD_ROBOT = """
robot_description_topic: null
joint_states:
  - {topic: /joint_states, rate_hz: 100, joints: [left_knee_joint]}
cameras:
  - {name: head, topic: /head, encoding: raw, rate_hz: 20, width: 256, height: 256}
  - {name: left, topic: /left, encoding: raw, rate_hz: 20, width: 256, height: 256}
  - {name: right, topic: /right, encoding: raw, rate_hz: 20, width: 256, height: 256}
"""
TOPICS = ("/joint_states", "/head", "/left", "/right")


def record(command: "StartCommand", out: Path, *options: str) -> tuple[int, list[dict[str, object]], str]:
    """Record 60 s, or until the recorder ends it; return exit code, results and what was said."""
    running = command(
        "record", "--topics", *TOPICS, "--out", str(out), "--seconds", "60", "--json", "--wait", "5", *options
    )
    code = running.wait(timeout_s=90.0)
    return code, [json.loads(line) for line in running.stdout.splitlines()], running.stderr


def test_a_full_disk_refuses_and_stops_in_time_and_goes_on_when_there_is_room(
    command: "StartCommand", robot: "StartRobot", mount_disk: "MountDisk"
) -> None:
    disk = mount_disk(400)
    robot(LOUD_ROBOT)

    disk.leave(50 * MB)
    code, results, said = record(command, disk.path)
    assert (code, results) == (1, [])
    assert "The disk is low: " in said
    assert "Nothing discarded is left: free space on the disk of" in said

    disk.leave(200 * MB)
    code, (result,), said = record(command, disk.path)
    assert code == 1
    assert result["end"] == "fault"
    assert str(result["detail"]).startswith("the disk is nearly full: ")
    assert (result["dropped"], result["discarded"]) == (0, False)
    assert re.search(r"the disk has room for \d min only", said)
    episode = Path(str(result["path"]))
    with Reader(episode) as bag:
        assert bag.message_count == result["messages"]
    assert list(disk.path.glob("*/*.unfinished")) == []

    disk.leave(50 * MB)
    code, results, said = record(command, disk.path)
    assert (code, results) == (1, [])

    session = SessionFolder(episode.parent)
    session.discard(episode.name)
    session.release()
    code, (result,), said = record(command, disk.path, "--seconds", "1")
    assert code == 0, said
    assert result["end"] == "stopped"
    assert EpisodeFile.read(Path(str(result["path"]))).stop is not None
    assert not episode.exists()
    assert not (episode.parent / ".discarded" / episode.name).exists()
