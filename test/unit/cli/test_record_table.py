import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from humanoid_recorder.cli.record_table import Notice, Screen, clock, render, size
from humanoid_recorder.core.labels import End, Labels, Outcome
from humanoid_recorder.recording.state import (
    DiskState,
    EpisodeState,
    Phase,
    ProblemState,
    QueueState,
    RecorderState,
    SealedState,
    StreamState,
    minutes_in_words,
)

STREAM = StreamState(
    name="joints",
    topic="/joint_states",
    type="sensor_msgs/msg/JointState",
    kind="joint",
    required=True,
    expected_hz=500.0,
    rate_hz=499.0,
    age_ms=2.0,
    longest_gap_ms=12.0,
    received=6000,
    dropped=0,
    lost=0,
    lost_reason="",
    bytes=1_400_000,
)
DISK = DiskState(
    free_bytes=50_000_000_000,
    reserve_bytes=2_000_000_000,
    stop_bytes=100_000_000,
    bytes_per_s=30_000_000.0,
    minutes_left=26.7,
    episodes_left=48,
    is_little=True,
)
LOW = DISK.model_copy(update={"problem": "The disk is low: 1.0 GB free.", "remedy": "Free space."})
STATE = RecorderState(
    node="/recorder",
    instance="0",
    since_ns=0,
    time_ns=0,
    phase=Phase.ARMED,
    robot="g1",
    session="/data/20260101T000000Z_g1",
    streams=(STREAM,),
    labels=Labels(task="fold the towel"),
    queue=QueueState(bytes=0, max_bytes=100, high_water_bytes=0),
    disk=DISK,
)
SEALED = SealedState(
    id="e1",
    path="/data/s/e1",
    end=End.STOPPED,
    outcome=Outcome.SUCCESS,
    is_discarded=False,
    is_whole=True,
    duration_s=12.3,
    messages=45_678,
    lost=0,
    dropped=0,
    bytes=1_000,
    detail="",
    labels=Labels(),
)
RECORDING = EpisodeState(id="e2", started_ns=0, elapsed_s=72.9, messages=10, bytes=5_000_000, labels=STATE.labels)


def draw(state: RecorderState | None, *, width: int = 80, height: int = 24, **screen: object) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, color_system=None)
    console.print(render(state, Screen(width, height, **screen)))  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (None, "STARTING"),
        (STATE, "READY"),
        (STATE.model_copy(update={"phase": Phase.WAITING, "silent": ("head", "imu")}), "WAITING for head, imu"),
        (STATE.model_copy(update={"phase": Phase.WAITING, "streams": ()}), "WAITING for a first message"),
        (STATE.model_copy(update={"phase": Phase.RECORDING, "episode": RECORDING}), "RECORDING 01:12"),
        (STATE.model_copy(update={"phase": Phase.SEALING}), "SEALING"),
        (STATE.model_copy(update={"phase": Phase.INACTIVE}), "INACTIVE"),
    ],
)
def test_the_first_line_says_what_is_going_on(state: RecorderState | None, words: str) -> None:
    assert draw(state)[0].strip().startswith(words)


def test_a_recorder_that_says_nothing_any_more_is_not_shown_as_recording() -> None:
    state = STATE.model_copy(update={"phase": Phase.RECORDING, "episode": RECORDING})
    assert draw(state, silence_s=3.0)[0].startswith(" NO NEWS for 3 s ")


def test_a_stream_that_has_stopped_is_named_in_the_first_line() -> None:
    dead = STREAM.model_copy(update={"age_ms": 2001.0, "rate_hz": 0.0})
    assert "SILENT: joints" in draw(STATE.model_copy(update={"streams": (dead,)}))[0]
    assert "SILENT" not in draw(STATE)[0]


@given(
    streams=st.integers(0, 80),
    problems=st.integers(0, 10),
    width=st.integers(40, 200),
    height=st.integers(16, 60),
    notice=st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=400),
)
def test_the_screen_is_never_taller_than_the_terminal(
    streams: int, problems: int, width: int, height: int, notice: str
) -> None:
    state = STATE.model_copy(
        update={
            "streams": tuple(STREAM.model_copy(update={"name": f"stream_{i}"}) for i in range(streams)),
            "problems": tuple(
                ProblemState(stream=f"stream_{i}", problem="nobody publishes it", remedy="x" * 90)
                for i in range(problems)
            ),
            "recent": (SEALED,),
            "fault": "the disk is full",
            "disk": LOW,
        }
    )
    lines = draw(state, width=width, height=height, notice=Notice(notice), log=["a", "b", "c", "d"])
    assert len(lines) <= height


def test_streams_with_problems_come_first_and_the_rest_is_counted() -> None:
    streams = [STREAM.model_copy(update={"name": f"good_{i}"}) for i in range(40)]
    streams.append(STREAM.model_copy(update={"name": "lossy", "lost": 3}))
    streams.append(STREAM.model_copy(update={"name": "slow", "rate_hz": 440.0}))
    lines = draw(STATE.model_copy(update={"streams": tuple(streams)}))
    heading = next(number for number, line in enumerate(lines) if line.lstrip().startswith("stream "))
    assert [line.split()[0] for line in lines[heading + 1 : heading + 4]] == ["lossy", "slow", "good_0"]
    shown = sum("good_" in line for line in lines)
    assert f"+{40 - shown} more ok" in "\n".join(lines)


def test_unknown_loss_is_a_question_mark_and_never_a_zero() -> None:
    unknown = STREAM.model_copy(update={"lost": None, "lost_reason": "no sequence numbers"})
    row = next(line for line in draw(STATE.model_copy(update={"streams": (unknown,)})) if "joints" in line)
    assert row.split()[5] == "?"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "last success  12.3 s  45,678 messages  lost 0  dropped 0"),
        ({"outcome": Outcome.UNLABELLED}, "last stopped"),
        ({"outcome": Outcome.FAILURE}, "last failure"),
        ({"is_discarded": True}, "last discarded"),
        ({"lost": None}, "lost ?"),
        ({"end": End.TIMED_OUT, "detail": "longer than 600 s"}, "last TIMED OUT: longer than 600 s"),
        ({"is_whole": False, "detail": "disk full"}, "last NOT SEALED: disk full"),
    ],
)
def test_the_last_episode_is_judged_in_one_line(changes: dict[str, object], words: str) -> None:
    lines = draw(STATE.model_copy(update={"recent": (SEALED.model_copy(update=changes),)}))
    assert any(words in line for line in lines)


def test_all_keys_are_named_on_eighty_columns() -> None:
    words = "space start/stop s success f failure d discard u undo m mark q quit ? help"
    assert draw(STATE)[-1].split() == words.split(" ")


def test_the_help_fits_a_small_terminal() -> None:
    lines = draw(STATE.model_copy(update={"recent": (SEALED,)}), notice=Notice("x"), log=["y"], shows_help=True)
    assert len(lines) <= 24
    assert any("foot pedal" in line for line in lines)


@pytest.mark.parametrize(
    ("rate_hz", "expected_hz", "is_off"),
    [(90.1, 100.0, False), (89.0, 100.0, True), (111.0, 100.0, True), (None, 100.0, False), (5.0, None, False)],
)
def test_a_rate_is_off_from_ten_percent_on(rate_hz: float | None, expected_hz: float | None, is_off: bool) -> None:
    stream = STREAM.model_copy(update={"rate_hz": rate_hz, "expected_hz": expected_hz})
    assert stream.is_off_rate is is_off


def test_the_room_on_the_disk_is_shown_in_minutes_and_episodes() -> None:
    assert "disk 50.0 GB free = 26 min, 48 episodes of recording   at 30.0 MB/s" in "\n".join(draw(STATE))
    aside = DISK.model_copy(update={"discarded_episodes": 3, "discarded_bytes": 1_200_000_000})
    assert "+ 1.2 GB discarded" in "\n".join(draw(STATE.model_copy(update={"disk": aside})))


def test_a_disk_that_takes_no_episode_is_shown_with_what_to_do() -> None:
    text = "\n".join(draw(STATE.model_copy(update={"disk": LOW, "phase": Phase.WAITING})))
    assert "WAITING for the disk" in text
    assert "DISK: The disk is low: 1.0 GB free. Free space." in text


def test_quantities_are_short() -> None:
    assert (clock(12.9), clock(3725.0)) == ("00:12", "1:02:05")
    assert (minutes_in_words(9.9), minutes_in_words(200.0), minutes_in_words(6000.0)) == (
        "9 min",
        "3 h 20 min",
        "4 days",
    )
    assert (size(0), size(1), size(1_400_000)) == ("0 B", "1 B", "1.4 MB")
