"""A recorder that is killed, and what a user does next; a recorder that is started again and does it by itself."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.e2e.conftest import Running, StartCommand, StartRobot

WAIT_S = 30.0
RECORD = ("record", "--topics", "/joint_states", "/imu/data", "--out", "out")
SYNCED_BYTES = 200_000


def children(process: "subprocess.Popen[str]") -> list[int]:
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(child) for child in text.split()]


def wait_for_file(folder: Path) -> Path:
    """Wait until some chunks of an episode are on the disk."""
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        for file in folder.glob("out/*/*.unfinished/*.mcap"):
            if file.stat().st_size > SYNCED_BYTES:
                return file
        time.sleep(0.05)
    pytest.fail("nothing was recorded")


def kill_while_recording(running: "Running", folder: Path) -> Path:
    """Kill the recorder, which is the command's child, in the middle of an episode; returns what it left."""
    file = wait_for_file(folder)
    (recorder,) = children(running.process)
    os.kill(recorder, signal.SIGKILL)
    assert running.wait() == 1
    assert file.exists()
    return file


def report_of(running: "Running") -> Any:
    assert running.wait() == 0, running.stderr
    return json.loads(running.stdout)


def test_an_episode_of_a_killed_recorder_is_recovered_and_whole(
    command: "StartCommand", robot: "StartRobot", tmp_path: Path
) -> None:
    robot()
    file = kill_while_recording(command(*RECORD, "--seconds", "60"), tmp_path)
    assert command("info", str(file.parent)).wait() == 1
    looked = report_of(command("recover", "out", "--dry-run", "--json"))
    (found,) = report_of(command("recover", "out", "--json"))["bags"]
    assert (found["result"], found["damaged_chunks"]) == ("recovered", 0)
    assert looked["bags"][0]["messages"] == found["messages"] > 300
    assert not file.exists()
    info = report_of(command("info", found["directory"], "--verify", "--json"))
    assert (info["whole"], info["messages"]) == (True, found["messages"])
    assert info["episode"]["end"] == "fault"
    assert info["episode"]["detail"].startswith("recovered: ")
    sequences = [message.sequence for message in BagReader(tmp_path / found["directory"]).messages(["/joint_states"])]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))


def test_the_terminal_names_what_was_recovered(command: "StartCommand", robot: "StartRobot", tmp_path: Path) -> None:
    robot()
    file = kill_while_recording(command(*RECORD, "--seconds", "60"), tmp_path)
    os.truncate(file, file.stat().st_size - 1000)
    running = command("recover", str(file.parent))
    assert running.wait() == 0, running.stderr
    assert "recovered" in running.stdout
    assert "opened again, read through and counted" in running.stdout
    assert "Traceback" not in running.stderr
    again = command("recover", "out")
    assert again.wait() == 0
    assert again.stdout == "There is nothing to recover.\n"


def test_the_next_recorder_repairs_it(command: "StartCommand", robot: "StartRobot", tmp_path: Path) -> None:
    robot()
    file = kill_while_recording(command(*RECORD, "--seconds", "60"), tmp_path)
    for _ in range(20):  # a repair waits while an episode is recorded, and is given up when the recorder ends
        running = command(*RECORD, "--seconds", "1")
        assert running.wait() == 0, running.stderr
        if not file.exists():
            break
    repaired = file.parent.with_name(file.parent.name.removesuffix(".unfinished"))
    stop = EpisodeFile.read(repaired).stop
    assert stop is not None
    assert BagReader(repaired).summary().message_count == stop.messages > 300
    assert list(tmp_path.glob("out/*/*.unfinished")) == []
