import threading
from collections.abc import Iterator

import pytest

from humanoid_recorder.core.errors import SessionError
from humanoid_recorder.recording.chores import Chores

WAIT_S = 30.0


class Scene:
    """A thread of chores that is busy until the test lets it go on."""

    def __init__(self) -> None:
        self.mistakes: list[str] = []
        self.done: list[str] = []
        self.is_busy = threading.Event()
        self.may_go_on = threading.Event()
        self.chores = Chores(on_mistake=lambda error: self.mistakes.append(repr(error)))

    def occupy(self) -> None:
        self.chores.some_time(self._block)
        assert self.is_busy.wait(WAIT_S)

    def end(self) -> None:
        self.may_go_on.set()
        self.chores.close()

    def note(self, name: str) -> None:
        self.done.append(name)

    def _block(self) -> None:
        self.is_busy.set()
        assert self.may_go_on.wait(WAIT_S)


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.end()


def test_what_matters_is_done_before_what_may_be_left_undone(scene: Scene) -> None:
    finished = threading.Event()
    scene.occupy()
    scene.chores.some_time(lambda: scene.note("hash"))
    scene.chores.some_time(finished.set)
    scene.chores.soon(lambda: scene.note("label 1"))
    scene.chores.soon(lambda: scene.note("label 2"))
    scene.may_go_on.set()
    assert finished.wait(WAIT_S)
    assert scene.done == ["label 1", "label 2", "hash"]


def test_a_long_job_lets_what_matters_pass(scene: Scene) -> None:
    finished = threading.Event()
    scene.occupy()

    def hash_it() -> None:
        scene.chores.soon(lambda: scene.note("label"))
        scene.chores.catch_up()
        scene.note("hash")
        finished.set()

    scene.chores.some_time(hash_it)
    scene.may_go_on.set()
    assert finished.wait(WAIT_S)
    assert scene.done == ["label", "hash"]


def test_at_the_end_what_matters_is_done_and_the_rest_left(scene: Scene) -> None:
    scene.occupy()
    scene.chores.some_time(lambda: scene.note("hash"))
    scene.chores.soon(lambda: scene.note("label"))
    closing = threading.Thread(target=scene.chores.close)
    closing.start()
    while not scene.chores.is_closing:
        pass
    scene.may_go_on.set()
    closing.join()
    assert scene.done == ["label"]
    scene.chores.close()


def test_a_disk_that_hangs_keeps_nobody_waiting_at_the_end(scene: Scene) -> None:
    scene.occupy()
    scene.chores.soon(lambda: scene.note("label"))
    assert not scene.chores.close(timeout_s=0.01)
    assert scene.done == []
    scene.may_go_on.set()
    assert scene.chores.close(timeout_s=WAIT_S)
    assert scene.done == ["label"]


def test_what_matters_is_done_even_after_the_end(scene: Scene) -> None:
    """An episode that was sealed too late for the end of the recorder still gets its label."""
    scene.chores.close()
    scene.chores.soon(lambda: scene.note("label"))
    scene.chores.some_time(lambda: scene.note("hash"))
    assert scene.done == ["label"]


def test_a_job_that_fails_keeps_none_of_the_others_from_being_done(scene: Scene) -> None:
    finished = threading.Event()

    def refuse() -> None:
        raise SessionError("the folder was deleted")

    def mistake() -> None:
        raise KeyError("a mistake")

    for job in (refuse, mistake, finished.set):
        scene.chores.soon(job)
    assert finished.wait(WAIT_S)
    assert scene.mistakes == ["KeyError('a mistake')"]
