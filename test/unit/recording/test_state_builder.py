import json
import time
from typing import TYPE_CHECKING

import pytest

from humanoid_recorder.core.errors import TypeUnavailableError
from humanoid_recorder.core.graph import PublisherOnGraph, TopicOnGraph
from humanoid_recorder.core.labels import End, Labels, Outcome
from humanoid_recorder.core.message_type import MessageType
from humanoid_recorder.core.qos import QosOffer
from humanoid_recorder.core.streams import Stream, StreamKind
from humanoid_recorder.core.topics import TopicSelection
from humanoid_recorder.recording.state import DiskState, Phase, RecorderState
from humanoid_recorder.recording.state_builder import StateBuilder, inactive_state
from humanoid_recorder.recording.stream_plan import StreamPlan

if TYPE_CHECKING:
    from test.unit.recording.conftest import HeldSeal, MakeRig, Rig

STRING = "std_msgs/msg/String"
JOINTS = 3


DISK = DiskState(
    free_bytes=10**11,
    reserve_bytes=2 * 10**9,
    stop_bytes=10**8,
    bytes_per_s=None,
    minutes_left=None,
    episodes_left=None,
    is_little=False,
)


def lookup(name: str) -> MessageType:
    if name != STRING:
        raise TypeUnavailableError(f"{name} is not installed.")
    return MessageType(name, "string data\n", "", has_header=False)


def graph(*names: str) -> dict[str, TopicOnGraph]:
    publisher = PublisherOnGraph("/driver", STRING, "", QosOffer())
    return {name: TopicOnGraph(name, (publisher,)) for name in names}


class Scene:
    """A recorder for two required streams, one optional one, and its state."""

    def __init__(self, rig: "Rig") -> None:
        self.rig = rig
        self.plan = StreamPlan(
            streams=(
                Stream("joints", "/joints", STRING, kind=StreamKind.JOINT, rate_hz=500.0, required=True),
                Stream("head", "/head", STRING, kind=StreamKind.CAMERA, required=True),
                Stream("hand", "/hand", STRING),
            ),
            selection=TopicSelection(),
            lookup=lookup,
        )
        self.disk = DISK
        self._builder = StateBuilder(node="/g1/recorder", instance="1234", robot="g1")

    def discover(self, *names: str) -> None:
        for step in self.plan.update(graph(*names)):
            self.rig.recorder.intake.set_channel(step.channel, is_new_subscription=step.is_new_subscription)

    def state(self) -> RecorderState:
        return self._builder.active(self.rig.recorder, self.plan, self.disk)


@pytest.fixture
def scene(make_rig: "MakeRig") -> Scene:
    return Scene(make_rig())


def test_the_phases_follow_each_other(scene: Scene, held_seal: "HeldSeal") -> None:
    rig = scene.rig
    assert scene.state().phase is Phase.WAITING
    scene.discover("/joints", "/head")
    assert (scene.state().phase, scene.state().silent) == (Phase.WAITING, ("joints", "head"))
    rig.deliver(JOINTS)
    assert (scene.state().phase, scene.state().silent) == (Phase.WAITING, ("head",))
    rig.deliver(JOINTS + 1)
    assert (scene.state().phase, scene.state().silent) == (Phase.ARMED, ())
    rig.recorder.start()
    assert scene.state().phase is Phase.RECORDING
    rig.recorder.stop()
    assert scene.state().phase is Phase.SEALING
    rig.recorder.start()
    assert scene.state().phase is Phase.RECORDING
    rig.recorder.stop()
    held_seal.may_go_on.set()
    rig.wait_until_sealed()
    assert scene.state().phase is Phase.ARMED


def test_a_stream_that_is_not_required_is_never_silent(scene: Scene) -> None:
    scene.discover("/hand")
    assert scene.state().silent == ("joints", "head")


def test_a_state_survives_json_at_every_moment(scene: Scene) -> None:
    rig = scene.rig
    states = [inactive_state(node="/g1/recorder", instance="1234", robot="g1"), scene.state()]
    scene.discover("/joints", "/head", "/hand")
    rig.deliver(JOINTS)
    states.append(scene.state())
    rig.recorder.labels = Labels(task="carry", reason="ä\n")
    rig.recorder.start()
    rig.deliver(JOINTS)
    states.append(scene.state())
    rig.recorder.judge(Outcome.FAILURE)
    rig.wait_until_sealed()
    states.append(scene.state())
    for state in states:
        text = state.model_dump_json()
        assert RecorderState.model_validate_json(text) == state
        assert json.loads(text)["schema_version"] == 1
    assert states[0].phase is Phase.INACTIVE
    assert [state.node for state in states] == ["/g1/recorder"] * 5


def test_while_recording_the_counts_are_those_of_the_episode(scene: Scene) -> None:
    rig = scene.rig
    scene.discover("/joints", "/head")
    for _ in range(3):
        rig.deliver(JOINTS, b"12345")
    idle = scene.state().streams[0]
    assert (idle.received, idle.bytes, idle.lost, idle.longest_gap_ms) == (3, 15, None, None)
    episode = rig.recorder.start()
    rig.deliver(JOINTS, b"123")
    rig.lose(JOINTS)
    rig.deliver(JOINTS, b"123")
    state = scene.state()
    live = state.streams[0]
    assert (live.name, live.expected_hz, live.required) == ("joints", 500.0, True)
    assert (live.received, live.bytes, live.lost, live.dropped) == (2, 6, 1, 0)
    assert state.episode is not None
    assert (state.episode.id, state.episode.messages) == (episode.id, 2)
    assert state.episode.elapsed_s > 0


def test_an_episode_that_was_sealed_is_shown_with_its_outcome_and_place(scene: Scene) -> None:
    rig = scene.rig
    scene.discover("/joints", "/head")
    episode = rig.recorder.start()
    rig.deliver(JOINTS)
    rig.recorder.judge(Outcome.SUCCESS)
    rig.wait_until_sealed()
    (sealed,) = scene.state().recent
    assert (sealed.id, sealed.path, sealed.end) == (episode.id, str(rig.directory(episode.id)), End.STOPPED)
    assert (sealed.outcome, sealed.messages, sealed.lost, sealed.is_whole) == (Outcome.SUCCESS, 1, 0, True)
    rig.recorder.discard()
    state = scene.state()
    assert (state.recent[0].is_discarded, state.kept, state.discarded) == (True, 0, 1)
    assert ".discarded" in state.recent[0].path


def test_only_the_last_episodes_are_shown_and_all_are_counted(scene: Scene) -> None:
    ids = []
    for _ in range(10):
        ids.append(scene.rig.recorder.start().id)
        scene.rig.recorder.stop()
    scene.rig.wait_until_sealed()
    state = scene.state()
    assert [sealed.id for sealed in state.recent] == ids[2:]
    assert state.kept == 10


def test_streams_without_a_subscription_are_shown_without_numbers_and_with_their_problem(scene: Scene) -> None:
    scene.discover("/joints")
    state = scene.state()
    assert [stream.name for stream in state.streams] == ["joints", "head", "hand"]
    assert [stream.age_ms for stream in state.streams] == [None] * 3
    assert [(problem.stream, problem.problem) for problem in state.problems] == [("head", "nobody publishes /head")]


def test_the_age_of_a_stream_is_told_on_the_log_clock(scene: Scene) -> None:
    """Otherwise every stream would look an hour old after the clock was set by an hour."""
    scene.discover("/joints")
    scene.rig.deliver(JOINTS)
    clock = scene.rig.recorder.intake.clock
    clock._offset_ns += 3600 * 10**9
    scene.rig.recorder.intake._lines[JOINTS].last_log_ns = clock.now_ns()
    age_ms = scene.state().streams[0].age_ms
    assert age_ms is not None
    assert 0 <= age_ms < 60_000


def test_a_disk_that_takes_no_episode_keeps_the_recorder_waiting(scene: Scene) -> None:
    scene.discover("/joints", "/head")
    scene.rig.deliver(JOINTS)
    scene.rig.deliver(JOINTS + 1)
    assert scene.state().phase is Phase.ARMED
    scene.disk = DISK.model_copy(update={"problem": "The disk is low.", "remedy": "Free space."})
    assert (scene.state().phase, scene.state().silent) == (Phase.WAITING, ())
    scene.rig.recorder.start()
    assert scene.state().phase is Phase.RECORDING


def test_rates_follow_what_arrives(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = time.monotonic_ns()
    scene.discover("/joints")
    monkeypatch.setattr(time, "monotonic_ns", lambda: now_ns)
    scene.state()
    for _ in range(50):
        scene.rig.deliver(JOINTS, bytes(1000))
    now_ns += 500_000_000
    assert scene.state().streams[0].rate_hz == 100


def test_a_label_that_is_not_on_the_disk_is_a_fault(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(scene.rig.recorder.sealed), "trouble", "The label of e1 is not on the disk yet: full.")
    assert scene.state().fault == "The label of e1 is not on the disk yet: full."
    scene.rig.recorder.fault = "the disk broke"
    assert scene.state().fault == "the disk broke"
