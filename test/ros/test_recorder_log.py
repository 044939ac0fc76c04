"""What the recorder says in its log, state by state."""

from typing import Any, cast

import pytest

from humanoid_recorder.core.labels import End, Labels, Outcome
from humanoid_recorder.nodes.recorder_diagnostics import diagnostics
from humanoid_recorder.nodes.recorder_log import RecorderLog
from humanoid_recorder.recording.state import (
    DiskState,
    EpisodeState,
    Phase,
    ProblemState,
    RecorderState,
    SealedState,
    StreamState,
)

S = 1_000_000_000
HEAD = ProblemState(stream="head", problem="nobody publishes /head", remedy="Is the driver running?")
HAND = ProblemState(stream="hand", problem="nobody publishes /hand", remedy="Is the driver running?")
SEALED = SealedState(
    id="e1",
    path="/data/s/e1",
    end=End.STOPPED,
    outcome=Outcome.UNLABELLED,
    is_discarded=False,
    is_whole=True,
    duration_s=8.0,
    messages=1000,
    lost=2,
    dropped=0,
    bytes=10,
    detail="",
    labels=Labels(),
)
DISK = DiskState(
    free_bytes=10**11,
    reserve_bytes=2 * 10**9,
    stop_bytes=10**8,
    bytes_per_s=3e7,
    minutes_left=54.4,
    episodes_left=98,
    is_little=False,
)
LITTLE = DISK.model_copy(update={"minutes_left": 29.0, "episodes_left": 19, "is_little": True})
LOW = LITTLE.model_copy(update={"problem": "The disk is low: 1.0 GB free.", "remedy": "Free space."})
JOINTS = StreamState(
    name="joints",
    topic="/joint_states",
    type="sensor_msgs/msg/JointState",
    kind="joint",
    required=True,
    expected_hz=500.0,
    rate_hz=500.0,
    age_ms=1.0,
    longest_gap_ms=3.0,
    received=10,
    dropped=0,
    lost=0,
    lost_reason="",
    bytes=100,
)


class Lines:
    """Stands in for a node's logger."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, text: str) -> None:
        self.said.append(text)

    warning = error = info


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def log(lines: Lines) -> RecorderLog:
    return RecorderLog(cast("Any", lines))


def state(at_s: float, phase: Phase = Phase.ARMED, **others: object) -> RecorderState:
    state = RecorderState(
        node="/recorder",
        instance="1",
        since_ns=0,
        time_ns=round(at_s * S),
        phase=phase,
        robot="g1",
        session="/data/s",
        streams=(JOINTS,),
    )
    return state.model_copy(update=others)


def test_what_discovery_mends_within_two_seconds_is_never_said(log: RecorderLog, lines: Lines) -> None:
    log.follow(state(0, Phase.WAITING, problems=(HEAD, HAND), silent=("head", "hand")))
    log.follow(state(1.5, Phase.WAITING, problems=(HEAD,), silent=("head",)))
    log.follow(state(1.9))
    assert lines.said == ["ready: 1 streams arrive"]


def test_what_lasts_is_said_once_and_one_remedy_is_one_line(log: RecorderLog, lines: Lines) -> None:
    for at_s in (0, 1, 2, 3, 4):
        log.follow(state(at_s, Phase.WAITING, problems=(HEAD, HAND), silent=("head", "hand")))
    assert lines.said == [
        "waiting for head, hand",
        "nobody publishes /head, nobody publishes /hand. Is the driver running?",
    ]


def test_a_problem_that_comes_back_is_said_again(log: RecorderLog, lines: Lines) -> None:
    for at_s, problems in ((0, (HEAD,)), (3, (HEAD,)), (4, ()), (5, (HEAD,)), (8, (HEAD,))):
        log.follow(state(at_s, problems=problems))
    assert lines.said.count("nobody publishes /head. Is the driver running?") == 2


def test_an_episode_is_followed_from_start_to_the_discarded(log: RecorderLog, lines: Lines) -> None:
    episode = EpisodeState(id="e1", started_ns=0, elapsed_s=0.0, messages=0, bytes=0, labels=Labels(task="fold"))
    log.follow(state(0))
    log.follow(state(1, Phase.RECORDING, episode=episode))
    log.follow(state(2, Phase.RECORDING, episode=episode))
    log.follow(state(3, recent=(SEALED,)))
    log.follow(state(4, recent=(SEALED.model_copy(update={"is_discarded": True}),)))
    log.follow(state(5, recent=(SEALED,)))
    assert lines.said == [
        "ready: 1 streams arrive",
        "recording e1 of 'fold'",
        "sealed /data/s/e1: 1000 messages in 8.0 s, 2 lost, 0 dropped, ended as stopped",
        "discarded e1",
        "brought back e1",
    ]


def test_an_episode_that_could_not_be_sealed_is_shouted(log: RecorderLog, lines: Lines) -> None:
    log.follow(state(0, fault="disk full", recent=(SEALED.model_copy(update={"is_whole": False, "detail": "full"}),)))
    assert "NOT SEALED /data/s/e1: full" in lines.said
    assert "disk full" in lines.said


def test_a_disk_that_fills_is_said_once_at_each_step_and_when_it_is_well_again(log: RecorderLog, lines: Lines) -> None:
    for at_s, disk in enumerate((DISK, LITTLE, LITTLE, LOW, LOW, LITTLE, DISK)):
        log.follow(state(at_s, disk=disk))
    assert lines.said[1:] == [
        "the disk has room for 29 min, 19 episodes only",
        "The disk is low: 1.0 GB free. Free space.",
        "the disk can take episodes again",
    ]


def test_every_discarded_episode_that_is_deleted_is_named(log: RecorderLog, lines: Lines) -> None:
    purged = {"purged_episodes": 2, "purged_bytes": 300_000_000, "last_purged": ("e1", "e2")}
    more = {"purged_episodes": 3, "purged_bytes": 2_300_000_000, "last_purged": ("e1", "e2", "e3")}
    for at_s, changes in enumerate((purged, purged, more)):
        log.follow(state(at_s, disk=DISK.model_copy(update=changes)))
    assert lines.said[1:] == [
        "deleted 2 discarded episodes for good, 300 MB: e1, e2",
        "deleted 1 discarded episode for good, 2.0 GB: e3",
    ]


@pytest.mark.parametrize(
    ("disk", "phase", "level", "words"),
    [
        (DISK, Phase.ARMED, b"\x00", "armed"),
        (LITTLE, Phase.RECORDING, b"\x01", "recording; the disk has room for 29 min, 19 episodes only"),
        (LOW, Phase.WAITING, b"\x02", "The disk is low: 1.0 GB free. Free space."),
        (None, Phase.INACTIVE, b"\x00", "inactive"),
    ],
)
def test_the_disk_is_judged_in_diagnostics(disk: DiskState | None, phase: Phase, level: bytes, words: str) -> None:
    recorder = diagnostics(state(1, phase, disk=disk)).status[0]
    assert (recorder.level, recorder.message) == (level, words)
    values = {pair.key: pair.value for pair in recorder.values}
    expected = ("100000000000", str(disk.minutes_left), str(disk.episodes_left)) if disk else ("None", "None", "None")
    assert (values["free_bytes"], values["minutes_left"], values["episodes_left"]) == expected


@pytest.mark.parametrize(
    ("changes", "problems", "level", "words"),
    [
        ({}, (), b"\x00", "ok"),
        ({"rate_hz": 400.0}, (), b"\x01", "400 Hz instead of 500"),
        ({"lost": 3}, (), b"\x01", "3 messages lost before they reached us"),
        ({"dropped": 1}, (), b"\x02", "1 messages dropped"),
        ({"rate_hz": 0.0}, (), b"\x03", "silent"),
        ({}, (ProblemState(stream="joints", problem="wrong type", remedy=""),), b"\x02", "wrong type"),
    ],
)
def test_the_worst_of_a_stream_is_its_level_in_diagnostics(
    changes: dict[str, object], problems: tuple[ProblemState, ...], level: bytes, words: str
) -> None:
    shown = state(1, streams=(JOINTS.model_copy(update=changes),), problems=problems)
    recorder, stream = diagnostics(shown).status
    assert (recorder.name, recorder.level) == ("/recorder: recorder", b"\x00")
    assert (stream.name, stream.level) == ("/recorder: joints", level)
    assert words in stream.message
