"""The loop that lets the simulated humanoid live in real time, and hands out what has been measured.

One thread steps the physics on absolute deadlines of the steady clock and sends what is due, in the order in which it
was measured. Everything that other threads ask for (commands, faults, a reset) waits for the next turn of the loop.
"""

import heapq
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.sim.faults.effects import Sample, Values
from humanoid_recorder.sim.faults.kinds import Fault, SwappedCameras
from humanoid_recorder.sim.faults.pipeline import FaultyStream
from humanoid_recorder.sim.faults.text import WRIST_CAMERAS
from humanoid_recorder.sim.humanoid_streams import HumanoidStream
from humanoid_recorder.sim.render_client import Picture
from humanoid_recorder.sim.synthetic_schedule import Clock, SystemClock

STEP_NS = 1_000_000
_STEPS_PER_S = 1000
_ALIGNED_STEPS = 100
_NAP_NS = 1_000_000
"""Least time between two turns: what has become due meanwhile goes out together."""
MOST_BEHIND_NS = 200_000_000
"""Further behind than this, simulated time is given up instead of caught up."""


class Rig(Protocol):
    """The robot, as far as the loop is concerned: ``HumanoidRig``."""

    @property
    def streams(self) -> Mapping[str, HumanoidStream]:
        """Every stream by its name."""

    @property
    def measures(self) -> Mapping[str, Callable[[], Values]]:
        """What each measures now, but for the cameras."""

    def step(self) -> None:
        """Let one step pass."""

    def configuration(self) -> bytes:
        """Return where everything is."""


class Renderer(Protocol):
    """Who takes the pictures: ``RenderClient``."""

    def request(self, stamp_ns: int, configuration: bytes, cameras: Sequence[str]) -> None:
        """Ask for pictures."""

    def take(self) -> list[Picture]:
        """Return those that have come."""


class Outlet(Protocol):
    """Where messages go."""

    def send(self, stream: str, data: bytes) -> None:
        """Publish."""

    def set_present(self, stream: str, present: bool) -> None:
        """Have a publisher for the stream, or none."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the loop has come."""

    simulated_ns: int
    elapsed_ns: int
    """On the steady clock."""
    given_up_ns: int
    """Of the difference, what was given up because this computer is too slow."""


class HumanoidLoop:
    """Steps a rig and sends its messages.

    Args:
        rig: The robot.
        renderer: Takes the pictures; None for no cameras.
        outlet: Gets every message.
        seed: Of what the faults draw.
        clock: The steady clock.
    """

    def __init__(
        self, rig: Rig, renderer: Renderer | None, outlet: Outlet, *, seed: int = 0, clock: Clock | None = None
    ) -> None:
        self._rig, self._renderer, self._outlet = rig, renderer, outlet
        self._clock = clock or SystemClock()
        self._faulty = {name: FaultyStream(name, seed) for name in rig.streams}
        self._swapped = False
        self._cameras = [name for name, stream in rig.streams.items() if stream.kind is StreamKind.CAMERA]
        self._due = _due_streams([rig.streams[name] for name in rig.measures])
        self._picture_due = _due_phases(rig.streams[self._cameras[0]].rate_hz) if self._cameras else frozenset()
        self._held: list[tuple[int, int, str, bytes]] = []
        self._number = 0
        self._steps = 0
        self._given_up_ns = 0
        self._start_ns = self._wall_start_ns = 0
        self._stopped = False
        self._inbox: list[Callable[[], None]] = []
        self._aligned_inbox: list[Callable[[], None]] = []
        self._lock = threading.Lock()

    @property
    def progress(self) -> Progress:
        """How far it has come; may be read by any thread."""
        elapsed_ns = self._clock.now_ns() - self._start_ns if self._start_ns else 0
        return Progress(self._steps * STEP_NS, elapsed_ns, self._given_up_ns)

    def stop(self) -> None:
        """Make ``run`` return soon."""
        self._stopped = True

    def ask(self, what: Callable[[], None]) -> None:
        """Have something done between two steps; ``what`` must not raise. Any thread may ask."""
        with self._lock:
            self._inbox.append(what)

    def ask_aligned(self, what: Callable[[], None]) -> None:
        """Like ``ask``, on a whole tenth of a second: what begins then is measured in the same rhythm each time."""
        with self._lock:
            self._aligned_inbox.append(what)

    def set_faults(self, faults: Sequence[Fault]) -> None:
        """Switch on exactly these faults, from the next turn on."""

        def switch() -> None:
            for name, stream in self._faulty.items():
                stream.set_faults(fault for fault in faults if fault.stream == name)
            self._swapped = any(isinstance(fault, SwappedCameras) for fault in faults)

        self.ask(switch)

    def run(self, start_ns: int, wall_start_ns: int) -> None:
        """Live until ``stop`` is called.

        Args:
            start_ns: The steady clock now.
            wall_start_ns: The same instant in ns since the epoch. Stamps count from here, so a step of the system
                clock does not break their period.
        """
        self._start_ns, self._wall_start_ns = start_ns, wall_start_ns
        while not self._stopped:
            self._turn()
            self._clock.sleep(_NAP_NS)

    def _turn(self) -> None:
        self._do(self._inbox)
        now_ns = self._clock.now_ns() - self._start_ns
        behind_ns = now_ns - self._given_up_ns - self._steps * STEP_NS
        if behind_ns > MOST_BEHIND_NS:
            self._given_up_ns += behind_ns // STEP_NS * STEP_NS
        target = (now_ns - self._given_up_ns) // STEP_NS
        while self._steps < target and not self._stopped:
            if self._steps % _ALIGNED_STEPS == 0:
                self._do(self._aligned_inbox)
            self._rig.step()
            self._steps += 1
            self._measure(self._wall_start_ns + self._given_up_ns + self._steps * STEP_NS)
        self._release(self._wall_start_ns + now_ns)
        self._send_pictures(self._wall_start_ns + now_ns)

    def _do(self, inbox: list[Callable[[], None]]) -> None:
        with self._lock:
            asked = inbox.copy()
            inbox.clear()
        for what in asked:
            what()

    def _measure(self, stamp_ns: int) -> None:
        phase = self._steps % _STEPS_PER_S
        self._release(stamp_ns)
        for name in self._due[phase]:
            self._emit(name, stamp_ns, self._rig.measures[name](), stamp_ns)
        if phase in self._picture_due and self._renderer is not None:
            self._renderer.request(stamp_ns, self._rig.configuration(), self._cameras)

    def _send_pictures(self, now_ns: int) -> None:
        if self._renderer is None:
            return
        for picture in self._renderer.take():
            camera = picture.camera
            if self._swapped and camera in WRIST_CAMERAS:
                camera = WRIST_CAMERAS[1 - WRIST_CAMERAS.index(camera)]
            self._emit(camera, picture.stamp_ns, picture.jpeg, now_ns)
            self._emit(f"{camera}_info", picture.stamp_ns, b"", now_ns)

    def _emit(self, name: str, stamp_ns: int, values: Values, now_ns: int) -> None:
        """Send what was measured, or what faults make of it, now or when it is due."""
        encode, faulty = self._rig.streams[name].encode, self._faulty[name]
        if faulty.is_healthy(stamp_ns):
            self._outlet.send(name, encode(stamp_ns, values))
            return
        out = faulty.apply(Sample(stamp_ns, values))
        self._outlet.set_present(name, not faulty.down)
        if out is None:
            return
        data = encode(out.stamp_ns, out.values)
        if out.publish_ns <= now_ns:
            self._outlet.send(name, data)
        else:
            self._number += 1  # of two that are due at once, the earlier measured goes first
            heapq.heappush(self._held, (out.publish_ns, self._number, name, data))

    def _release(self, now_ns: int) -> None:
        while self._held and self._held[0][0] <= now_ns:
            _, _, name, data = heapq.heappop(self._held)
            self._outlet.send(name, data)


def _due_phases(rate_hz: int) -> frozenset[int]:
    """Return the steps of a second (0..999) at which a stream is measured: the first one not before its time."""
    return frozenset(-(-number * _STEPS_PER_S // rate_hz) % _STEPS_PER_S for number in range(rate_hz))


def _due_streams(streams: Sequence[HumanoidStream]) -> list[list[str]]:
    phases = {stream.name: _due_phases(stream.rate_hz) for stream in streams}
    return [[name for name, due in phases.items() if step in due] for step in range(_STEPS_PER_S)]
