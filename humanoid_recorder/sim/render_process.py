"""The process that takes the pictures of the simulated humanoid: configurations in, JPEG files out.

``python -m humanoid_recorder.sim.render_process TASK FILE_DESCRIPTOR CAMERA...`` is started by
``render_client`` with one end of a socket pair. It is a process of its own because rendering costs ten times the
physics, and because a graphics driver that crashes must not take the robot with it. Nothing but numbers and pictures
goes over the socket.
"""

import io
import os
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection

import numpy as np
from PIL import Image

from humanoid_recorder.sim.humanoid.cameras import Cameras
from humanoid_recorder.sim.humanoid.scene import Task
from humanoid_recorder.sim.render_client import PICTURE, READY, REQUEST

_QUALITY = 80
_NICE = 5
"""Pictures give way to physics and to the recorder."""


def main(arguments: Sequence[str]) -> int:
    """Serve until the other end is closed."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # Ctrl-C goes to the whole group: the node decides when this one ends
    os.nice(_NICE)
    task, descriptor, *names = arguments
    cameras = Cameras(Task(task))
    with Connection(int(descriptor)) as connection:
        try:
            connection.send_bytes(READY + cameras.schematic_because.encode())
            while True:
                _serve(connection, cameras, names)
        except (EOFError, OSError):
            return 0  # the node has gone


def _serve(connection: Connection, cameras: Cameras, names: Sequence[str]) -> None:
    request = connection.recv_bytes()
    stamp_ns, wanted = REQUEST.unpack_from(request)
    cameras.show(np.frombuffer(request, np.float64, offset=REQUEST.size))
    for number, name in enumerate(names):
        if wanted >> number & 1:
            file = io.BytesIO()
            Image.fromarray(cameras.picture(name)).save(file, "JPEG", quality=_QUALITY)
            connection.send_bytes(PICTURE.pack(stamp_ns, number) + file.getvalue())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
