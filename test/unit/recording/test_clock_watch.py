"""What an episode's record says of clocks: those that are off are named, with size and direction."""

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.core.alignment.rules import Method, ReferenceClock, StreamRule
from humanoid_recorder.core.alignment.times import TimeSource
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.core.streams import FieldStamp, Stream
from humanoid_recorder.recording.clock_watch import ClockWatch
from humanoid_recorder.spec.alignment_plan import AlignedStream, AlignmentPlan
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.unit.recording.conftest import MakeChannel, MakeRig

START_NS = 1_795_160_424_000_000_000
MS, SECOND = 1_000_000, 1_000_000_000
HEADSET = 3
NAMES = {HEADSET: "headset"}


def samples(
    stamp_of: Callable[[int], int | None], *, seconds: float = 10, rate_hz: int = 100, latency_ms: float = 2
) -> list[Sample]:
    made = []
    for at in range(round(seconds * rate_hz)):
        measured_ns = at * SECOND // rate_hz
        log_ns = START_NS + measured_ns + round(latency_ms * MS) + at % 3 * MS // 10
        stamp = stamp_of(measured_ns)
        made.append(Sample(HEADSET, b"", log_ns, log_ns, None if stamp is None else START_NS + stamp, 0))
    return made


def plan(*, offset_ms: int = 0, tolerance_ms: int = 20, source: TimeSource = TimeSource.STAMP) -> AlignmentPlan:
    rule = StreamRule("headset", Method.LATEST, tolerance_ms * MS, offset_ms * MS)
    stream = AlignedStream(Stream("headset", "/headset", "x/msg/X"), rule, source, is_declared=True)
    return AlignmentPlan((stream,), ReferenceClock(0), hold_off_ns=0)


def problems(made: list[Sample], of: AlignmentPlan | None = None) -> list[tuple[str, str]]:
    watch = ClockWatch(of)
    for at in range(0, len(made), 7):
        watch.feed(made[at : at + 7], first_ns=START_NS)
    return list(watch.problems(watch.accounts(NAMES)))


def test_a_clock_that_is_right_is_not_mentioned() -> None:
    assert problems(samples(lambda t: t)) == problems(samples(lambda t: t), plan()) == []


@pytest.mark.parametrize(
    ("shift_ms", "sentence"),
    [
        (
            1700,
            "headset is 1.70 s ahead: stamps are later than the receipt; "
            "`align: {offset_ms: -1698}` of headset would bring them there",
        ),
        (
            -250,
            "headset is 252 ms behind, by its clock or on its way; "
            "`align: {offset_ms: 252}` of headset would bring them there",
        ),
    ],
)
def test_a_clock_that_is_off_is_named_with_size_and_direction(shift_ms: int, sentence: str) -> None:
    assert problems(samples(lambda t: t + shift_ms * MS)) == [("clock_offset", sentence)]


@pytest.mark.parametrize(
    ("shift_ms", "declared", "count"),
    [
        (15, plan(), 0),
        (25, plan(), 1),
        (25, plan(tolerance_ms=40), 0),
        (-90, plan(), 0),
        (-110, plan(), 1),
        (-110, plan(tolerance_ms=150), 0),
        (1700, plan(offset_ms=-1700), 0),
        (1800, plan(offset_ms=-1700), 1),
        (1700, plan(source=TimeSource.PUBLISH), 0),
    ],
)
def test_what_counts_is_the_tolerance_and_what_the_profile_knows(
    shift_ms: int, declared: AlignmentPlan, count: int
) -> None:
    assert len(problems(samples(lambda t: t + shift_ms * MS), declared)) == count


@pytest.mark.parametrize(("sign", "side"), [(1, "ahead"), (-1, "behind")])
def test_a_drift_is_told_in_ms_per_minute(sign: int, side: str) -> None:
    drifting = samples(lambda t: t + sign * t * 40 // 60_000, seconds=30)  # 40 ms/min
    assert problems(drifting, plan(tolerance_ms=1000)) == [
        ("clock_drift", f"headset drifts 40 ms/min {side}: 20 ms in this episode")
    ]


def test_a_clock_that_is_set_within_the_episode_is_named() -> None:
    made = samples(lambda t: t + (40 * MS if t > 4 * SECOND else 0))
    assert problems(made, plan(tolerance_ms=1000)) == [
        ("clock_jump", "headset jumped 40 ms ahead within the episode, and stayed there")
    ]


def test_too_little_says_nothing() -> None:
    assert problems(samples(lambda t: t + 5 * SECOND, seconds=0.9)) == []
    assert problems(samples(lambda t: t + 5 * SECOND, seconds=9, rate_hz=1)) == []
    assert problems(samples(lambda _: None)) == []
    assert problems([]) == []


def test_latched_messages_replayed_at_the_start_and_absurd_stamps_do_not_count() -> None:
    watch = ClockWatch(None)
    replayed = Sample(HEADSET, b"", START_NS, START_NS, START_NS - 3600 * SECOND, 0)
    absurd = Sample(HEADSET, b"", START_NS + 1, START_NS, 2**63, 0)
    watch.feed([replayed, absurd], first_ns=START_NS)
    found = watch.accounts(NAMES)["headset"]
    assert (found.messages, found.stamped, found.offset_ms) == (1, 0, None)


def test_the_clocks_are_in_the_record_of_an_episode(make_rig: "MakeRig", make_channel: "MakeChannel") -> None:
    rig = make_rig()
    rig.subscribe(make_channel(HEADSET, "headset", stamp=FieldStamp(4, "int64", "ns")), make_channel(4, "plain"))
    episode = rig.recorder.start()
    for _ in range(20):
        rig.deliver(HEADSET, b"\0\1\0\0" + struct.pack("<q", episode.start_ns + 60 * SECOND))
        rig.deliver(4, b"\0\1\0\0")
    rig.recorder.stop()
    rig.wait_until_sealed()
    clocks = EpisodeFile.read(rig.directory(episode.id)).clocks
    assert set(clocks) == {"headset", "plain"}
    assert clocks["headset"].stamped == 20
    assert clocks["headset"].offset_ms is not None
    assert -60_000 <= clocks["headset"].offset_ms < -1000
    assert (clocks["plain"].messages, clocks["plain"].stamped, clocks["plain"].offset_ms) == (20, 0, None)
