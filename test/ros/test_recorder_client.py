"""The client against a real recorder in a process of its own."""

import json
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from humanoid_recorder.core.errors import CommandRefused, RecorderUnavailableError
from humanoid_recorder.ros.recorder_client import connect

if TYPE_CHECKING:
    from test.ros.conftest import NodeProcess, StartNode

State = dict[str, Any]
WAIT_S = 20.0


@pytest.fixture
def recorder(start_node: "StartNode", tmp_path: Path) -> "NodeProcess":
    return start_node("humanoid_recorder.nodes.recorder", "-p", "all:=true", "-p", f"out:={tmp_path}")


def runs(recorder: "NodeProcess") -> Callable[[], bool]:
    return lambda: recorder.process.poll() is None


def is_active(state: State) -> bool:
    return bool(state["phase"] != "inactive")


def test_labels_are_set_together_and_refusals_come_in_the_recorders_own_words(recorder: "NodeProcess") -> None:
    with connect("/recorder", parse=json.loads, is_running=runs(recorder)) as client:
        assert client.wait_for(is_active, timeout_s=WAIT_S)
        client.set_labels({"task": 'fold: the "towel"', "scene": "kitchen"})
        state = client.wait_for(lambda state: state["labels"]["task"] != "", timeout_s=WAIT_S)
        assert state is not None
        assert (state["labels"]["task"], state["labels"]["scene"]) == ('fold: the "towel"', "kitchen")
        with pytest.raises(CommandRefused, match="mood"):
            client.set_labels({"task": "iron", "mood": "bad"})
        with pytest.raises(CommandRefused, match=r"^No episode is being recorded\.") as refusal:
            client.call("stop")
        assert refusal.value.remedy == "Start one first."
        assert client.wait_for(lambda state: state["labels"]["task"] == "iron", timeout_s=1.0) is None


def test_a_wait_ends_when_the_recorder_does(recorder: "NodeProcess") -> None:
    with connect("/recorder", parse=json.loads, is_running=runs(recorder)) as client:
        assert client.wait_for(is_active, timeout_s=WAIT_S)
        recorder.signal(signal.SIGKILL)
        with pytest.raises(RecorderUnavailableError, match="/recorder has ended"):
            client.wait_for(lambda _: False, timeout_s=WAIT_S)


def test_a_state_that_cannot_be_read_is_an_error_and_one_that_is_not_ours_is_none(recorder: "NodeProcess") -> None:
    heard = threading.Event()

    def ignore(_text: str) -> State | None:
        heard.set()
        return None

    with connect("/recorder", parse=ignore) as client:
        assert heard.wait(WAIT_S)
        assert client.state is None
    with connect("/recorder", parse=int) as deaf, pytest.raises(RecorderUnavailableError, match="be understood"):
        deaf.wait_for(lambda _: True, timeout_s=WAIT_S)


def test_without_a_recorder_a_wait_ends_in_time_and_a_command_says_that_nobody_answers(domain_id: int) -> None:
    with connect("/recorder", parse=json.loads) as client:
        assert client.wait_for(lambda _: True, timeout_s=0.1) is None
        assert client.wait_for(lambda _: True, give_up=lambda: True) is None
        with pytest.raises(RecorderUnavailableError, match="/recorder has not answered /recorder/start within 4 s"):
            client.call("start")
