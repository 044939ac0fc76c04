"""``humanoid-recorder info`` as a user calls it, on bags of ours and of others, and on what is none."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

if TYPE_CHECKING:
    from test.e2e.conftest import StartCommand

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bag(demo: "subprocess.CompletedProcess[str]") -> Path:
    return Path(json.loads(demo.stdout)["episodes"][0]["path"])


def test_a_demo_bag_is_whole_and_its_json_agrees_with_the_demo(
    command: "StartCommand", bag: Path, demo: "subprocess.CompletedProcess[str]"
) -> None:
    running = command("info", str(bag), "--verify", "--json")
    assert running.wait() == 0, running.stderr
    report: dict[str, Any] = json.loads(running.stdout)
    (episode,) = json.loads(demo.stdout)["episodes"]
    assert (report["whole"], report["messages"]) == (True, episode["messages"])
    assert report["counts"]["agree"]
    assert report["episode"]["end"] == "stopped"
    counts = {topic["stream"]: topic["messages"] for topic in report["topics"] if topic["stream"]}
    expected = {stream["stream"]: stream["messages"] for stream in episode["streams"]}
    assert expected.items() <= counts.items()
    assert all(topic["has_definition"] for topic in report["topics"])


@pytest.mark.parametrize("columns", ["80", "140"])
def test_the_terminal_shows_every_topic_and_the_verdict(
    command: "StartCommand", bag: Path, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    running = command("info", str(bag))
    assert running.wait() == 0, running.stderr
    for part in ("/joint_states", "/left_wrist_camera/color/image_raw/compressed", "task demo", "✓ whole"):
        assert part in " ".join(running.stdout.split())


def test_it_needs_no_ros(bag: Path) -> None:
    blocked = "import sys; sys.modules.update({'rclpy': None, 'std_msgs': None, 'sensor_msgs': None})"
    code = f"{blocked}; from humanoid_recorder.cli.main import run; sys.exit(run(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, "info", str(bag)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "✓ whole" in done.stdout


@pytest.mark.parametrize("version", [8, 9])
def test_a_bag_of_another_writer_is_described(command: "StartCommand", tmp_path: Path, version: Any) -> None:
    types = get_typestore(Stores.ROS2_JAZZY)
    text = types.types["std_msgs/msg/String"]
    with Writer(tmp_path / "theirs", version=version, storage_plugin=StoragePlugin.MCAP) as writer:
        connection = writer.add_connection("/words", "std_msgs/msg/String", typestore=types)
        for at in range(5):
            data = types.serialize_cdr(text(data=f"word {at}"), "std_msgs/msg/String")
            writer.write(connection, 1_795_160_424_000_000_000 + at * 10**9, data)
    running = command("info", "theirs")
    assert running.wait() == 0, running.stdout + running.stderr
    assert "/words" in running.stdout
    assert "has no ledger" in running.stdout


def test_a_truncated_file_is_not_whole(command: "StartCommand", bag: Path, tmp_path: Path) -> None:
    (file,) = bag.glob("*.mcap")
    (tmp_path / "cut.mcap").write_bytes(file.read_bytes()[:-1000])
    running = command("info", "cut.mcap")
    assert running.wait() == 1
    assert "truncated" in running.stdout
    assert "Traceback" not in running.stderr


def test_an_unfinished_recording_says_what_it_was(command: "StartCommand", bag: Path, tmp_path: Path) -> None:
    unfinished = tmp_path / f"{bag.name}.unfinished"
    shutil.copytree(bag, unfinished)
    (unfinished / "metadata.yaml").unlink()
    running = command("info", str(unfinished))
    assert running.wait() == 1
    assert "is not sealed" in " ".join(running.stdout.split())
    assert "task demo" in " ".join(running.stdout.split())


def test_what_is_no_bag_is_refused_in_plain_words(command: "StartCommand", tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no bag")
    (tmp_path / "folder").mkdir()
    for path, code, words in (
        ("notes.txt", 1, "is not an MCAP file"),
        ("folder", 1, "There is no bag in it"),
        ("nowhere", 2, "There is no nowhere"),
    ):
        running = command("info", path)
        assert running.wait() == code
        assert words in running.stdout + running.stderr
        assert "Traceback" not in running.stderr


def test_a_folder_of_bags_is_summed_up_for_people_and_scripts(
    command: "StartCommand", bag: Path, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        shutil.copytree(bag, tmp_path / "session" / name)
    running = command("info", "session")
    assert running.wait() == 0, running.stdout
    assert "2 bags, 2 whole" in running.stdout
    assert running.stderr == ""
    running = command("info", "session", "--json")
    assert running.wait() == 0
    report = json.loads(running.stdout)
    assert report["totals"]["messages"] == sum(each["messages"] for each in report["bags"]) > 0
