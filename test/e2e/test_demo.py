"""``humanoid-recorder demo`` on real DDS, and what readers that are not ours find in its bags."""

import importlib.util
import io
import json
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from PIL import Image
from rosbags.rosbag2 import Reader
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from humanoid_recorder.sim.synthetic_numbering import number_in_jpeg, number_of

if TYPE_CHECKING:
    from test.e2e.conftest import Running, StartCommand

Demo = subprocess.CompletedProcess[str]
STREAMS = 17

needs_physics = pytest.mark.skipif(importlib.util.find_spec("mujoco") is None, reason="the extra 'sim' is missing")


@pytest.fixture
def report(demo: Demo) -> dict[str, Any]:
    assert demo.returncode in (0, 1), demo.stderr
    return dict(json.loads(demo.stdout))


@pytest.fixture
def bag(report: dict[str, Any]) -> Path:
    return Path(report["episodes"][0]["path"])


def descendants(pid: int) -> set[int]:
    """All processes that a process has started, directly or not."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        try:
            text = Path(f"/proc/{(parent := waiting.pop())}/task/{parent}/children").read_text()
        except OSError:
            continue
        children = {int(child) for child in text.split()}
        waiting += children - found
        found |= children
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_demo_is_whole_and_every_stream_is_there(demo: Demo, report: dict[str, Any]) -> None:
    assert report["problems"] == []
    assert report["whole"]
    assert demo.returncode == 0
    (episode,) = report["episodes"]
    assert (episode["end"], episode["outcome"]) == ("stopped", "unlabelled")
    streams = {stream["stream"]: stream for stream in episode["streams"]}
    numbered = [stream for stream in streams.values() if stream["first_number"] is not None]
    assert len(numbered) == STREAMS - 1
    for stream in numbered:
        assert stream["last_number"] - stream["first_number"] + 1 == stream["messages"]
        assert (stream["missing"], stream["lost"], stream["dropped"]) == (0, 0, 0)
    assert streams["joints"]["messages"] > 700
    assert episode["messages"] < report["sent"]


def test_the_first_picture_of_each_camera_is_a_numbered_jpeg(report: dict[str, Any]) -> None:
    (episode,) = report["episodes"]
    first_numbers = {stream["stream"]: stream["first_number"] for stream in episode["streams"]}
    pictures = [Path(picture) for picture in episode["pictures"]]
    assert len(pictures) == 6
    for file in [picture for picture in pictures if picture.stem.endswith("_first")]:
        jpeg = file.read_bytes()
        stream = next(name for name in ("head", "left_wrist", "right_wrist") if f"_{name}_" in file.stem)
        assert number_in_jpeg(jpeg) == first_numbers[stream]
        with Image.open(io.BytesIO(jpeg)) as picture:
            picture.load()
            assert picture.size == (640, 480)


def test_rosbags_deserialises_every_message_strictly_with_the_definitions_in_the_bag(bag: Path) -> None:
    counts: Counter[str] = Counter()
    with Reader(bag) as reader:
        types = get_typestore(Stores.EMPTY)
        for connection in reader.connections:
            types.register(get_types_from_msg(connection.msgdef.data, connection.msgtype))
        for connection, _, data in reader.messages():
            message: Any = types.deserialize_cdr(data, connection.msgtype)
            counts[connection.topic] += 1
            if hasattr(message, "header"):
                assert number_of(message.header.frame_id) is not None, connection.topic
        assert counts == +Counter({topic: info.msgcount for topic, info in reader.topics.items()})
        assert counts.total() == reader.message_count > 5000


def test_mcap_and_its_ros2_decoder_read_every_message(bag: Path) -> None:
    (file,) = bag.glob("*.mcap")
    decoded: Counter[str] = Counter()
    numbers: dict[str, list[int]] = {}
    with file.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True, decoder_factories=[DecoderFactory()])
        for _, channel, _, message in reader.iter_decoded_messages():
            decoded[channel.topic] += 1
            if hasattr(message, "header"):
                number = number_of(message.header.frame_id)
                assert number is not None
                numbers.setdefault(channel.topic, []).append(number)
        summary = reader.get_summary()
    assert summary is not None
    assert summary.statistics is not None
    assert decoded.total() == summary.statistics.message_count
    assert len(numbers) == STREAMS - 1
    for topic, found in numbers.items():
        assert sorted(found) == list(range(min(found), max(found) + 1)), topic


def test_the_terminal_gets_a_verdict_and_commands_that_work(command: "StartCommand", tmp_path: Path) -> None:
    running = command("demo", "--robot", "synthetic", "--seconds", "1", "--episodes", "2", "--out", "out")
    assert running.wait() == 0, running.stdout + running.stderr
    assert "Whole: 2 episodes with" in running.stdout
    line = next(line for line in running.stdout.splitlines() if " info " in line)
    bag = line.split(" info ")[1]
    again = command("info", bag, "--verify")
    assert again.wait() == 0, again.stderr
    assert "✓ whole" in again.stdout


@needs_physics
def test_the_attempts_of_the_simulated_operator_are_labelled_episodes(command: "StartCommand", tmp_path: Path) -> None:
    running = command("demo", "--robot", "simulated", "--episodes", "1", "--json", "--out", "out")
    assert running.wait(timeout_s=100) in (0, 1), running.stderr
    report = json.loads(running.stdout)
    assert (report["robot"], report["task"], report["sent"]) == ("simulated", "lift_box", None)
    (episode,) = report["episodes"]
    assert (episode["end"], episode["outcome"]) == ("stopped", "success")
    messages = {stream["stream"]: stream["messages"] for stream in episode["streams"]}
    assert messages["joints"] > 4000
    assert messages["commands"] > 800
    assert all(count for stream, count in messages.items() if stream != "success")
    record = json.loads((tmp_path / episode["path"] / "episode.json").read_text())
    assert (record["labels"]["task"], record["labels"]["operator"]) == ("lift_box", "scripted")
    assert any(picture.endswith("_head_last.jpg") for picture in episode["pictures"])


@pytest.mark.parametrize(
    ("robot", "number"),
    [("synthetic", signal.SIGINT), pytest.param("simulated", signal.SIGTERM, marks=needs_physics)],
)
def test_a_signal_ends_it_and_all_its_children_within_four_seconds(
    command: "StartCommand", tmp_path: Path, robot: str, number: signal.Signals
) -> None:
    running = command("demo", "--robot", robot, "--seconds", "60", "--out", "out")
    wait_until_recording(running, tmp_path)
    children = descendants(running.process.pid)
    assert len(children) >= 3
    running.signal(number)
    assert running.wait(timeout_s=4.0) == 1
    assert [pid for pid in children if is_alive(pid)] == []
    assert "Stopped." in running.stderr
    assert "Traceback" not in running.stderr
    assert list(tmp_path.glob("out/*/*.unfinished")) == []
    (sealed,) = tmp_path.glob("out/*/*/metadata.yaml")
    assert json.loads((sealed.parent / "episode.json").read_text())["stop"]["end"] == "cancelled"


def test_a_folder_that_cannot_be_made_is_refused_in_plain_words(command: "StartCommand", tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    running = command("demo", "--out", "file/out")
    assert running.wait() == 1
    assert "file/out cannot be created" in running.stderr
    assert "Traceback" not in running.stderr


def wait_until_recording(running: "Running", folder: Path) -> None:
    deadline_s = time.monotonic() + 30.0
    while not any(file.stat().st_size > 1_000_000 for file in folder.glob("out/*/*.unfinished/*.mcap")):
        assert running.process.poll() is None, running.stderr
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
