"""``clocks`` on bags of a robot that waves, with clocks off by a known time, and on bags that lack something."""

import io
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rosbags.typesys import Stores, get_typestore

from humanoid_recorder.cli.clocks_models import ClocksReport, StreamReport
from humanoid_recorder.cli.main import run
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_writer import BagTopic, BagWriter

START_NS = 1_795_160_424_000_000_000
MS, SECOND = 1_000_000, 1_000_000_000
SECONDS = 7
STORE = get_typestore(Stores.ROS2_KILTED)
TYPES: Mapping[str, Any] = STORE.types

PROFILE = """\
robot: {name: r1}
# Everything that sees the arm.
streams:
  joints: {topic: /joint_states, type: sensor_msgs/msg/JointState, kind: joint, rate_hz: 200}
  head: {topic: /head, type: sensor_msgs/msg/CompressedImage, kind: camera, rate_hz: 30}  # its clock drifts
  raw: {topic: /raw, type: sensor_msgs/msg/Image, kind: camera, rate_hz: 30}
  wrench: {topic: /wrench, type: geometry_msgs/msg/WrenchStamped, kind: wrench, rate_hz: 200}
  touch: {topic: /touch, type: sensor_msgs/msg/Image, kind: tactile, rate_hz: 100}
  hand:
    topic: /operator/hand
    type: geometry_msgs/msg/PoseStamped
    kind: operator
    rate_hz: 72
  mocap: {topic: /mocap/hand, type: geometry_msgs/msg/PoseStamped, kind: mocap, rate_hz: 120, align: {offset_ms: -3}}
sync: {clock: head}
"""
TOPICS = {
    "joints": ("/joint_states", "sensor_msgs/msg/JointState", 200),
    "head": ("/head", "sensor_msgs/msg/CompressedImage", 30),
    "raw": ("/raw", "sensor_msgs/msg/Image", 30),
    "wrench": ("/wrench", "geometry_msgs/msg/WrenchStamped", 200),
    "touch": ("/touch", "sensor_msgs/msg/Image", 100),
    "hand": ("/operator/hand", "geometry_msgs/msg/PoseStamped", 72),
    "mocap": ("/mocap/hand", "geometry_msgs/msg/PoseStamped", 120),
}


def header(stamp_ns: int) -> Any:
    time = TYPES["builtin_interfaces/msg/Time"]
    return TYPES["std_msgs/msg/Header"](stamp=time(*divmod(stamp_ns, SECOND)), frame_id="base")


class Arm:
    """Two joints that make strokes of different length, and what is seen of them."""

    def __init__(self, *, is_still: bool = False, is_regular: bool = False) -> None:
        self._is_regular = is_regular
        draw = np.random.default_rng(7)
        self._strokes: list[list[tuple[float, float, float]]] = [[], []]
        for strokes in self._strokes:
            at = -1.0
            while at < SECONDS + 1:
                lasts = draw.uniform(0.25, 0.5)
                strokes.append((at, lasts, 0.0 if is_still else draw.uniform(-0.5, 0.5)))
                at += lasts + draw.uniform(0.1, 0.4)

    def joints(self, time_s: float) -> np.ndarray:
        if self._is_regular:
            return np.asarray(np.array([0.4, 0.3]) * np.sin(2 * np.pi * 1.25 * time_s))
        position = np.zeros(2)
        for joint, strokes in enumerate(self._strokes):
            for begin, lasts, aim in strokes:
                share = min(1.0, max(0.0, (time_s - begin) / lasts))
                position[joint] += (aim - position[joint]) * share * share * (3 - 2 * share)
        return position

    def message(self, stream: str, time_s: float, stamp_ns: int) -> Any:
        one, other = self.joints(time_s)
        head = header(stamp_ns)
        match stream:
            case "joints":
                nothing = np.zeros(0)
                return TYPES[TOPICS[stream][1]](head, ["a", "b"], np.array([one, other]), nothing, nothing)
            case "head":
                file = io.BytesIO()
                Image.fromarray(self.picture(one, other)).save(file, "JPEG")
                return TYPES[TOPICS[stream][1]](head, "jpeg", np.frombuffer(file.getvalue(), np.uint8))
            case "raw":
                return self._image(head, "rgb8", self.picture(one, other), bytes_per_pixel=3)
            case "touch":
                return self._image(head, "32FC1", np.zeros((2, 3), np.float32), bytes_per_pixel=4)
            case "wrench":
                vector = TYPES["geometry_msgs/msg/Vector3"]
                force = vector(5 * one, 3 * other, one - other)
                return TYPES[TOPICS[stream][1]](head, TYPES["geometry_msgs/msg/Wrench"](force, vector(0, 0, 0)))
            case _:
                point = TYPES["geometry_msgs/msg/Point"](0.4 * one, 0.3 * other, 0.1 * (one + other))
                pose = TYPES["geometry_msgs/msg/Pose"](point, TYPES["geometry_msgs/msg/Quaternion"](0, 0, 0, 1))
                return TYPES[TOPICS[stream][1]](head, pose)

    @staticmethod
    def picture(one: float, other: float) -> np.ndarray:
        """Stripes that each joint moves."""
        stripes = [np.sin(2 * np.pi * (np.arange(160) - 100 * angle) / 80) for angle in (one, other)]
        picture = np.full((120, 160, 3), 128.0)
        picture[:60] += 100 * stripes[0][None, :, None]
        picture[60:] += 100 * stripes[1][None, :, None]
        return picture.astype(np.uint8)

    @staticmethod
    def _image(head: Any, encoding: str, pixels: np.ndarray, *, bytes_per_pixel: int) -> Any:
        height, width = pixels.shape[:2]
        data = np.frombuffer(pixels.tobytes(), np.uint8)
        return TYPES["sensor_msgs/msg/Image"](head, height, width, encoding, 0, width * bytes_per_pixel, data)


@dataclass
class Made:
    """What a bag is made of."""

    streams: Sequence[str] = ("joints", "head", "mocap")
    ahead_ms: Mapping[str, float] = field(default_factory=dict)
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    is_still: bool = False
    is_regular: bool = False
    seconds: float = SECONDS
    change: Callable[[str, int, bytes], bytes] | None = None
    """From stream, number and bytes of a message to the bytes that are written."""


MakeBag = Callable[[Made], Path]
Report = Callable[..., ClocksReport]


@pytest.fixture
def make_bag(tmp_path: Path) -> MakeBag:
    def make(made: Made) -> Path:
        arm, bag, samples = (
            Arm(is_still=made.is_still, is_regular=made.is_regular),
            BagWriter(tmp_path / "bag", ros_distro="kilted"),
            [],
        )
        for channel_id, stream in enumerate(made.streams, start=1):
            topic, type_name, rate_hz = TOPICS[stream]
            definition, _ = STORE.generate_msgdef(type_name, ros_version=2)
            bag.add_topic(BagTopic(channel_id, topic, type_name, str(definition), "", (QosOffer(),)))
            for at in range(round(made.seconds * rate_hz)):
                time_s = at / rate_hz
                measured_ns = START_NS + round(time_s * SECOND)
                stamp_ns = measured_ns + round(made.ahead_ms.get(stream, 0) * MS)
                message = arm.message(stream, time_s, stamp_ns)
                data = bytes(STORE.serialize_cdr(message, type_name))
                if made.change is not None:
                    data = made.change(stream, at, data)
                log_ns = measured_ns + round((2 + made.latency_ms.get(stream, 0)) * MS)
                samples.append(Sample(channel_id, data, log_ns, log_ns, stamp_ns, 0))
        bag.write(sorted(samples, key=lambda sample: sample.log_ns))
        return bag.seal(custom_data={}).directory

    return make


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    path = tmp_path / "r1.yaml"
    path.write_text(PROFILE)
    return path


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    def of(bag: Path, *arguments: str, code: int = 0) -> ClocksReport:
        assert run(["clocks", str(bag), "--json", *arguments]) == code
        return ClocksReport.model_validate_json(capsys.readouterr().out)

    return of


def stream_of(report: ClocksReport, name: str) -> StreamReport:
    return next(stream for stream in report.streams if stream.name == name)


def test_known_clocks_and_latencies_are_found_within_what_is_claimed(
    make_bag: MakeBag, report: Report, profile: Path
) -> None:
    ahead_ms = {"head": -140.0, "raw": 33.0, "wrench": 12.0, "hand": 1700.0, "mocap": -20.0}
    latency_ms = {"head": 60.0, "hand": 15.0}
    bag = make_bag(Made(tuple(TOPICS), ahead_ms, latency_ms))
    found = report(bag, "--profile", str(profile))
    assert (found.good, found.joints, found.problem) == (True, "joints", "")
    for name, ahead in ahead_ms.items():
        stream = stream_of(found, name)
        assert stream.offset_ms is not None
        assert stream.error_ms is not None
        assert stream.latency_ms is not None
        assert abs(stream.offset_ms + ahead) <= min(stream.error_ms, 20), name
        assert abs(stream.latency_ms - latency_ms.get(name, 0)) <= stream.error_ms
    assert stream_of(found, "hand").note == "includes the time that the robot takes to follow"
    touch = stream_of(found, "touch")
    assert (touch.found, touch.problem) == (
        False,
        "nothing to feel in touch: press the hand against something, again and again",
    )


def test_without_a_profile_kinds_are_guessed_and_topics_are_the_names(make_bag: MakeBag, report: Report) -> None:
    found = report(make_bag(Made(ahead_ms={"head": 50})))
    assert found.profile == ""
    assert [(each.name, each.kind, each.found) for each in found.streams] == [
        ("/head", "camera", True),
        ("/mocap/hand", "mocap", True),
    ]


def test_offsets_are_written_where_a_clock_is_off_and_nothing_else_changes(
    make_bag: MakeBag, report: Report, profile: Path
) -> None:
    bag = make_bag(Made(("joints", "head", "wrench", "hand", "mocap"), {"head": -140, "hand": 1700, "mocap": 3}))
    found = report(bag, "--profile", str(profile), "--write")
    written = {stream.name for stream in found.streams if stream.written}
    assert written == {"head"}  # the wrench is right, mocap is as declared, and the operator has to come first
    head = stream_of(found, "head")
    expected = PROFILE.replace("30}  # its", f"30, align: {{offset_ms: {head.offset_ms:g}}}}}  # its")
    assert profile.read_text() == expected
    again = report(bag, "--profile", str(profile), "--write")
    assert not any(stream.written for stream in again.streams)
    assert stream_of(again, "head").declared_ms == head.offset_ms
    assert profile.read_text() == expected


def test_a_picture_is_drawn(make_bag: MakeBag, report: Report, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = report(make_bag(Made()), "--plot", str(tmp_path / "clocks.png"))
    assert found.plot == str(tmp_path / "clocks.png")
    with Image.open(found.plot) as picture:
        assert picture.width > 500


def test_people_get_a_table(make_bag: MakeBag, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["clocks", str(make_bag(Made(ahead_ms={"mocap": 500})))]) == 0
    shown = capsys.readouterr().out
    assert "compared with the speeds of all joints in /joint_states over 7.0 s; no profile" in shown
    row = next(line for line in shown.splitlines() if line.startswith("/mocap/hand"))
    assert -502 < float(row.split()[1]) < -498


def test_a_robot_that_does_not_move_is_told_to_wave(make_bag: MakeBag, report: Report) -> None:
    found = report(make_bag(Made(is_still=True)), code=1)
    assert {stream.problem for stream in found.streams} == {"the joints do not move: wave the arms"}


def test_a_regular_wave_is_refused_because_one_period_looks_like_the_next(make_bag: MakeBag, report: Report) -> None:
    found = report(make_bag(Made(is_regular=True)), code=1)
    problem = "the movement repeats itself: move in short strokes of different length, with rests between"
    assert {stream.problem for stream in found.streams} == {problem}


def test_a_camera_that_sees_nothing_is_named(make_bag: MakeBag, report: Report, profile: Path) -> None:
    black = io.BytesIO()
    Image.new("RGB", (64, 48)).save(black, "JPEG")

    def blind(stream: str, at: int, data: bytes) -> bytes:
        if stream != "head":
            return data
        message = TYPES[TOPICS["head"][1]](
            header(START_NS + at * SECOND // 30), "jpeg", np.frombuffer(black.getvalue(), np.uint8)
        )
        return bytes(STORE.serialize_cdr(message, TOPICS["head"][1]))

    found = report(make_bag(Made(change=blind)), "--profile", str(profile))
    assert stream_of(found, "head").problem == "no movement to see in head: wave in front of it"
    assert stream_of(found, "mocap").found


def test_corrupt_pictures_are_left_out_and_counted(make_bag: MakeBag, report: Report) -> None:
    def torn(stream: str, at: int, data: bytes) -> bytes:
        return data[:300] if stream == "head" and at % 10 == 3 else data

    head = stream_of(report(make_bag(Made(ahead_ms={"head": 80}, change=torn))), "/head")
    assert head.unreadable == 21
    assert head.offset_ms is not None
    assert head.error_ms is not None
    assert abs(head.offset_ms + 80) <= head.error_ms


def test_a_stream_of_which_nothing_can_be_read_says_why(make_bag: MakeBag, report: Report) -> None:
    def torn(stream: str, at: int, data: bytes) -> bytes:
        return data[:40] if stream == "head" else data

    head = stream_of(report(make_bag(Made(change=torn))), "/head")
    assert head.problem == "210 of 210 messages cannot be used: a message holds no picture"


def test_messages_without_a_stamp_cannot_be_placed(make_bag: MakeBag, report: Report) -> None:
    def unstamped(stream: str, at: int, data: bytes) -> bytes:
        return data[:4] + bytes(8) + data[12:] if stream == "mocap" else data

    mocap = stream_of(report(make_bag(Made(change=unstamped))), "/mocap/hand")
    assert mocap.problem == "840 of 840 messages cannot be used: a message has no stamp time"


def test_joint_states_that_change_their_length_are_left_out(make_bag: MakeBag, report: Report) -> None:
    def shorter(stream: str, at: int, data: bytes) -> bytes:
        if stream != "joints" or at != 100:
            return data
        nothing = np.zeros(0)
        message = TYPES[TOPICS["joints"][1]](header(START_NS + at * 5 * MS), [], nothing, nothing, nothing)
        return bytes(STORE.serialize_cdr(message, TOPICS["joints"][1]))

    assert stream_of(report(make_bag(Made(change=shorter))), "/head").found


@pytest.mark.parametrize(
    ("made", "problem"),
    [
        (Made(("head", "mocap")), "has no joint states"),
        (Made(("joints",)), "nothing that sees them move"),
        (Made(seconds=0), "has no joint states"),
    ],
)
def test_what_cannot_be_compared_at_all_is_said(make_bag: MakeBag, report: Report, made: Made, problem: str) -> None:
    found = report(make_bag(made), code=1)
    assert problem in found.problem


def test_too_short_a_movement_is_said(make_bag: MakeBag, report: Report) -> None:
    found = report(make_bag(Made()), "--seconds", "3", code=1)
    assert {stream.problem for stream in found.streams} == {
        "3.0 s of joint states are too short to look 1000 ms around"
    }
    assert report(found_bag := Path(found.path), "--seconds", "3", "--search-ms", "300").path == str(found_bag)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "neither a bag nor a profile"),
        (("nowhere",), "There is no nowhere"),
        ((".", "--write"), "which profile to change"),
        ((".", "--seconds", "0"), "--seconds is 0"),
        ((".", "--search-ms", "20000"), "--search-ms is 20000"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    arguments: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["clocks", *arguments]) == 2
    assert problem in capsys.readouterr().err


def test_the_help_names_every_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["clocks", "--help"]) == 0
    shown = capsys.readouterr().out
    keys = {*ClocksReport.model_fields, *StreamReport.model_fields}
    assert [key for key in sorted(keys) if key not in shown] == []


def test_a_bag_needs_no_ros() -> None:
    code = (
        "import sys, humanoid_recorder.cli.clocks; print([n for n in sys.modules if n.startswith(('rclpy', 'mujoco'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
