"""Whatever a robot does wrong, the frames written while recording are those that the bag gives afterwards.

The simulated humanoid lives on a clock that only the test moves, and so does the recorder's: what is received when, and
so every frame, is the same in each run. How far the writer's thread has come at any moment is not.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from humanoid_recorder.core.alignment.compare import first_difference
from humanoid_recorder.core.alignment.frames import STATUS, FrameTable
from humanoid_recorder.core.alignment.quality import judge
from humanoid_recorder.core.alignment.rules import Int64Array, Status
from humanoid_recorder.core.clocks import LogClock
from humanoid_recorder.core.message_type import MessageType
from humanoid_recorder.recording.channels import FIRST_CHANNEL_ID, Channel
from humanoid_recorder.sim.faults import kinds
from humanoid_recorder.sim.faults.effects import Values
from humanoid_recorder.sim.faults.kinds import KINDS, Fault
from humanoid_recorder.sim.humanoid_loop import HumanoidLoop
from humanoid_recorder.sim.humanoid_streams import HumanoidStream, StreamPlan, build_streams
from humanoid_recorder.sim.render_client import Picture
from humanoid_recorder.storage.bag_frames import align_bag, plan_for, recorded_frames
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.unit.recording.conftest import MakeChannel, MakeRig, Rig

MS = 1_000_000
WALL_NS = 1_700_000_000_000_000_000
START_NS, ON_NS, OFF_NS, STOP_NS, END_NS = (WALL_NS + at * MS for at in (100, 350, 700, 950, 1150))
"""Of the episode, of the fault in it, and of the robot: it goes on for a while after the stop."""
STEP_NS = 50 * MS
"""The writer is never further behind than this, so that it writes frames while the episode goes on."""
RENDERING_NS = 10 * MS
MARGIN_NS = 100 * MS
"""Around the begin and the end of a fault nothing is said of the ticks."""

CAMERAS = {"head": 58.0, "left_wrist": 75.0, "right_wrist": 75.0}
ROBOT = build_streams(StreamPlan(("knee", "elbow"), (), CAMERAS, (2, 3), operator=False))
ALIGN = {
    "head": "rule: nearest",
    "left_wrist": "rule: nearest",
    "right_wrist": "rule: nearest",
    "joints": "rule: interpolate",
    "left_wrench": "rule: window, window: 5",
    "left_touch": "rule: latest",
    "operator_head": "rule: latest",
}
"""By name: the streams that are recorded."""
SIZES = {"joints": 6, "left_wrench": 6, "left_touch": 6, "operator_head": 7}
TAKEN_AFTER_NS = {"head": 40 * MS, "left_wrist": 25 * MS, "left_wrench": 3 * MS}
"""How long after its receipt the middleware lets a message be taken; the others are there at once."""
REFERENCE, FIXED_RATE = "head", "30 Hz"

HARMLESS = (
    kinds.Bursts,  # 36 ms by default, which is within the hold-off
    kinds.ExactRepeats,
    kinds.FrozenCamera,
    kinds.JointJump,
    kinds.SwappedCameras,
    kinds.TaxelsSaturated,
    kinds.TaxelsStuck,
    kinds.WrenchBias,
)
"""Frames are as without them: they choose samples by their times, and wait for them."""
ABSENT = (kinds.Silent, kinds.Late, kinds.PublisherRestart)


def profile(clock: str) -> str:
    streams = [
        f"  {name}: {{topic: {stream.topic}, type: {stream.type}, kind: {stream.kind}, rate_hz: {stream.rate_hz}, "
        f"align: {{{ALIGN[name]}}}}}\n"
        for name, stream in ROBOT.items()
        if name in ALIGN
    ]
    sync = f"sync: {{clock: {clock}, tolerance_ms: 20, hold_off_ms: 80}}\n"
    return f"robot: {{name: r1}}\nstreams:\n{''.join(streams)}{sync}"


PLANS = {clock: plan_for(profile(clock), name="r1.yaml") for clock in (REFERENCE, FIXED_RATE)}


class Body:
    """Measures its own number of steps in every value."""

    def __init__(self) -> None:
        self.streams: dict[str, HumanoidStream] = ROBOT
        self.measures = {name: self._measure(size) for name, size in SIZES.items()}
        self.steps = 0

    def _measure(self, size: int) -> Callable[[], Values]:
        return lambda: np.full(size, float(self.steps))

    def step(self) -> None:
        self.steps += 1

    def configuration(self) -> bytes:
        return str(self.steps).encode()


class Stage:
    """Passes the time, renders, and carries what the robot sends to the recorder.

    Args:
        rig: The recorder.
        channels: Its ids of the streams.
    """

    def __init__(self, rig: "Rig", channels: dict[str, int]) -> None:
        self.script: list[tuple[int, Callable[[], object]]] = []
        self._rig, self._channels = rig, channels
        self._time_ns = WALL_NS
        self._pictures: list[Picture] = []
        self._on_their_way: list[tuple[int, str, bytes, int]] = []
        self._is_present = dict.fromkeys(ROBOT, True)
        self._lives = dict.fromkeys(ROBOT, 1)

    def now_ns(self) -> int:
        return self._time_ns

    def sleep(self, duration_ns: int) -> None:
        self._time_ns += duration_ns
        self._deliver()
        while self.script and self.script[0][0] <= self._time_ns:
            self.script.pop(0)[1]()
        if (self._time_ns - WALL_NS) % STEP_NS == 0:
            self.let_writer_catch_up()

    def let_writer_catch_up(self) -> int:
        """Wait until everything so far has been taken, and return how many frames have been written."""
        frames: list[int] = []
        is_done = threading.Event()

        def look() -> None:
            live = self._rig.recorder.live()
            frames.append(live.frames.quality().ticks if live is not None and live.frames is not None else 0)
            is_done.set()

        self._rig.recorder._queue.put_marker(look)  # in the writer's thread, to which the frames belong
        assert is_done.wait(30)
        return frames[0]

    def request(self, stamp_ns: int, configuration: bytes, cameras: Sequence[str]) -> None:
        self._pictures += [Picture(stamp_ns, name, name.encode() + b" at " + configuration) for name in cameras]

    def take(self) -> list[Picture]:
        done = [picture for picture in self._pictures if picture.stamp_ns + RENDERING_NS <= self._time_ns]
        self._pictures = [picture for picture in self._pictures if picture not in done]
        return done

    def send(self, stream: str, data: bytes) -> None:
        if stream in self._channels:
            taken_ns = self._time_ns + TAKEN_AFTER_NS.get(stream, 0)
            self._on_their_way.append((taken_ns, stream, data, self._time_ns))

    def set_present(self, stream: str, present: bool) -> None:
        self._lives[stream] += present and not self._is_present[stream]
        self._is_present[stream] = present

    def _deliver(self) -> None:
        """Do one wake-up of the ingest: channel by channel."""
        now = [message for message in self._on_their_way if message[0] <= self._time_ns]
        self._on_their_way = [message for message in self._on_their_way if message[0] > self._time_ns]
        for _, stream, data, received_ns in sorted(now, key=lambda message: self._channels[message[1]]):
            publisher = b"%d" % self._lives[stream]
            self._rig.receive(self._channels[stream], data, publisher=publisher, received_ns=received_ns)
        self._rig.take_waiting()
        self._rig.recorder.intake.drained(self._time_ns)


@dataclass(frozen=True, slots=True)
class Recorded:
    """An episode of the simulated robot."""

    written: FrameTable
    """The frames in the bag."""
    found: FrameTable
    """Those that the messages in it give."""
    file: EpisodeFile
    messages: dict[str, list[tuple[int, bytes]]]
    """By stream: log time, ns since the epoch, and bytes."""
    written_before_stop: int
    """Frames."""

    def status(self, stream: str) -> Int64Array:
        """Return the status of a stream at each tick."""
        return self.written.cells[:, self.written.names.index(stream), STATUS]

    def others(self, stream: str) -> dict[int, list[list[int]]]:
        """Return the cells of all other streams by tick."""
        rows = np.delete(self.written.cells, self.written.names.index(stream), axis=1).tolist()
        return dict(zip(self.written.ticks_ns.tolist(), rows, strict=True))


Record = Callable[[str, Sequence[Fault]], Recorded]


@pytest.fixture
def record(make_rig: "MakeRig", make_channel: "MakeChannel") -> Record:
    """Records an episode of the simulated robot with faults for a part of it."""

    def run(clock: str, faults: Sequence[Fault]) -> Recorded:
        plan = PLANS[clock]
        rig = make_rig(alignment=plan)
        channels: list[Channel] = []
        for at, each in enumerate(plan.streams, start=FIRST_CHANNEL_ID):
            message_type = MessageType(each.stream.type, "std_msgs/Header header\n", "", has_header=True)
            channel = make_channel(at, each.stream.name)
            channels.append(replace(channel, stream=each.stream, message_type=message_type))
        stage = Stage(rig, {channel.stream.name: channel.id for channel in channels})
        rig.recorder.intake.clock = LogClock(wall_ns=stage.now_ns, monotonic_ns=stage.now_ns)
        rig.subscribe(*channels)
        loop = HumanoidLoop(Body(), stage, stage, clock=stage)
        written: list[int] = []

        def stop() -> None:
            written.append(stage.let_writer_catch_up())
            rig.recorder.stop()

        stage.script = [
            (START_NS, rig.recorder.start),
            (ON_NS, lambda: loop.set_faults(faults)),
            (OFF_NS, lambda: loop.set_faults(())),
            (STOP_NS, stop),
            (END_NS, loop.stop),
        ]
        loop.run(WALL_NS, WALL_NS)
        rig.wait_until_sealed()
        (directory,) = rig.folder.path.glob("*/metadata.yaml")
        reader, file = BagReader(directory.parent), EpisodeFile.read(directory.parent)
        frames = recorded_frames(reader)
        assert frames is not None
        messages: dict[str, list[tuple[int, bytes]]] = {name: [] for name in ALIGN}
        names = {channel.stream.topic: channel.stream.name for channel in channels}
        for message in reader.messages(names):
            messages[names[message.topic]].append((message.log_ns, bytes(message.data)))
        return Recorded(frames, align_bag(reader, plan, episode=file).table, file, messages, written[0])

    return run


@pytest.fixture(scope="module")
def known() -> dict[str, Recorded]:
    return {}


@pytest.fixture
def healthy(known: dict[str, Recorded], record: Record) -> Callable[[str], Recorded]:
    """Gives the same episode without a fault."""

    def of(clock: str) -> Recorded:
        if clock not in known:
            known[clock] = record(clock, ())
        return known[clock]

    return of


def assert_found_again(recorded: Recorded) -> None:
    assert str(first_difference(recorded.written, recorded.found)) == "None"
    assert "frames_late" not in {finding.check for finding in recorded.file.findings}
    assert recorded.file.alignment == judge(recorded.found)
    assert recorded.written_before_stop > 0
    assert recorded.file.stop is not None
    assert (recorded.file.stop.lost, recorded.file.stop.dropped) == (0, 0)


def assert_as_documented(fault: Fault, recorded: Recorded, healthy: Recorded) -> None:
    """Check what the fault must have done to the frames, where that is certain."""
    stream, ticks, usual = fault.stream, recorded.written.ticks_ns, healthy.written.ticks_ns
    others, usual_others = recorded.others(stream), healthy.others(stream)
    if isinstance(fault, HARMLESS):
        assert str(first_difference(healthy.written, recorded.written)) == "None"
    elif isinstance(fault, kinds.ClockDrift):
        assert (recorded.written.cells[:, :, STATUS] == healthy.written.cells[:, :, STATUS]).all()
    elif isinstance(fault, kinds.ClockOffset) and stream == REFERENCE:
        is_ahead = ticks > END_NS
        assert 0 < is_ahead.sum() < len(ticks) < len(usual)
        is_other = np.array(recorded.written.names) != stream
        assert (recorded.written.cells[is_ahead][:, is_other, STATUS] == Status.OUT_OF_TOLERANCE).all()
    elif isinstance(fault, kinds.StaleFirst) and stream == REFERENCE:
        assert len(ticks) == len(usual) - fault.count
        assert others == {tick: cells for tick, cells in usual_others.items() if tick in others}
    elif isinstance(fault, kinds.StaleFirst):
        assert others == usual_others
        (changed,) = np.nonzero(recorded.status(stream) != healthy.status(stream))
        assert len(changed) <= fault.count
        assert (abs(ticks[changed] - ON_NS) <= MARGIN_NS).all()
    elif isinstance(fault, ABSENT) and stream == REFERENCE:
        assert not ((ticks > ON_NS + MARGIN_NS) & (ticks < OFF_NS - MARGIN_NS)).any()
        is_outside = (usual < ON_NS - MARGIN_NS) | (usual > OFF_NS + MARGIN_NS)
        assert set(usual[is_outside].tolist()) <= set(ticks.tolist()) < set(usual.tolist())
        assert others == {tick: cells for tick, cells in usual_others.items() if tick in others}
    elif isinstance(fault, (*ABSENT, kinds.ClockOffset)):
        assert others == usual_others
        status, usual_status = recorded.status(stream), healthy.status(stream)
        is_inside = (ticks > ON_NS + MARGIN_NS) & (ticks < OFF_NS - MARGIN_NS)
        is_outside = (ticks < ON_NS - MARGIN_NS) | (ticks > OFF_NS + MARGIN_NS)
        assert (status[is_inside] == Status.OUT_OF_TOLERANCE).all()
        assert (status[is_outside] == usual_status[is_outside]).all()
        quality = judge(recorded.written)
        assert quality.worst_stream == stream
        assert quality.complete + int(is_inside.sum()) <= judge(healthy.written).complete


def streams_of(kind: type[Fault]) -> list[str]:
    """Return the recorded streams that can have a fault; of the two wrists' cameras, which are alike, one."""
    able = [name for name in ALIGN if ROBOT[name].kind in kind.befalls and name != "right_wrist"]
    return ["left_wrist"] if kind is kinds.SwappedCameras else able


def test_the_robot_in_order_has_complete_frames_whoever_makes_the_ticks(healthy: Callable[[str], Recorded]) -> None:
    for clock in PLANS:
        recorded = healthy(clock)
        assert_found_again(recorded)
        quality = recorded.file.alignment
        assert quality is not None
        assert quality.complete >= quality.ticks - 3 > 20


@pytest.mark.parametrize(
    "fault",
    [kind(stream) for kind in KINDS for stream in streams_of(kind)],
    ids=lambda fault: f"{type(fault).__name__}-{fault.stream}",
)
def test_frames_written_live_are_those_of_the_bag_whatever_fault_comes_and_goes(
    record: Record, healthy: Callable[[str], Recorded], fault: Fault
) -> None:
    recorded = record(REFERENCE, (fault,))
    assert recorded.messages[fault.stream] != healthy(REFERENCE).messages[fault.stream], "there was no fault"
    assert_found_again(recorded)
    assert_as_documented(fault, recorded, healthy(REFERENCE))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_frames_at_a_fixed_rate_are_those_of_the_bag_with_a_fault_on_every_stream(
    record: Record, healthy: Callable[[str], Recorded], kind: type[Fault]
) -> None:
    recorded = record(FIXED_RATE, [kind(stream) for stream in streams_of(kind)])
    assert_found_again(recorded)
    assert (recorded.written.ticks_ns == healthy(FIXED_RATE).written.ticks_ns).all()
    if kind in HARMLESS:
        assert str(first_difference(healthy(FIXED_RATE).written, recorded.written)) == "None"


@pytest.mark.parametrize(
    "faults",
    [
        (kinds.Bursts("joints", hold_ms=250.0),),
        (kinds.Bursts("left_wrench", hold_ms=120.0), kinds.ClockOffset("head", offset_ms=15.0)),
        (kinds.StaleFirst("left_touch", age_ms=200.0, count=30), kinds.ClockDrift("head", drift_ppm=200_000.0)),
    ],
    ids=["late", "late and ahead", "stale and fast"],
)
@pytest.mark.parametrize("clock", PLANS)
def test_frames_that_faults_spoil_are_found_again_as_well(
    record: Record, healthy: Callable[[str], Recorded], clock: str, faults: Sequence[Fault]
) -> None:
    recorded = record(clock, faults)
    assert_found_again(recorded)
    assert judge(recorded.written).complete < judge(healthy(clock).written).complete
