"""``frames`` on bags of streams with the simulator's faults: what the documentation says of each is what comes out."""

import io
import json
import struct
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from humanoid_recorder.cli.frames_models import Compared, FramesReport
from humanoid_recorder.cli.frames_plot import parts_of
from humanoid_recorder.cli.frames_report import compare
from humanoid_recorder.cli.frames_view import show
from humanoid_recorder.cli.main import run
from humanoid_recorder.core.alignment.frame_message import FRAMES_TYPE, FrameEncoder
from humanoid_recorder.core.alignment.frames import FrameTable
from humanoid_recorder.core.alignment.live import LiveAligner
from humanoid_recorder.core.alignment.rules import Status
from humanoid_recorder.core.alignment.times import times_of
from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.core.labels import End, Labels
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.sim.faults.effects import Sample as Measured
from humanoid_recorder.sim.faults.kinds import Bursts, ClockOffset, Fault, FrozenCamera, PublisherRestart, StaleFirst
from humanoid_recorder.sim.faults.pipeline import FaultyStream
from humanoid_recorder.storage.bag_frames import align_bag, plan_for, recorded_frames
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.bag_writer import BagTopic, BagWriter
from humanoid_recorder.storage.episode_file import EpisodeFile, ProvenanceRecord, StartRecord, StopRecord

START_NS = 1_795_160_424_000_000_000
MS, SECOND = 1_000_000, 1_000_000_000
SECONDS = 2
LATENCY_NS = 1 * MS
FRAMES_ID = 9
HEADER = "std_msgs/Header header\n"

PROFILE = """\
robot: {name: r1}
streams:
  head: {topic: /head, type: x_msgs/msg/X, kind: camera, rate_hz: 30}
  joints: {topic: /joints, type: x_msgs/msg/X, kind: joint, rate_hz: 500}
  touch: {topic: /touch, type: x_msgs/msg/X, kind: tactile, rate_hz: 100}
sync: {clock: head, tolerance_ms: 20, hold_off_ms: 60}
"""
RATES = {"head": 30, "joints": 500, "touch": 100}


def message(stamp_ns: int) -> bytes:
    return b"\x00\x01\x00\x00" + struct.pack("<iI", *divmod(stamp_ns, SECOND)) + bytes(8)


def heard(*faults: Fault) -> list[Sample]:
    """Return what a recorder hears of the robot, in the order of receipt."""
    samples = []
    for channel_id, (name, rate_hz) in enumerate(RATES.items(), start=1):
        stream = FaultyStream(name)
        stream.set_faults(fault for fault in faults if fault.stream == name)
        values: Any = b"picture" if name == "head" else np.zeros(3)
        for at in range(SECONDS * rate_hz):
            sent = stream.apply(Measured(START_NS + at * SECOND // rate_hz, values))
            if sent is not None:
                log_ns = sent.publish_ns + LATENCY_NS
                samples.append(Sample(channel_id, message(sent.stamp_ns), log_ns, sent.publish_ns, sent.stamp_ns, 0))
    return sorted(samples, key=lambda sample: sample.log_ns)


def episode(*, end: End = End.STOPPED) -> EpisodeFile:
    provenance = ProvenanceRecord(
        robot="r1", robot_serial="", profile_path="", profile_sha256="", profile_text=PROFILE, urdf_sha256="", host="",
        software={}, clock_synchronised=None,
    )  # fmt: skip
    stop = StopRecord(
        time_ns=START_NS + SECONDS * SECOND, end=end, detail="", duration_s=SECONDS, messages=0, bytes=0, lost=0,
        dropped=0, longest_sync_ms=0, queue_high_water_bytes=0,
    )  # fmt: skip
    start = StartRecord(time_ns=START_NS, labels=Labels(), streams=(), provenance=provenance)
    return EpisodeFile(id="e", session="s", start=start, stop=stop, labels=Labels())


def live_frames(samples: Sequence[Sample]) -> list[bytes]:
    """Return the messages of ``~/frames`` that a recorder writes."""
    plan = plan_for(PROFILE, name="r1.yaml")
    aligner, encoder = LiveAligner(plan.alignment(start_ns=START_NS)), FrameEncoder(tuple(RATES))
    for sample in samples:
        source = plan.streams[sample.channel_id - 1].time_source(has_header=True)
        aligner.feed(sample.channel_id - 1, times_of(source, [sample]), [sample.log_ns])
    return [encoder.encode(frame) for frame in aligner.finish(START_NS + SECONDS * SECOND)]


MakeBag = Callable[..., Path]


@pytest.fixture
def make_bag(tmp_path: Path) -> MakeBag:
    def make(
        *faults: Fault, name: str = "bag", samples: Sequence[Sample] | None = None, frames: Sequence[bytes] = ()
    ) -> Path:
        bag = BagWriter(tmp_path / name, ros_distro="kilted")
        for channel_id, stream in enumerate(RATES, start=1):
            bag.add_topic(BagTopic(channel_id, f"/{stream}", "x_msgs/msg/X", HEADER, "", (QosOffer(),)))
        bag.write(list(heard(*faults) if samples is None else samples))
        if frames:
            frames_topic = BagTopic(
                FRAMES_ID, "/recorder/frames", FRAMES_TYPE.name, FRAMES_TYPE.definition, "", (QosOffer(),)
            )
            bag.add_topic(frames_topic)
            bag.write([Sample(FRAMES_ID, data, START_NS, START_NS, None, 0) for data in frames])
        directory = bag.seal(custom_data={}).directory
        episode().write(directory)
        return directory

    return make


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Callable[..., FramesReport]:
    def of(bag: Path, *arguments: str, code: int = 0) -> FramesReport:
        assert run(["frames", str(bag), "--json", *arguments]) == code
        return FramesReport.model_validate_json(capsys.readouterr().out)

    return of


Report = Callable[..., FramesReport]


def test_a_robot_in_order_has_only_complete_frames(make_bag: MakeBag, report: Report) -> None:
    found = report(make_bag())
    assert (found.ticks, found.complete, found.worst_stream, found.notes) == (60, 60, "", ())
    assert found.skew_ms is not None
    assert found.skew_ms.max <= 1000 / 100
    assert found.comparison.result is Compared.NOT_RECORDED
    head, joints, touch = found.streams
    assert head.age_ms is not None
    assert (head.age_ms.max, touch.delay_ms) == (0.0, 1.0)
    assert joints.age_ms is not None
    assert joints.age_ms.max < 1000 / 500


def cells(bag: Path) -> list[list[list[int]]]:
    found: list[list[list[int]]] = align_bag(
        BagReader(bag), plan_for(PROFILE, name="r1.yaml"), episode=None
    ).table.cells.tolist()
    return found


def test_bursts_within_the_hold_off_change_no_frame(make_bag: MakeBag, report: Report) -> None:
    burst = make_bag(Bursts("joints", hold_ms=36), name="burst")
    assert cells(burst) == cells(make_bag(name="plain"))
    found = report(burst)
    assert found.complete == found.ticks
    assert found.streams[1].delay_ms == pytest.approx(1 + (2 + 36) / 2, abs=1)


def test_bursts_longer_than_the_hold_off_spoil_the_ticks_whose_samples_came_too_late(
    make_bag: MakeBag, report: Report
) -> None:
    found = report(make_bag(Bursts("joints", hold_ms=200)))
    joints = found.streams[1]
    assert found.worst_stream == "joints"
    assert joints.missing + joints.out_of_tolerance == joints.spoiled == found.ticks - found.complete
    # Of six ticks in 200 ms one lies in the last 60 ms (the hold-off) and still sees its neighbours arrive.
    assert found.complete == found.ticks / 6
    # The samples of the last burst, from 1.8 s on, are in the bag as well.
    assert joints.late == joints.spoiled
    assert any(f"joints: at {joints.late} ticks its samples came after the hold-off, 60 ms" in n for n in found.notes)


def test_a_clock_that_is_ahead_is_named_with_the_offset_that_mends_it(
    make_bag: MakeBag, report: Report, tmp_path: Path
) -> None:
    bag = make_bag(ClockOffset("touch", offset_ms=1700))
    found = report(bag)
    touch = found.streams[2]
    # From 1.7 s on there are samples that claim to be of the tick, and were measured 1.7 s before.
    assert (found.ticks, touch.ok, found.worst_stream) == (60, 60 - 51, "touch")
    assert touch.delay_ms == pytest.approx(-1699)
    (note,) = found.notes
    assert "touch: its times are 1699.0 ms after the receipt" in note
    assert "offset_ms: -1699" in note
    (tmp_path / "mended.yaml").write_text(
        PROFILE.replace("kind: tactile,", "kind: tactile, align: {offset_ms: -1699},")
    )
    mended = report(bag, "--profile", str(tmp_path / "mended.yaml"))
    assert (mended.complete, mended.notes) == (mended.ticks - 1, ())  # 1 ms late, the first tick has no touch yet
    assert mended.comparison.result is Compared.SKIPPED


def test_stale_first_messages_of_a_stream_are_not_chosen(make_bag: MakeBag, report: Report) -> None:
    found = report(make_bag(StaleFirst("touch", age_ms=5000, count=2)))
    touch = found.streams[2]
    assert (touch.out_of_tolerance, touch.ok) == (1, found.ticks - 1)
    assert touch.age_ms is not None
    assert touch.age_ms.max <= 20


def test_a_clock_stream_that_was_restarted_leaves_a_hole_and_it_is_named(make_bag: MakeBag, report: Report) -> None:
    found = report(make_bag(PublisherRestart("head", down_ms=500)))
    assert found.ticks == 60 - 15
    silent = heard(PublisherRestart("head", down_ms=500))
    head = [sample for sample in silent if sample.channel_id == 1]
    hole = [sample for sample in silent if sample.channel_id != 1] + head[:10] + head[25:]
    found = report(make_bag(name="hole", samples=sorted(hole, key=lambda sample: sample.log_ns)))
    assert found.longest_tick_gap_ms == pytest.approx(16 * 1000 / 30, abs=0.01)
    (note,) = found.notes
    assert "head: no tick for 533 ms, 0.30 s after the first" in note


def test_a_clock_stream_that_is_silent_makes_no_frames_and_that_is_bad(make_bag: MakeBag, report: Report) -> None:
    samples = [sample for sample in heard() if sample.channel_id != 1]
    bag = make_bag(samples=samples)
    found = report(bag, "--plot", str(bag / "f.png"), "--out", str(bag / "f.csv"), code=1)
    assert (found.ticks, found.complete_share, found.good, found.plot) == (0, None, False, None)
    assert any("There are no frames: head" in note for note in found.notes)
    assert len((bag / "f.csv").read_text().splitlines()) == 1


def test_a_camera_that_repeats_its_picture_with_new_stamps_changes_no_frame(make_bag: MakeBag) -> None:
    assert cells(make_bag(FrozenCamera("head"), name="frozen")) == cells(make_bag())


def test_a_clock_stream_that_repeats_its_stamps_makes_one_tick_of_them(make_bag: MakeBag, report: Report) -> None:
    samples = heard()
    doubled = sorted(samples + [sample for sample in samples if sample.channel_id == 1], key=lambda each: each.log_ns)
    found = report(make_bag(samples=doubled))
    assert (found.ticks, found.complete) == (60, 60)
    assert found.notes == ("head: 60 messages are not later than the one before and make no tick.",)


def test_messages_without_a_stamp_are_counted_and_never_chosen(make_bag: MakeBag, report: Report) -> None:
    samples = [
        sample._replace(data=message(0), stamp_ns=None) if sample.channel_id == 3 and at % 2 else sample
        for at, sample in enumerate(heard())
    ]
    found = report(make_bag(samples=samples))
    touch = found.streams[2]
    assert 0 < touch.without_time < touch.messages == 200
    assert f"touch: {touch.without_time} of 200 messages have no stamp time." in found.notes


def test_a_stream_that_the_bag_does_not_have_is_named(make_bag: MakeBag, report: Report) -> None:
    found = report(make_bag(samples=[sample for sample in heard() if sample.channel_id != 3]))
    assert (found.streams[2].missing, found.complete, found.worst_stream) == (60, 0, "touch")
    assert any("touch: the bag has nothing of /touch" in note for note in found.notes)


def test_a_slow_stream_with_the_rule_latest_is_told_why_it_fails(
    make_bag: MakeBag, report: Report, tmp_path: Path
) -> None:
    (tmp_path / "p.yaml").write_text(PROFILE.replace("clock: head", "clock: 100 Hz"))
    found = report(make_bag(), "--profile", str(tmp_path / "p.yaml"))
    assert found.clock == "100 Hz"
    assert any(
        "head: at 30 Hz the latest sample is up to 33 ms old, and the tolerance is 20 ms" in n for n in found.notes
    )


def test_a_fixed_rate_lasts_from_the_start_of_the_episode_to_its_stop(make_bag: MakeBag) -> None:
    plan = plan_for(PROFILE.replace("clock: head", "clock: 10 Hz"), name="r1.yaml")
    ours = align_bag(BagReader(make_bag()), plan, episode=episode()).table
    assert (int(ours.ticks_ns[0]), len(ours.ticks_ns)) == (START_NS, SECONDS * 10 + 1)
    theirs = align_bag(BagReader(make_bag(name="theirs")), plan, episode=None).table
    assert int(theirs.ticks_ns[0]) == START_NS + LATENCY_NS


def test_a_fixed_rate_over_a_log_time_of_zero_is_refused_and_not_made(make_bag: MakeBag) -> None:
    plan = plan_for(PROFILE.replace("clock: head", "clock: 30 Hz"), name="r1.yaml")
    first, *others = heard()
    with pytest.raises(BagReadError, match=r"there would be 53,\d+,\d+,\d+ frames"):
        align_bag(BagReader(make_bag(samples=[first._replace(log_ns=0), *others])), plan, episode=None)


@pytest.mark.parametrize("fault", [Bursts("joints"), Bursts("head", hold_ms=90), ClockOffset("touch", offset_ms=15)])
def test_the_frames_of_a_recorder_are_found_again_whatever_the_fault(
    make_bag: MakeBag, report: Report, fault: Fault
) -> None:
    samples = heard(fault)
    found = report(make_bag(samples=samples, frames=live_frames(samples)))
    assert found.comparison.result is Compared.EQUAL
    assert found.comparison.frames == found.ticks > 50


def test_frames_that_are_not_found_again_are_an_error_unless_they_are_not_compared(
    make_bag: MakeBag, report: Report
) -> None:
    samples = heard()
    lacking = [sample for at, sample in enumerate(samples) if at != 700]
    bag = make_bag(samples=lacking, frames=live_frames(samples))
    found = report(bag, code=1)
    assert (found.comparison.result, found.good) == (Compared.DIFFERENT, False)
    assert found.comparison.detail.startswith("frame ")
    assert report(bag, "--no-compare").comparison.result is Compared.SKIPPED


def test_an_episode_that_a_fault_ended_may_lack_its_last_frames_and_no_other(make_bag: MakeBag) -> None:
    samples = heard()
    bag = BagReader(make_bag(samples=samples, frames=live_frames(samples)[:50]))
    recorded = recorded_frames(bag)
    found = align_bag(bag, plan_for(PROFILE, name="r1.yaml"), episode=None).table
    assert recorded is not None
    assert compare(recorded, found, episode(end=End.FAULT)).result is Compared.SHORTER
    assert compare(recorded, found, episode()).result is Compared.DIFFERENT
    recorded.cells[3, 0, 0] += 1
    assert compare(recorded, found, episode(end=End.FAULT)).result is Compared.DIFFERENT


def test_a_foreign_array_that_is_called_frames_is_not_taken_for_ours(make_bag: MakeBag, report: Report) -> None:
    assert report(make_bag(frames=[b"\x00\x01\x00\x00" + bytes(12)])).comparison.result is Compared.NOT_RECORDED


@pytest.mark.parametrize("width", [80, 140])
def test_the_terminal_names_streams_notes_and_the_worst(make_bag: MakeBag, report: Report, width: int) -> None:
    text = io.StringIO()
    show(report(make_bag(Bursts("joints", hold_ms=200))), Console(width=width, file=text, highlight=False))
    for part in ("interpolate 20 ms", "joints spoils most", "head makes the ticks", "not compared: "):
        assert part in text.getvalue()
    assert max(len(line.rstrip()) for line in text.getvalue().splitlines()[1:]) <= width


def test_a_profile_that_says_nothing_of_alignment_is_refused(
    make_bag: MakeBag, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "p.yaml").write_text(PROFILE[: PROFILE.index("sync")])
    assert run(["frames", str(make_bag()), "--profile", str(tmp_path / "p.yaml")]) == 2
    assert "nothing says how streams are aligned" in capsys.readouterr().err


def test_json_keeps_its_keys(make_bag: MakeBag, report: Report) -> None:
    found = json.loads(report(make_bag()).model_dump_json())
    assert list(found) == [
        "schema_version", "good", "path", "profile", "clock", "hold_off_ms", "ticks", "duration_s",
        "longest_tick_gap_ms", "complete", "complete_share", "skew_ms", "worst_stream", "streams", "comparison",
        "notes", "out", "plot",
    ]  # fmt: skip


def test_the_picture_sums_up_parts_of_equal_time() -> None:
    grid = np.zeros((4, 1, 5), np.int64)
    grid[:, 0] = [
        [0, 1, 0, 2 * MS, Status.OK],
        [-1, 0, -1, -1, Status.MISSING],
        [1, 1, 0, -3 * MS, Status.OK],
        [2, 1, 0, MS, Status.OK],
    ]
    share, age_ms = parts_of(FrameTable(("s",), np.array([0, 10, 19, 40], np.int64), grid))
    assert share[0].tolist() == pytest.approx([2 / 3, 1.0])
    assert age_ms[0].tolist() == [3.0, 1.0]
    share, age_ms = parts_of(FrameTable(("s",), np.array([0, 10, 11, 12, 13, 40], np.int64), grid[[0, 1, 1, 1, 1, 3]]))
    assert share[0].tolist() == pytest.approx([1 / 5, float("nan"), 1.0], nan_ok=True)
    assert age_ms[0].tolist() == pytest.approx([2.0, float("nan"), 1.0], nan_ok=True)


def test_without_matplotlib_it_says_what_to_install(
    make_bag: MakeBag, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert run(["frames", str(make_bag()), "--plot", str(tmp_path / "f.png")]) == 2
    assert "humanoid_recorder[view]" in capsys.readouterr().err
