"""One kill: a robot and a recorder of their own, an episode, SIGKILL at a moment, and what is left of it.

Each has a ROS domain of its own: for 20 s after a kill, DDS takes the dead recorder for alive, and a robot goes on
sending to it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from humanoid_recorder.cli.demo_check import SentRecord, read_robot_report
from humanoid_recorder.cli.demo_children import DemoChild, end_all, private_environment
from humanoid_recorder.cli.drill_bag import Recovered, recover_and_read
from humanoid_recorder.cli.drill_children import (
    ROBOT_REPORT,
    SYNC_NOTES,
    numbered_topics,
    own_environment,
    robot_config,
    start_recorder,
    start_robot,
)
from humanoid_recorder.cli.drill_judge import Kill, judge_kill, problems_of
from humanoid_recorder.cli.drill_memory import remove_orphans, segments_of
from humanoid_recorder.cli.drill_syncs import cut_power, is_syncing, read_syncs
from humanoid_recorder.cli.record_session import awaited
from humanoid_recorder.core.errors import CommandRefused, RecorderUnavailableError, RosError
from humanoid_recorder.recording.state import Phase, RecorderState
from humanoid_recorder.ros.recorder_client import RecorderClient, connect
from humanoid_recorder.storage.layout import UNFINISHED_SUFFIX

_NODE = "/recorder"
_ARM_S = 30.0
_END_S = 5.0
_SLICE_S = 0.05
_SYNC_COMES_S = 2.0
_GLANCE_S = 0.0001
_NS_PER_S = 1_000_000_000
_ASK_DOCTOR = "Run `humanoid-recorder doctor`."


@dataclass(frozen=True, slots=True)
class Round:
    """What is asked of one kill."""

    number: int
    """From 1."""
    after_s: float
    """From the start of the episode to the kill."""
    limit_ms: float
    cuts_power: bool
    """Whether to take from the file what was not synced at the kill."""
    keeps: bool
    """Whether the original stays beside the recovered bag."""
    folder: Path
    """For the recording: on the disk that is tested."""
    scratch: Path
    """For everything else."""


@dataclass(frozen=True, slots=True)
class _Killed:
    """What is known of a recorder at its kill."""

    episode: str
    started_ns: int
    """Before the start command, ns since the epoch."""
    at_ns: int
    """When the kernel had taken the signal, ns since the epoch."""
    at_monotonic_ns: int
    segments: frozenset[Path]
    """Shared memory it had in use."""


class Cancelled(Exception):  # noqa: N818 - not an error
    """Somebody does not want to wait any longer; all processes have ended."""


def run_round(this: Round, *, is_cancelled: Callable[[], bool]) -> Kill:
    """Record, kill, recover, read back, judge.

    Args:
        this: When to kill, and where to record.
        is_cancelled: Asked 20 times a second.

    Raises:
        Cancelled: It was.
        RosError: A process failed or hung; the message has its last words.
    """
    environment = private_environment()
    config = robot_config()
    children: list[DemoChild] = []
    killed: _Killed | None = None
    try:
        children.append(robot := start_robot(config, this.scratch, environment))
        children.append(recorder := start_recorder(this.folder, this.scratch, environment))
        with own_environment(environment):
            killed = _record_and_kill(this, robot, recorder, is_cancelled)
        robot.interrupt()  # it takes half a second, in which the dead recorder could acknowledge
        recorder.wait_or_kill(time.monotonic() + _END_S)
        kill = _judge(this, killed, topics=numbered_topics(config), report=lambda: _report_of(this, robot))
    finally:
        end_all(children)
        if killed is not None:
            remove_orphans(killed.segments)
    return kill


def _record_and_kill(this: Round, robot: DemoChild, recorder: DemoChild, is_cancelled: Callable[[], bool]) -> _Killed:
    def is_running() -> bool:
        return recorder.exit_code is None

    try:
        with connect(_NODE, parse=RecorderState.model_validate_json, is_running=is_running) as client:
            started_ns, episode = _start_episode(client, robot, is_cancelled)
            begin_s = time.monotonic()
            segments = segments_of(recorder.pid)
            _sleep_until(begin_s + this.after_s, is_cancelled)
            if this.cuts_power:
                _await_sync(this.scratch / SYNC_NOTES, is_cancelled)
            recorder.kill()
            return _Killed(episode, started_ns, time.time_ns(), time.monotonic_ns(), segments)
    except RecorderUnavailableError as error:
        raise RosError(f"{error.message} Its last words:\n{recorder.last_words()}", remedy=_ASK_DOCTOR) from error


def _await_sync(notes: Path, is_cancelled: Callable[[], bool]) -> None:
    """Wait for the next sync to begin: then there is most in the file that is not on the disk."""
    deadline_s = time.monotonic() + _SYNC_COMES_S
    while not is_syncing(notes) and time.monotonic() < deadline_s:
        if is_cancelled():
            raise Cancelled
        time.sleep(_GLANCE_S)


def _start_episode(
    client: RecorderClient[RecorderState], robot: DemoChild, is_cancelled: Callable[[], bool]
) -> tuple[int, str]:
    """Start as soon as the recorder lets us; returns when that was asked for, ns since the epoch, and the episode."""

    def give_up() -> bool:
        return is_cancelled() or robot.exit_code is not None

    deadline_s = time.monotonic() + _ARM_S
    refusal = ""
    while (left_s := deadline_s - time.monotonic()) > 0:
        armed = client.wait_for(lambda state: state.phase is Phase.ARMED, timeout_s=left_s, give_up=give_up)
        if is_cancelled():
            raise Cancelled
        if robot.exit_code is not None:
            raise RosError(f"The robot ended too early; its last words:\n{robot.last_words()}")
        if armed is None:
            break
        try:
            started_ns = time.time_ns()
            return started_ns, str(client.call("start")["episode"])
        except CommandRefused as error:  # a busy computer kept a stream silent just then
            refusal = error.message.rstrip(".")
            time.sleep(_SLICE_S)
    why = refusal or ("it says nothing" if client.state is None else f"it waits for {awaited(client.state)}")
    raise RosError(f"The recorder could not be started within {_ARM_S:g} s: {why}.", remedy=_ASK_DOCTOR)


def _judge(
    this: Round, killed: _Killed, *, topics: frozenset[str], report: Callable[[], dict[str, SentRecord]]
) -> Kill:
    unfinished = next(this.folder.glob(f"*/{killed.episode}{UNFINISHED_SUFFIX}"))
    file = next(unfinished.glob("*.mcap"))
    syncs = read_syncs(this.scratch / SYNC_NOTES, inode=file.stat().st_ino, killed_monotonic_ns=killed.at_monotonic_ns)
    was_on_disk = syncs.synced_bytes > 0
    zeroed_bytes = cut_power(file, syncs.synced_bytes) if this.cuts_power else 0
    recovered = recover_and_read(unfinished, numbered=topics, keep_original=this.keeps)
    start_ns = killed.started_ns if recovered.start_ns is None else recovered.start_ns
    loss = judge_kill(report(), recovered.found, start_ns=start_ns, killed_ns=killed.at_ns)
    return Kill(
        number=this.number,
        after_s=(killed.at_ns - start_ns) / _NS_PER_S,
        loss_ms=loss.ms,
        loss_topic=loss.topic,
        lost=loss.messages,
        missing=sum(loss.missing.values()),
        is_recovered=recovered.bag is not None,
        recovered=recovered.messages,
        longest_sync_ms=syncs.longest_ms,
        was_syncing=syncs.under_way,
        zeroed_bytes=zeroed_bytes,
        readers=recovered.readers,
        bag=_kept(this, recovered),
        problems=(*(recovered.problems if was_on_disk else ()), *problems_of(loss, limit_ms=this.limit_ms)),
    )


def _kept(this: Round, recovered: Recovered) -> str:
    return str(recovered.bag) if this.keeps and recovered.bag is not None else ""


def _report_of(this: Round, robot: DemoChild) -> dict[str, SentRecord]:
    robot.wait_or_kill(time.monotonic() + _END_S)
    return read_robot_report(this.scratch / ROBOT_REPORT)


def _sleep_until(monotonic_s: float, is_cancelled: Callable[[], bool]) -> None:
    while (left_s := monotonic_s - time.monotonic()) > 0:
        if is_cancelled():
            raise Cancelled
        time.sleep(min(left_s, _SLICE_S))
