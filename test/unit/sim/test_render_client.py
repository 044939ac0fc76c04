import io
import os
import signal
import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

from humanoid_recorder.sim.humanoid.robot import SimHumanoid
from humanoid_recorder.sim.humanoid.scene import Task
from humanoid_recorder.sim.render_client import Picture, RenderClient

WAIT_S = 20.0
CAMERAS = ("head", "left_wrist")
STATE = SimHumanoid(0, Task.LIFT_BOX).configuration().tobytes()


class Said:
    """What the client said."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def __call__(self, sentence: str) -> None:
        self.sentences.append(sentence)


Make = Callable[[], tuple[RenderClient, Said]]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    clients: list[RenderClient] = []

    def start() -> tuple[RenderClient, Said]:
        said = Said()
        clients.append(RenderClient(Task.LIFT_BOX, CAMERAS, said))
        return clients[-1], said

    yield start
    for client in clients:
        client.close()


def pictures(client: RenderClient, count: int, cameras: tuple[str, ...] = CAMERAS) -> list[Picture]:
    """Ask until that many have come."""
    found: list[Picture] = []
    pause = threading.Event()
    for attempt in range(int(WAIT_S / 0.05)):
        client.request(1000 + attempt, STATE, cameras)
        found += client.take()
        if len(found) >= count:
            return found
        pause.wait(0.05)
    pytest.fail(f"{len(found)} pictures in {WAIT_S} s; mode {client.mode}")


def test_pictures_come_with_their_stamp_from_the_cameras_that_were_asked_for(make: Make) -> None:
    client, _ = make()
    found = pictures(client, 4)
    assert [picture.camera for picture in found[:4]] == ["head", "left_wrist"] * 2
    assert found[0].stamp_ns == found[1].stamp_ns < found[2].stamp_ns
    image = Image.open(io.BytesIO(found[0].jpeg))
    assert (image.format, image.size) == ("JPEG", (320, 240))
    assert np.asarray(image).std() > 20
    pictures(client, 10)
    assert {picture.camera for picture in pictures(client, 12, ("left_wrist",))[-2:]} == {"left_wrist"}


def test_without_opengl_it_says_so_once_and_draws(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "disable")
    client, said = make()
    image = Image.open(io.BytesIO(pictures(client, 6)[-1].jpeg))
    assert image.size == (320, 240)
    assert client.mode == "schematic"
    assert len(said.sentences) == 1
    assert "schematic" in said.sentences[0]


def test_when_the_process_dies_it_says_so_and_schematic_pictures_follow(make: Make) -> None:
    client, said = make()
    pictures(client, 2)
    os.kill(client.process.pid, signal.SIGKILL)
    client.process.wait(WAIT_S)
    for _ in range(200):
        pictures(client, 2)
        if said.sentences:
            break
    pictures(client, 20)
    assert client.mode == "schematic"
    assert len([sentence for sentence in said.sentences if "exit code -9" in sentence]) == 1


def test_a_process_that_stands_still_is_not_waited_for(make: Make) -> None:
    client, _ = make()
    pictures(client, 2)
    os.kill(client.process.pid, signal.SIGSTOP)
    try:
        for stamp_ns in range(5000):
            client.request(stamp_ns, STATE, CAMERAS)
        assert client.left_out > 4900
    finally:
        os.kill(client.process.pid, signal.SIGCONT)


def test_closing_ends_the_process_without_a_word(make: Make) -> None:
    client, said = make()
    pictures(client, 2)
    before = list(said.sentences)
    client.close()
    assert client.process.wait(WAIT_S) is not None
    assert said.sentences == before
