"""From a profile to rules: defaults by kind, what a stream says itself, and which time is compared."""

from pathlib import Path

import pytest

from humanoid_recorder.core.alignment.rules import NO_TIME, Method, RateClock, ReferenceClock
from humanoid_recorder.core.alignment.times import TimeSource
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.spec.alignment_plan import AlignedStream, AlignmentPlan, plan_alignment
from humanoid_recorder.spec.profile import RobotProfile
from humanoid_recorder.spec.yaml_source import YamlDocument

ROBOTS = Path(__file__).parents[3] / "config" / "robots"
MS = 1_000_000


def plan(streams: dict[str, str], sync: str = "clock: 30 Hz") -> AlignmentPlan | None:
    """Plan streams given as the rest of their YAML entry."""
    entries = "\n".join(f"  {name}: {{topic: /{name}, type: x/msg/X, {rest}}}" for name, rest in streams.items())
    text = f"robot: {{name: r}}\nstreams:\n{entries}\n" + (f"sync: {{{sync}}}\n" if sync else "")
    return plan_alignment(YamlDocument.from_bytes(text.encode(), name="r.yaml").validate(RobotProfile))


def planned(rest: str, sync: str = "clock: 30 Hz") -> AlignedStream:
    found = plan({"s": rest}, sync)
    assert found is not None
    (stream,) = found.streams
    return stream


@pytest.mark.parametrize("kind", StreamKind)
def test_every_kind_has_a_default_rule_or_takes_no_part(kind: StreamKind) -> None:
    expected = {
        **dict.fromkeys(("joint", "wrench", "imu"), Method.INTERPOLATE),
        **dict.fromkeys(("command", "operator", "tactile", "camera", "mocap", "object", "other"), Method.LATEST),
    }
    found = plan({"s": f"kind: {kind}, rate_hz: 50", "t": "kind: joint, rate_hz: 50"})
    assert found is not None
    methods = {each.stream.name: each.rule.method for each in found.streams}
    assert methods.get("s") is expected.get(kind.value)


def test_event_streams_and_what_says_none_take_no_part() -> None:
    found = plan(
        {
            "buttons": "kind: operator",
            "joints": "kind: joint, rate_hz: 500",
            "glove": "kind: operator, rate_hz: 90, align: {rule: none}",
            "info": "kind: camera_info, rate_hz: 30, align: {rule: nearest}",
        }
    )
    assert found is not None
    assert [each.rule.name for each in found.streams] == ["joints", "info"]


def test_without_sync_or_without_streams_that_take_part_there_is_no_plan() -> None:
    assert plan({"joints": "kind: joint, rate_hz: 500"}, sync="") is None
    assert plan({"buttons": "kind: operator"}) is None


def test_what_a_stream_says_goes_before_what_sync_says() -> None:
    plain = planned("kind: joint, rate_hz: 500", "clock: 30 Hz, tolerance_ms: 7, stamp: log")
    assert (plain.rule.tolerance_ns, plain.rule.offset_ns, plain.rule.window) == (7 * MS, 0, 1)
    assert plain.time_source(has_header=True) is TimeSource.LOG
    own = planned(
        "kind: joint, rate_hz: 500, "
        "align: {rule: window, window: 3, tolerance_ms: 2.5, offset_ms: -1700, time: publish}",
        "clock: 30 Hz, tolerance_ms: 7, stamp: log",
    )
    assert (own.rule.method, own.rule.window, own.rule.tolerance_ns) == (Method.WINDOW, 3, 2_500_000)
    assert own.rule.offset_ns == -1700 * MS
    assert own.time_source(has_header=True) is TimeSource.PUBLISH


@pytest.mark.parametrize(
    ("rest", "has_header", "source"),
    [
        ("", True, TimeSource.STAMP),
        ("", False, TimeSource.PUBLISH),
        (", stamp: none", True, TimeSource.PUBLISH),
        (", stamp: {at_byte: 4, type: int64, unit: ms}", False, TimeSource.STAMP),
        (", align: {time: stamp}", False, TimeSource.STAMP),
        (", stamp: none, align: {time: log}", False, TimeSource.LOG),
    ],
)
def test_a_stream_without_stamps_is_compared_by_when_it_was_sent_unless_it_says_otherwise(
    rest: str, has_header: bool, source: TimeSource
) -> None:
    stream = planned("kind: joint, rate_hz: 50" + rest)
    assert stream.time_source(has_header=has_header) is source


def test_a_reader_takes_the_time_of_its_source_and_invents_none() -> None:
    stream = planned("kind: operator, rate_hz: 72, stamp: {at_byte: 4, type: int64, unit: ms}")
    message = b"\x00\x01\x00\x00" + (1_795_160_424_000).to_bytes(8, "little")
    read = stream.reader(has_header=False)
    assert read(message, 5, 6) == 1_795_160_424_000 * MS
    assert read(message[:8], 5, 6) == NO_TIME
    assert planned("kind: joint, rate_hz: 50").reader(has_header=False)(message, 5, 6) == 5
    declared = planned("kind: joint, rate_hz: 50, align: {time: stamp}").reader(has_header=False)
    assert declared(message, 5, 6) == NO_TIME


def test_the_clock_is_a_stream_by_its_place_among_the_rules_or_a_rate() -> None:
    streams = {"buttons": "kind: operator", "joints": "kind: joint, rate_hz: 500", "head": "kind: camera, rate_hz: 30"}
    by_stream, by_rate = plan(streams, "clock: head, hold_off_ms: 25"), plan(streams, "clock: 29.97 Hz")
    assert by_stream is not None
    assert by_rate is not None
    assert by_stream.alignment(start_ns=5).clock == ReferenceClock(1)
    assert by_stream.alignment(start_ns=5).hold_off_ns == 25 * MS
    assert by_rate.alignment(start_ns=5).clock == RateClock(29.97, 5)


@pytest.mark.parametrize("path", sorted(ROBOTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_shipped_profiles_can_be_aligned(path: Path) -> None:
    found = plan_alignment(RobotProfile.load(path))
    assert found is not None
    assert found.clock == ReferenceClock([each.stream.name for each in found.streams].index("head"))
