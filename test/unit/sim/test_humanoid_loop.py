from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from humanoid_recorder.core.cdr import peek_header_stamp_ns
from humanoid_recorder.sim.faults.effects import Values
from humanoid_recorder.sim.faults.text import parse_fault
from humanoid_recorder.sim.humanoid_loop import MOST_BEHIND_NS, HumanoidLoop
from humanoid_recorder.sim.humanoid_streams import HumanoidStream, StreamPlan, build_streams
from humanoid_recorder.sim.render_client import Picture

WALL_NS = 1_700_000_000_000_000_000
MS = 1_000_000
CAMERAS = {"head": 58.0, "left_wrist": 75.0, "right_wrist": 75.0}


@dataclass
class Clock:
    """Time passes by sleeping only."""

    time_ns: int = 5_000 * MS
    end_ns: int = 0
    at_end: Callable[[], None] = lambda: None

    def now_ns(self) -> int:
        return self.time_ns

    def sleep(self, duration_ns: int) -> None:
        self.time_ns += duration_ns
        if self.time_ns >= self.end_ns:
            self.at_end()


class Rig:
    """Measures its own number of steps in every value."""

    def __init__(self) -> None:
        plan = StreamPlan(("a", "b"), ("box",), CAMERAS, (2, 3), operator=True)
        self.streams: dict[str, HumanoidStream] = build_streams(plan)
        sizes = {"joints": 6, "commands": 2, "imu": 10, "operator_joy": 14}
        sizes |= {f"{side}_{what}": 6 for side in ("left", "right") for what in ("wrench", "touch")}
        self.measures: dict[str, Callable[[], Values]] = {
            name: self._measure(sizes.get(name, 7))
            for name in self.streams
            if name not in CAMERAS and not name.endswith("_info")
        }
        self.steps = 0

    def _measure(self, size: int) -> Callable[[], Values]:
        return lambda: np.full(size, float(self.steps))

    def step(self) -> None:
        self.steps += 1

    def configuration(self) -> bytes:
        return str(self.steps).encode()


@dataclass
class Renderer:
    """Has the pictures ready at once."""

    pictures: list[Picture] = field(default_factory=list)

    def request(self, stamp_ns: int, configuration: bytes, cameras: Sequence[str]) -> None:
        self.pictures += [Picture(stamp_ns, name, name.encode() + b" at " + configuration) for name in cameras]

    def take(self) -> list[Picture]:
        taken, self.pictures = self.pictures, []
        return taken


@dataclass
class Outlet:
    clock: Clock
    sent: dict[str, list[tuple[int, bytes]]] = field(default_factory=dict)
    """Per stream: when (ns since the start), what."""
    present: list[tuple[str, bool]] = field(default_factory=list)

    def send(self, stream: str, data: bytes) -> None:
        self.sent.setdefault(stream, []).append((self.clock.time_ns - 5_000 * MS, data))

    def set_present(self, stream: str, present: bool) -> None:
        if not self.present or self.present[-1] != (stream, present):
            self.present.append((stream, present))


def live(*faults: str, seconds: float = 1.0) -> Outlet:
    """Let the robot live for a while with these faults."""
    clock, rig = Clock(), Rig()
    outlet = Outlet(clock)
    loop = HumanoidLoop(rig, Renderer(), outlet, clock=clock)
    clock.end_ns, clock.at_end = clock.time_ns + round(seconds * 1000) * MS, loop.stop
    kinds = {name: stream.kind for name, stream in rig.streams.items()}
    loop.set_faults([parse_fault(text, kinds) for text in faults])
    loop.run(clock.time_ns, WALL_NS)
    return outlet


def stamps_ns(outlet: Outlet, stream: str) -> list[int]:
    stamps = [peek_header_stamp_ns(data) for _, data in outlet.sent[stream]]
    return [stamp - WALL_NS for stamp in stamps if stamp is not None]


HEALTHY = live()


@pytest.mark.parametrize("name", HEALTHY.sent)
def test_every_stream_is_measured_at_its_rate_on_steps_of_the_physics(name: str) -> None:
    rate_hz = Rig().streams[name].rate_hz
    stamps = stamps_ns(HEALTHY, name)
    assert len(stamps) == rate_hz or len(stamps) == rate_hz - 1  # the last second has not quite ended
    for number, stamp_ns in enumerate(stamps, start=1):
        assert stamp_ns % MS == 0
        assert 0 <= stamp_ns - number * 1e9 / rate_hz < MS


def test_every_stream_of_the_robot_is_sent() -> None:
    assert set(HEALTHY.sent) == set(Rig().streams)


def test_a_message_goes_out_in_the_turn_in_which_it_is_measured_with_what_was_so_then() -> None:
    for when_ns, data in HEALTHY.sent["left_wrench"]:
        stamp_ns = (peek_header_stamp_ns(data) or 0) - WALL_NS
        assert 0 <= when_ns - stamp_ns <= MS
        assert np.frombuffer(data[-48:], np.float64)[0] == stamp_ns // MS


def test_pictures_and_their_info_carry_the_stamp_of_their_request() -> None:
    assert stamps_ns(HEALTHY, "head") == stamps_ns(HEALTHY, "head_info")
    for (_, data), stamp_ns in zip(HEALTHY.sent["head"], stamps_ns(HEALTHY, "head"), strict=True):
        assert data.endswith(b"head at %d" % (stamp_ns // MS))


@pytest.mark.parametrize(
    ("fault", "concerned"),
    [
        ("bursts:joints:36ms", {"joints"}),
        ("frozen_camera:head", {"head"}),
        ("swapped_cameras", {"left_wrist", "right_wrist"}),
        ("silent:imu", {"imu"}),
        ("taxels_saturated:left_touch", {"left_touch"}),
        ("clock_offset:operator_head", {"operator_head"}),
        ("publisher_restart:joints:100ms", {"joints"}),
    ],
)
def test_a_fault_leaves_every_other_stream_as_it_was_to_the_last_byte(fault: str, concerned: set[str]) -> None:
    outlet = live(fault)
    changed = {name for name, sent in HEALTHY.sent.items() if outlet.sent.get(name) != sent}
    infos = {f"{name}_info" for name in concerned}
    assert changed - infos == concerned


def test_bursts_hold_messages_back_and_let_them_go_together_in_order() -> None:
    outlet = live("bursts:joints:36ms")
    sent = outlet.sent["joints"]
    assert len({when for when, _ in sent}) == pytest.approx(1000 / 36, abs=1.5)
    assert [data for _, data in sent] == [data for _, data in HEALTHY.sent["joints"]][: len(sent)]


def test_swapped_cameras_show_each_others_pictures() -> None:
    outlet = live("swapped_cameras")
    assert all(b"right_wrist at" in data for _, data in outlet.sent["left_wrist"])
    assert all(b"left_wrist at" in data for _, data in outlet.sent["right_wrist"])
    assert stamps_ns(outlet, "left_wrist") == stamps_ns(HEALTHY, "left_wrist")


def test_a_restarted_publisher_goes_and_comes() -> None:
    outlet = live("publisher_restart:joints:100ms")
    assert outlet.present == [("joints", False), ("joints", True)]
    assert stamps_ns(outlet, "joints") == [stamp for stamp in stamps_ns(HEALTHY, "joints") if stamp >= 102 * MS]


def test_faults_can_be_switched_off_while_it_lives_and_nothing_is_lost_or_overtaken() -> None:
    clock, rig = Clock(), Rig()
    outlet = Outlet(clock)
    loop = HumanoidLoop(rig, None, outlet, clock=clock)
    kinds = {name: stream.kind for name, stream in rig.streams.items()}
    loop.set_faults([parse_fault("bursts:joints:36ms", kinds)])

    def switch_off() -> None:
        clock.end_ns, clock.at_end = 5_200 * MS, loop.stop
        loop.set_faults([])

    clock.end_ns, clock.at_end = 5_100 * MS, switch_off
    loop.run(clock.time_ns, WALL_NS)
    assert stamps_ns(outlet, "joints") == [2 * number * MS for number in range(1, len(outlet.sent["joints"]) + 1)]
    assert len(outlet.sent["joints"]) >= 99


def test_a_short_stall_is_caught_up_and_a_long_one_given_up_visibly() -> None:
    for stall_ns, given_up in ((MOST_BEHIND_NS // 2 + 1, False), (3 * MOST_BEHIND_NS + 1, True)):
        clock, rig = Clock(), Rig()
        outlet = Outlet(clock)
        loop = HumanoidLoop(rig, None, outlet, clock=clock)

        def stall(loop: HumanoidLoop = loop, clock: Clock = clock, stall_ns: int = stall_ns) -> None:
            clock.time_ns += stall_ns
            clock.end_ns, clock.at_end = clock.time_ns + 100 * MS, loop.stop

        clock.end_ns, clock.at_end = clock.time_ns + 100 * MS, stall
        loop.run(clock.time_ns, WALL_NS)
        gaps = set(np.diff(stamps_ns(outlet, "left_wrench")))
        assert (max(gaps) > MOST_BEHIND_NS) == given_up
        assert all(gap % MS == 0 for gap in gaps)
        progress = loop.progress
        assert (progress.given_up_ns > 0) == given_up
        assert progress.elapsed_ns - progress.simulated_ns - progress.given_up_ns <= 2 * MS


def test_what_others_ask_for_is_done_between_two_steps() -> None:
    clock, rig = Clock(), Rig()
    loop = HumanoidLoop(rig, None, Outlet(clock), clock=clock)
    seen: list[int] = []
    loop.ask(lambda: seen.append(rig.steps))
    clock.end_ns, clock.at_end = clock.time_ns + 10 * MS, loop.stop
    loop.run(clock.time_ns, WALL_NS)
    assert seen == [0]


def test_a_beginning_is_put_off_to_a_whole_tenth_of_a_second_so_that_rhythms_repeat() -> None:
    clock, rig = Clock(), Rig()
    loop = HumanoidLoop(rig, None, Outlet(clock), clock=clock)
    seen: list[int] = []
    clock.end_ns = clock.time_ns + 42 * MS

    def ask() -> None:
        clock.end_ns, clock.at_end = clock.time_ns + 200 * MS, loop.stop
        loop.ask_aligned(lambda: seen.append(rig.steps))

    clock.at_end = ask
    loop.run(clock.time_ns, WALL_NS)
    assert seen == [100]
