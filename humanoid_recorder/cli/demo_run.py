"""Running a demo: the robot publishes, the recorder records, and both are gone at the end, whatever happens."""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from humanoid_recorder.cli.demo_check import SentRecord, read_robot_report
from humanoid_recorder.cli.demo_children import DemoChild, end_all, private_environment, with_profile
from humanoid_recorder.core.errors import RosError, SessionError
from humanoid_recorder.ros.share import share_directory
from humanoid_recorder.storage.layout import UNFINISHED_SUFFIX

_START_UP_S = 25.0
_PER_EPISODE_S = 5.0
_POLL_S = 0.1
_ATTEMPT_S = 60.0
"""An attempt of the simulated operator that takes longer is ended as a failure."""
_USUAL_ATTEMPT_S = 16.0


class DemoRobot(StrEnum):
    """Who is recorded."""

    SIMULATED = "simulated"
    """A humanoid in a physics engine, whose operator does a task; each attempt is an episode."""
    SYNTHETIC = "synthetic"
    """Numbered signals: from the numbers one can prove that nothing is missing."""


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """What was asked for."""

    out: Path
    seconds: float
    """Length of each episode; that of an attempt is the simulated operator's."""
    episodes: int
    robot: DemoRobot = DemoRobot.SYNTHETIC
    task: str = ""
    """Of the simulated operator."""

    @property
    def episode_s(self) -> float:
        """How long an episode usually is."""
        return _USUAL_ATTEMPT_S if self.robot is DemoRobot.SIMULATED else self.seconds

    @property
    def longest_s(self) -> float:
        """When a demo that is still running has gone wrong."""
        episode_s = _ATTEMPT_S if self.robot is DemoRobot.SIMULATED else self.seconds
        return _START_UP_S + self.episodes * (episode_s + _PER_EPISODE_S)


_NODES = "humanoid_recorder.nodes"
_COMMAND = "humanoid_recorder.cli.main"


@dataclass(frozen=True, slots=True)
class DemoProgress:
    """What is happening."""

    sealed: int
    """Episodes that are complete."""
    recording: Path | None
    """Directory of the one that is being recorded."""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What is left when both processes have ended."""

    bags: tuple[Path, ...]
    sent: dict[str, SentRecord] | None
    """Topic -> what the robot says it sent; None for a robot that does not say."""
    domain_id: int


def run_demo(
    request: DemoRequest, *, on_progress: Callable[[DemoProgress], None], is_cancelled: Callable[[], bool]
) -> DemoResult | None:
    """Record the robot.

    Args:
        request: How long, and where to.
        on_progress: Called ten times a second.
        is_cancelled: Asked ten times a second.

    Returns:
        The result; None when it was cancelled.

    Raises:
        SessionError: The output folder cannot be used.
        RosError: A process failed or hung; the message has its last words.
    """
    environment = private_environment()
    begin_s = time.monotonic()
    known = _sessions(request.out)
    _make_folder(request.out)
    cast = _simulated if request.robot is DemoRobot.SIMULATED else _synthetic
    with tempfile.TemporaryDirectory(prefix="humanoid_recorder_demo_") as folder:
        report, results = Path(folder) / "sent.json", Path(folder) / "results"
        with cast(request, Path(folder), environment) as (robot, recorder):
            while recorder.exit_code is None:
                if is_cancelled():
                    return None
                if robot.exit_code is not None:
                    raise RosError(f"The robot ended too early; its last words:\n{robot.last_words()}")
                if time.monotonic() - begin_s > request.longest_s:
                    raise RosError(
                        f"The recorder was not done after {request.longest_s:.0f} s; its last words:\n"
                        f"{recorder.last_words()}",
                        remedy="Run `humanoid-recorder doctor`.",
                    )
                on_progress(DemoProgress(len(_lines(results)), _recording(request.out, known)))
                time.sleep(_POLL_S)
            end_all([robot])
        if recorder.exit_code:
            raise RosError(
                f"The recorder ended with exit code {recorder.exit_code}; its last words:\n{recorder.last_words()}",
                remedy="Run `humanoid-recorder doctor`.",
            )
        bags = tuple(Path(str(json.loads(line)["path"])) for line in _lines(results))
        sent = read_robot_report(report) if request.robot is DemoRobot.SYNTHETIC else None
        return DemoResult(bags, sent, int(environment["ROS_DOMAIN_ID"]))


@contextmanager
def _simulated(
    request: DemoRequest, folder: Path, environment: dict[str, str]
) -> Iterator[tuple[DemoChild, DemoChild]]:
    """Start robot and recorder, and who has the robot's operator make one attempt after the other."""
    config = share_directory() / "config"
    profile = config / "robots" / "g1_sim.yaml"
    children: list[DemoChild] = []

    def start(node: str, parameters: dict[str, object], *, results: Path | None = None) -> DemoChild:
        words = [word for name, value in parameters.items() for word in ("-p", f"{name}:={value}")]
        log = folder / f"{node}.log"
        module = f"{_NODES}.{node}"
        child = DemoChild(
            module,
            ["--ros-args", *words],
            environment=with_profile(environment, config / "dds" / "quick_repair.xml"),
            log=log,
            results=results,
        )
        children.append(child)
        return child

    try:
        robot = start("sim_humanoid", {"task": request.task, "stop_with_parent": os.getpid()})
        start(
            "recorder", {"profile": profile, "out": request.out, "task": request.task, "stop_with_parent": os.getpid()}
        )
        yield (
            robot,
            start(
                "sim_attempts",
                {"attempts": request.episodes, "longest_s": _ATTEMPT_S, "stop_with_parent": os.getpid()},
                results=folder / "results",
            ),
        )
    finally:
        end_all(children)


@contextmanager
def _synthetic(
    request: DemoRequest, folder: Path, environment: dict[str, str]
) -> Iterator[tuple[DemoChild, DemoChild]]:
    config = share_directory() / "config"
    robot_parameters = {"report": str(folder / "sent.json"), "duration_s": str(request.longest_s + 10)}
    robot = DemoChild(
        f"{_NODES}.synthetic_robot",
        ["--ros-args", *(word for name, value in robot_parameters.items() for word in ("-p", f"{name}:={value}"))],
        environment=with_profile(environment, config / "dds" / "quick_repair.xml"),
        log=folder / "robot.log",
    )
    children = [robot]
    try:
        profile = config / "robots" / "synthetic.yaml"
        recorder = DemoChild(
            _COMMAND,
            [
                "record", "--profile", str(profile), "--out", str(request.out), "--task", "demo",
                "--episodes", str(request.episodes), "--seconds", str(request.seconds), "--wait", "20", "--json",
            ],
            environment=environment,
            log=folder / "recorder.log",
            results=folder / "results",
        )  # fmt: skip
        children.append(recorder)
        yield robot, recorder
    finally:
        end_all(children)


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SessionError(
            f"{out} cannot be created: {error.strerror or error}.", remedy="Choose another folder with --out."
        ) from error


def _sessions(out: Path) -> set[Path]:
    return set(out.iterdir()) if out.is_dir() else set()


def _recording(out: Path, known: set[Path]) -> Path | None:
    return next((path for session in _sessions(out) - known for path in session.glob(f"*{UNFINISHED_SUFFIX}")), None)


def _lines(results: Path) -> list[str]:
    return [line for line in results.read_text().splitlines() if line.startswith("{") and line.endswith("}")]
