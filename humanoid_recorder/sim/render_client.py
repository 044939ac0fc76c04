"""The node's side of the process that takes the pictures: it never waits for it, whatever happens to it."""

import os
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection

REQUEST = struct.Struct("<qB")
"""Stamp (ns since the epoch), which cameras (bit i = the i-th on the command line); the configuration as float64."""
PICTURE = struct.Struct("<qB")
"""Stamp, number of the camera; then the JPEG file."""
READY = b"ready "
"""The first message: this, and why pictures are only schematic, if so."""
_MODULE = "humanoid_recorder.sim.render_process"
_MOST_UNDER_WAY = 4
"""Requests that may wait for their pictures; the pictures of further ones are left out."""
_HUNG_NS = 10_000_000_000
_WITHOUT_GL = {"MUJOCO_GL": "disable"}
_END_S = 2.0


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture."""

    stamp_ns: int
    """When the robot was like that, ns since the epoch."""
    camera: str
    jpeg: bytes


class RenderClient:
    """Asks for pictures and collects them.

    When the process dies or hangs, another one is started that draws schematic pictures without OpenGL; when that one
    dies too, there are no more pictures.

    Args:
        task: The scene, by its name.
        cameras: Names of the cameras.
        say: Called, from a thread, with what a user should know: at most three sentences ever.
    """

    def __init__(self, task: str, cameras: Sequence[str], say: Callable[[str], None]) -> None:
        self._task, self._cameras, self._say = task, tuple(cameras), say
        self._pictures: deque[Picture] = deque()
        # Two counts, each written by one thread only.
        self._asked = self._received = 0
        self._heard_ns = 0
        self._closing = False
        self._connection: Connection | None = None
        self.mode = "starting"
        """starting, rendered, schematic or none."""
        self.left_out = 0
        """Requests whose pictures were left out because the process was still at others."""
        self.process = self._start({})
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)
        self._thread.start()

    def request(self, stamp_ns: int, configuration: bytes, cameras: Sequence[str]) -> None:
        """Ask for pictures of the robot as it is now.

        Args:
            stamp_ns: Comes back with the pictures.
            configuration: What ``HumanoidRig.configuration`` gave.
            cameras: Which pictures to take, at least one.
        """
        connection = self._connection
        if connection is None:
            return
        if self._asked - self._received >= _MOST_UNDER_WAY * len(cameras):
            self.left_out += 1
            if time.monotonic_ns() - self._heard_ns > _HUNG_NS:
                self.process.kill()
            return
        wanted = sum(1 << self._cameras.index(camera) for camera in cameras)
        try:
            connection.send_bytes(REQUEST.pack(stamp_ns, wanted) + configuration)
        except OSError:
            return  # it has just died; the thread notices and says so
        self._asked += len(cameras)

    def take(self) -> list[Picture]:
        """Return the pictures that have come since the last call, oldest first."""
        pictures = []
        while self._pictures:
            pictures.append(self._pictures.popleft())
        return pictures

    def close(self) -> None:
        """End the process."""
        self._closing = True
        self.process.terminate()
        self._thread.join(_END_S)

    def _start(self, environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        ours, theirs = Pipe(duplex=True)
        self._waiting = ours
        with theirs:
            return subprocess.Popen(
                [sys.executable, "-m", _MODULE, self._task, str(theirs.fileno()), *self._cameras],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **environment},
            )

    def _run(self) -> None:
        ended = self._serve()
        if self._closing:
            return
        self.mode = "none"
        self._say(f"the process that takes the pictures has ended ({ended}); schematic pictures are drawn instead")
        self.process = self._start(_WITHOUT_GL)
        ended = self._serve()
        if not self._closing:
            self.mode = "none"
            self._say(f"the process that draws schematic pictures has ended too ({ended}): there are no more pictures")

    def _serve(self) -> str:
        """Collect pictures until the process ends; return how it did."""
        with self._waiting as connection:
            try:
                reason = connection.recv_bytes().removeprefix(READY).decode()
                if reason and self.mode == "starting":
                    self._say(f"schematic pictures are drawn: {reason}")
                self.mode = "schematic" if reason else "rendered"
                self._received, self._heard_ns = self._asked, time.monotonic_ns()
                self._connection = connection
                while True:
                    self._collect(connection.recv_bytes())
            except (EOFError, OSError):
                self._connection = None
        try:
            return f"exit code {self.process.wait(_END_S)}"
        except subprocess.TimeoutExpired:
            self.process.kill()
            return f"killed, exit code {self.process.wait()}"

    def _collect(self, message: bytes) -> None:
        stamp_ns, number = PICTURE.unpack_from(message)
        self._pictures.append(Picture(stamp_ns, self._cameras[number], message[PICTURE.size :]))
        self._heard_ns = time.monotonic_ns()
        self._received += 1
