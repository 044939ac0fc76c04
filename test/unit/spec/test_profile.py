"""Robot profiles: the shipped ones load, wrong ones are refused with line and key, and a dumped one loads as equal."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.core.streams import FieldStamp, StampSource, Stream, StreamKind
from humanoid_recorder.spec.motion_spec import COMMAND_TYPES, JointLimits
from humanoid_recorder.spec.profile import RobotProfile, load_profile
from humanoid_recorder.spec.yaml_source import YamlDocument

ROBOTS = Path(__file__).parents[3] / "config" / "robots"
SHIPPED = sorted(ROBOTS.glob("*.yaml"))

GOOD = """\
robot: {name: g1, joints: [left_knee, right_knee]}
streams:
  joints: {topic: /joint_states, type: sensor_msgs/JointState, kind: joint, rate_hz: 500, max_gap_ms: 20}
  commands: {topic: joint_commands, type: sensor_msgs/msg/JointState, kind: command}
  wrist: {topic: /wrist, type: geometry_msgs/msg/WrenchStamped, kind: wrench, rate_hz: 1000, required: false}
  bones: {topic: /bones, type: x_msgs/msg/Bones, kind: operator, stamp: {at_byte: 4, type: int64, unit: ms}}
  state: {topic: /state, type: x_msgs/msg/State, kind: other, rate_hz: 50, stamp: none}
sync: {clock: joints}
action: {joints: [left_knee], topic: /go, type: sensor_msgs/msg/JointState, rate_hz: 100}
limits:
  every_joint: {velocity_scale: 0.5, acceleration_rad_s2: 10, jerk_rad_s3: 100}
  joints: {left_knee: {jerk_rad_s3: 50}}
  wrench: {wrist: {force_n: 40, moment_nm: 4}}
  workspace: {front: {frame: pelvis, links: [hand], min_m: [0, 0, 0], max_m: [1, 1, 1]}}
"""


def read(text: str) -> RobotProfile:
    return YamlDocument.from_bytes(text.encode(), name="g1.yaml").validate(RobotProfile)


def complaints(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        read(text)
    return caught.value.message.splitlines()


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_profile_loads_and_carries_its_own_text_and_hash(path: Path) -> None:
    loaded = load_profile(path)
    assert loaded.profile == RobotProfile.load(path)
    assert loaded.source_text == path.read_text()
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(loaded.profile.robot.joints) == (43 if path.stem == "g1_sim" else 29)  # with hands, without
    assert loaded.profile.sync is not None


def test_the_synthetic_robot_publishes_at_the_agreed_rates() -> None:
    streams = RobotProfile.load(ROBOTS / "synthetic.yaml").streams_to_record()
    rates = {stream.topic: stream.rate_hz for stream in streams}
    cameras = ("head_camera", "left_wrist_camera", "right_wrist_camera")
    assert rates == {
        "/joint_states": 500,
        "/left_wrist/wrench": 1000,
        "/right_wrist/wrench": 1000,
        "/left_hand/touch": 100,
        "/right_hand/touch": 100,
        "/imu/data": 500,
        **{f"/{camera}/color/image_raw/compressed": 30 for camera in cameras},
        **{f"/{camera}/color/camera_info": 30 for camera in cameras},
        "/robot_description": None,
        "/operator/head": 72,
        "/operator/left_hand": 72,
        "/operator/right_hand": 72,
        "/operator/joy": 72,
    }
    waited_for = {stream.topic for stream in streams if stream.required}
    assert waited_for == {topic for topic, rate in rates.items() if rate and not topic.startswith("/operator")}


def test_streams_are_handed_on_in_the_order_of_the_file_with_defaults_filled_in() -> None:
    assert read(GOOD).streams_to_record() == (
        Stream("joints", "/joint_states", "sensor_msgs/msg/JointState", StreamKind.JOINT, 500, True, 20_000_000),
        Stream("commands", "joint_commands", "sensor_msgs/msg/JointState", StreamKind.COMMAND),
        Stream("wrist", "/wrist", "geometry_msgs/msg/WrenchStamped", StreamKind.WRENCH, 1000, False),
        Stream("bones", "/bones", "x_msgs/msg/Bones", StreamKind.OPERATOR, stamp=FieldStamp(4, "int64", "ms")),
        Stream("state", "/state", "x_msgs/msg/State", StreamKind.OTHER, 50, True, stamp=StampSource.NONE),
    )


def test_limits_of_a_joint_are_filled_from_those_of_every_joint() -> None:
    limits = read(GOOD).limits
    assert limits is not None
    assert limits.of_joint("left_knee") == JointLimits(velocity_scale=0.5, acceleration_rad_s2=10, jerk_rad_s3=50)
    assert limits.of_joint("right_knee").jerk_rad_s3 == 100


@pytest.mark.parametrize(
    ("clock", "stream", "rate_hz"),
    [("joints", "joints", None), ("30 Hz", None, 30.0), ("29.97Hz", None, 29.97)],
)
def test_the_clock_is_a_stream_or_a_rate(clock: str, stream: str | None, rate_hz: float | None) -> None:
    sync = read(GOOD.replace("clock: joints", f"clock: {clock}")).sync
    assert sync is not None
    assert (sync.clock_stream, sync.clock_rate_hz) == (stream, rate_hz)


@pytest.mark.parametrize(
    ("section", "compression"),
    [
        ("", Compression.NONE),
        ("recording: {}", Compression.NONE),
        ("recording: {compression: none}", Compression.NONE),
        ("recording: {compression: lz4}", Compression.LZ4),
        ("recording: {compression: zstd}", Compression.ZSTD),
    ],
)
def test_a_bag_is_compressed_when_the_profile_says_so(section: str, compression: Compression) -> None:
    assert read(GOOD + section).recording.compression is compression


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        ("rate_hz: 500", "rate_hx: 500", "3: streams.joints.rate_hx: unknown key; did you mean 'rate_hz'?"),
        (
            "kind: joint,",
            "kind: jont,",
            "3: streams.joints.kind: 'jont' is not one of joint, command, wrench, tactile, ",
        ),
        (
            "kind: command",
            "kind: command, qos: best",
            "4: streams.commands.qos: unknown key; known here: align, kind, max_gap_ms, rate_hz, ",
        ),
        (", kind: command", "", "4: streams.commands.kind: missing"),
        ("max_gap_ms: 20", "max_gap_ms: 2", "3: streams.joints.max_gap_ms: 2 ms is not longer than one period at "),
        (
            "kind: command",
            "kind: command, max_gap_ms: 9",
            "4: streams.commands.max_gap_ms: a stream without rate_hz is an",
        ),
        (
            "kind: command",
            "kind: command, required: true",
            "4: streams.commands.required: a stream without rate_hz is an",
        ),
        ("/wrist,", "/joint_states,", "5: streams.wrist.topic: /joint_states is already the topic of stream 'joints'"),
        ("  wrist:", "  wr-ist:", "5: streams.wr-ist: 'wr-ist' is not a stream name; use letters, digits and '_'"),
        ("/wrist,", "/wrist/,", "5: streams.wrist.topic: '/wrist/' is not a topic name: every part between slashes"),
        (
            "/wrist,",
            "/wr-ist,",
            "5: streams.wrist.topic: '/wr-ist' is not a topic name: '-' is none of letters, digits",
        ),
        ("/wrist,", "/1wrist,", "5: streams.wrist.topic: '/1wrist' is not a topic name: '1wrist' starts with a digit"),
        ("/wrist,", "~/wrist,", "5: streams.wrist.topic: '~/wrist' depends on the node that reads it"),
        ("/wrist,", f"/{'w' * 247},", "5: streams.wrist.topic: a topic name of 248 characters is too long"),
        (
            "x_msgs/msg/State",
            "x_msgs/srv/State",
            "7: streams.state.type: 'x_msgs/srv/State' is not a message type; write",
        ),
        (
            "stamp: none",
            "stamp: heder",
            "7: streams.state.stamp: 'heder' is not one of header, none; did you mean 'header'?",
        ),
        ("at_byte: 4", "at_bite: 4", "6: streams.bones.stamp.at_bite: unknown key; did you mean 'at_byte'?"),
        ("at_byte: 4", "at_byte: 6", "6: streams.bones.stamp.at_byte: 6 should be a multiple of 4"),
        (
            "type: int64",
            "type: int6",
            "6: streams.bones.stamp.type: 'int6' is not one of int32, uint32, int64, uint64; did",
        ),
        ("type: int64", "type: uint32", "6: streams.bones.stamp.unit: uint32 in ms cannot hold a time since the epoch"),
        (
            "sync: {clock: joints}",
            "recording: {compression: zstandard}",
            "8: recording.compression: 'zstandard' is not one of none, lz4, zstd",
        ),
        (
            "sync: {clock: joints}",
            "recording: {compresion: lz4}",
            "8: recording.compresion: unknown key; did you mean 'compression'?",
        ),
        ("clock: joints", "clock: joint", "8: sync.clock: there is no stream 'joint'; did you mean 'joints'?"),
        (
            "clock: joints",
            "clock: zzz",
            "8: sync.clock: there is no stream 'zzz'; name a stream, or a rate such as '30 Hz'",
        ),
        (
            "clock: joints",
            "clock: 30 fps",
            "8: sync.clock: '30 fps' is neither the name of a stream nor a rate such as",
        ),
        ("clock: joints", "clock: 30", "8: sync.clock: 30 is read as a number where text is needed; put it in quotes"),
        ("clock: joints", "clock: 0 Hz", "8: sync.clock: '0 Hz' is not a rate to align by; give one from 0.01 to"),
        ("clock: joints", "clock: commands", "8: sync.clock: stream 'commands' has no rate_hz: an event stream cannot"),
        ("clock: joints", "clock: state", "8: sync.clock: stream 'state' has 'stamp: none': choose another clock, or"),
        (
            "kind: joint,",
            "kind: joint, align: {rule: newest},",
            "3: streams.joints.align.rule: 'newest' is not one of latest, nearest, interpolate, window, none",
        ),
        (
            "kind: joint,",
            "kind: joint, align: {slop: 3},",
            "3: streams.joints.align.slop: unknown key; known here: offset_",
        ),
        (
            "kind: joint,",
            "kind: joint, align: {rule: window},",
            "3: streams.joints.align: the rule 'window' needs the key window",
        ),
        (
            "kind: joint,",
            "kind: joint, align: {window: 3},",
            "3: streams.joints.align.window: only the rule 'window' has one",
        ),
        (
            "kind: joint,",
            "kind: joint, align: {tolerance_ms: 0},",
            "3: streams.joints.align.tolerance_ms: 0 should be greater than 0",
        ),
        (
            "required: false",
            "required: false, align: {rule: none, offset_ms: 3}",
            "5: streams.wrist.align.offset_ms: 3.0 is for nothing: with 'rule: none'",
        ),
        (
            "kind: command",
            "kind: command, align: {}",
            "4: streams.commands.align: a stream without rate_hz is an event stream: it takes no part",
        ),
        (
            "stamp: none",
            "stamp: none, align: {time: stamp}",
            "7: streams.state.align.time: the stream has 'stamp: none': choose publish or log",
        ),
        (
            "kind: other, rate_hz: 50, stamp: none",
            "kind: transform, rate_hz: 50, align: {tolerance_ms: 9}",
            "7: streams.state.align: a stream of kind transform takes no part in frames unless a rule is given",
        ),
        (
            "kind: joint,",
            "kind: joint, align: {rule: none},",
            "8: sync.clock: stream 'joints' takes no part in frames: give it an align.rule, or",
        ),
        ("name: g1", "name: g/1", "1: robot.name: 'g/1' is not a robot name; it becomes part of folder names"),
        (", right_knee", ", left_knee", "1: robot.joints[1]: 'left_knee' is named twice"),
        (", right_knee", ", right knee", "1: robot.joints[1]: 'right knee' is not a joint name"),
        ("[left_knee],", "[left_kne],", "9: action.joints[0]: 'left_kne' is not one of robot.joints; did you mean "),
        ("[left_knee],", "[left_knee, left_knee],", "9: action.joints[1]: 'left_knee' is named twice"),
        ("[left_knee],", "[],", "9: action.joints: at least 1 is needed here, not 0"),
        (
            "/go, type: sensor_msgs/msg/JointState",
            "/go, type: x/msg/Go",
            "9: action.type: 'x/msg/Go' cannot carry a joint",
        ),
        ("topic: /go", "topic: /state", "9: action.type: stream 'state' says that /state is x_msgs/msg/State"),
        ("  wrench:", "  joints:", "13: limits.joints: duplicate key; it is already in line 12"),
        (
            "{left_knee: {j",
            "{left_kne: {j",
            "12: limits.joints.left_kne: 'left_kne' is not one of robot.joints; did you",
        ),
        ("scale: 0.5", "scale: 1.5", "11: limits.every_joint.velocity_scale: 1.5 should be less than or equal to 1"),
        (
            "acceleration_rad_s2: 10, ",
            "",
            "10: limits: no acceleration_rad_s2 is declared for 'left_knee', which action",
        ),
        (
            "jerk_rad_s3: 50",
            "position_rad: [1, -1]",
            "12: limits.joints.left_knee.position_rad: the lower position must",
        ),
        (
            "{wrist: {f",
            "{wris: {f",
            "13: limits.wrench.wris: there is no stream 'wris' of kind wrench; did you mean 'wrist'?",
        ),
        (
            "wrench: {wrist: {force_n: 40, moment_nm: 4}}",
            "touch: {wrist: {max_value: 1}}",
            "13: limits.touch.wrist: there is no",
        ),
        (
            "max_m: [1, 1",
            "max_m: [1, 0",
            "14: limits.workspace.front.min_m: the box is empty along y: 0 is not less than",
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_wrong_profile_is_refused_at_the_line_and_key(right: str, wrong: str, complaint: str) -> None:
    assert right in GOOD
    (line,) = complaints(GOOD.replace(right, wrong))
    expected = f"g1.yaml:{complaint}"
    assert line[: len(expected)] == expected


def test_a_profile_without_streams_is_refused() -> None:
    assert complaints("robot: {name: g1}\nstreams: {}\n") == ["g1.yaml:2: streams: at least 1 is needed here, not 0"]


def test_the_urdf_beside_the_profile_is_read_for_provenance(tmp_path: Path) -> None:
    (tmp_path / "g1.urdf").write_text("<robot name='g1'/>\n")
    path = tmp_path / "g1.yaml"
    path.write_text(GOOD.replace("name: g1,", "name: g1, urdf: g1.urdf,"))
    loaded = load_profile(path)
    assert loaded.urdf_text == "<robot name='g1'/>\n"
    assert loaded.urdf_sha256 == hashlib.sha256(b"<robot name='g1'/>\n").hexdigest()


def test_a_missing_urdf_is_refused_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "g1.yaml"
    path.write_text(GOOD.replace("name: g1,", "name: g1, urdf: none.urdf,"))
    with pytest.raises(SpecError) as caught:
        load_profile(path)
    assert caught.value.message.startswith(f"{path}:1: robot.urdf: 'none.urdf' cannot be read: ")
    assert os.strerror(2) in caught.value.message


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), max_size=12)
POSITIVE = st.floats(min_value=1e-3, max_value=1e5)
ALIGNS = st.sampled_from(
    [
        {"rule": "none"},
        {"rule": "window", "window": 4, "time": "log"},
        {"rule": "nearest", "tolerance_ms": 2, "offset_ms": -3.5, "time": "publish"},
    ]
)
STAMPS = st.sampled_from(["header", "none", {"at_byte": 4, "type": "int64", "unit": "ms"}])


@st.composite
def stream_values(draw: st.DrawFn) -> dict[str, object]:
    value: dict[str, object] = {
        "topic": f"/{draw(NAMES)}/{draw(NAMES)}",
        "type": f"{draw(st.sampled_from(['a', 'b_msgs']))}/{draw(st.sampled_from(['', 'msg/']))}Type",
        "kind": draw(st.sampled_from(StreamKind)).value,
    }
    optional = {"stamp": STAMPS, "serial": TEXTS, "unit": TEXTS, "rate_hz": POSITIVE}
    value |= {key: draw(values) for key, values in optional.items() if draw(st.booleans())}
    if "rate_hz" in value and draw(st.booleans()):
        value["required"] = draw(st.booleans())
        value["align"] = draw(ALIGNS)
    return value


@st.composite
def profile_values(draw: st.DrawFn) -> dict[str, object]:
    joints = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    streams = st.dictionaries(NAMES, stream_values(), min_size=1, max_size=4)
    unique = streams.filter(lambda value: len({stream["topic"] for stream in value.values()}) == len(value))
    value: dict[str, object] = {
        "robot": {"name": "r1", "serial": draw(TEXTS), "joints": joints},
        "streams": draw(unique),
    }
    if draw(st.booleans()):
        value["sync"] = {"clock": "30 Hz", "tolerance_ms": draw(POSITIVE), "stamp": "log"}
    if draw(st.booleans()):
        value["recording"] = {"compression": draw(st.sampled_from(Compression)).value}
    if draw(st.booleans()):
        limits = st.fixed_dictionaries({}, optional={"effort_nm": POSITIVE, "jerk_rad_s3": POSITIVE})
        value["limits"] = {"joints": {joint: draw(limits) for joint in joints}}
    elif draw(st.booleans()):
        value["action"] = {"joints": joints, "topic": "/go", "type": draw(st.sampled_from(COMMAND_TYPES)), "rate_hz": 9}
    return value


@settings(deadline=None)
@given(profile_values())
def test_any_valid_profile_dumped_and_loaded_is_equal(value: dict[str, object]) -> None:
    profile = RobotProfile.model_validate(value)
    dumped = json.dumps(profile.model_dump(mode="json"), ensure_ascii=False)
    assert read(dumped) == profile


@st.composite
def mutated(draw: st.DrawFn) -> str:
    text = GOOD
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 30)))
        words = [
            "",
            "\n",
            ": ",
            "{",
            "}",
            "[",
            "]",
            "null",
            "true",
            "-1",
            "1e400",
            "''",
            "*a",
            "&a ",
            "kind: x",
            "stamp: {}",
        ]
        text = text[:start] + draw(st.sampled_from(words) | st.text(max_size=3)) + text[end:]
    return text


@settings(deadline=None)
@given(mutated())
def test_a_mutated_profile_loads_or_raises_a_spec_error_whose_lines_all_name_the_file(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    try:
        profile = YamlDocument.from_bytes(data, name="g1.yaml").validate(RobotProfile)
    except SpecError as err:
        assert all(line.startswith("g1.yaml:") for line in err.message.splitlines())  # noqa: PT017
    else:
        assert profile.streams_to_record()


def test_a_profile_cannot_be_changed_after_loading() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read(GOOD).robot.name = "other"
