"""``humanoid-recorder demo``: record a robot that is not there, and prove that nothing is missing."""

import importlib.util
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from humanoid_recorder.cli.demo_check import EpisodeCheck, check_episode
from humanoid_recorder.cli.demo_run import DemoProgress, DemoRequest, DemoResult, DemoRobot, run_demo
from humanoid_recorder.cli.demo_view import all_problems, near, own_command, show_next, show_result
from humanoid_recorder.cli.node_child import StopSignals
from humanoid_recorder.core.errors import EXIT_BAD, RosError


def demo(
    *,
    out: Annotated[Path, typer.Option(help="Folder that gets a folder for this session.")] = Path("recordings"),
    seconds: Annotated[float, typer.Option(help="Length of each episode.", min=0.5, max=600)] = 8.0,
    episodes: Annotated[int, typer.Option(help="How many.", min=1, max=100)] = 2,
    robot: Annotated[
        DemoRobot | None,
        typer.Option(help="simulated: physics, an operator, a task. synthetic: numbered signals. Default: what runs."),
    ] = None,
    task: Annotated[
        str, typer.Option(help="Of the simulated operator: lift_box, carry_tray or sort_parts.")
    ] = "lift_box",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Record a robot that is not there over real DDS, and prove from the bags that nothing is missing.

    With the extra sim, a simulated humanoid whose operator does a task: each attempt is an episode, labelled success or
    failure. Without, a synthetic robot. Both run with the recorder in a ROS domain of their own on this computer only,
    so that nothing reaches a real robot. Messages carry numbers; the bags are read back and the numbers checked.

    \b
    Examples:
      humanoid-recorder demo
      humanoid-recorder demo --task carry_tray --episodes 1
      humanoid-recorder demo --robot synthetic --seconds 2 --out /tmp/try --json

    \b
    Keys of --json: schema_version, robot, task, whole, problems, sent (by the
    robot, in all; null for the simulated one), domain_id,
    episodes: path, end, outcome, duration_s, messages, size_bytes, pictures,
      problems
      streams: stream, topic, messages, rate_hz, first_number, last_number,
        missing, repeated, lost, dropped, problems

    Exit code: 0 every message is there, 1 not (or stopped), 2 usage.
    """  # noqa: D301 - click needs the backspace itself
    if importlib.util.find_spec("rclpy") is None:
        raise RosError(
            "The demo needs ROS 2, and rclpy is not installed here.",
            remedy="Source your ROS 2, or install the wheels: pip install '.[ros]' in this package's checkout.",
        )
    request = DemoRequest(out.expanduser(), seconds, episodes, robot or _best_robot(), task)
    with StopSignals() as signals:
        with _progress(request) as on_progress:
            result = run_demo(request, on_progress=on_progress, is_cancelled=signals.came)
        if result is None:
            Console(stderr=True).print(f"Stopped. What was recorded so far is in {near(str(request.out))}.")
            raise typer.Exit(EXIT_BAD)
        checks = _check(result, request, is_cancelled=signals.came)
    if not checks:
        raise typer.Exit(EXIT_BAD)
    _tell(request, result, checks, as_json=as_json)
    raise typer.Exit(0 if all(check.is_whole for check in checks) else EXIT_BAD)


def _tell(request: DemoRequest, result: DemoResult, checks: Sequence[EpisodeCheck], *, as_json: bool) -> None:
    """Say what was recorded and whether it is whole."""
    sent = None if result.sent is None else sum(account.sent for account in result.sent.values())
    task = request.task if request.robot is DemoRobot.SIMULATED else ""
    if as_json:
        facts = {"robot": request.robot.value, "task": task, "sent": sent, "domain_id": result.domain_id}
        _print_json(checks, facts)
    else:
        console = Console(highlight=False)
        show_result(console, checks, sent=sent, task=task)
        show_next(console, checks[0].path, command=own_command(), has_ros2=shutil.which("ros2") is not None)


def _check(result: DemoResult, request: DemoRequest, *, is_cancelled: Callable[[], bool]) -> list[EpisodeCheck]:
    """Read the bags back; empty when that was cancelled."""
    if len(result.bags) != request.episodes:
        raise RosError(f"{request.episodes} episodes were asked for, {len(result.bags)} were recorded.")
    checks = []
    with Console(stderr=True).status("reading the bags back"):
        for bag in result.bags:
            if is_cancelled():
                return []
            checks.append(check_episode(bag, result.sent))
    return checks


def _best_robot() -> DemoRobot:
    """Choose the simulated robot where its physics is installed."""
    has_physics = importlib.util.find_spec("mujoco") is not None
    if not has_physics:
        Console(stderr=True).print("Without the extra 'sim' (mujoco) the robot is a synthetic one.")
    return DemoRobot.SIMULATED if has_physics else DemoRobot.SYNTHETIC


def _print_json(checks: Sequence[EpisodeCheck], facts: Mapping[str, object]) -> None:
    report = {
        "schema_version": 1,
        **facts,
        "whole": all(check.is_whole for check in checks),
        "problems": all_problems(checks),
        "episodes": [asdict(check) for check in checks],
    }
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


@contextmanager
def _progress(request: DemoRequest) -> Iterator[Callable[[DemoProgress], None]]:
    """Show on stderr what happens, and nothing of it in the end."""
    began: dict[Path, float] = {}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[size]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("starting a robot and a recorder", total=None, size="")

        def update(now: DemoProgress) -> None:
            if now.recording is None:
                return
            elapsed_s = time.monotonic() - began.setdefault(now.recording, time.monotonic())
            size = sum(_size(file) for file in now.recording.glob("*.mcap"))
            progress.update(
                task,
                description=f"recording episode {now.sealed + 1} of {request.episodes}",
                total=request.episodes * request.episode_s,
                completed=now.sealed * request.episode_s + min(elapsed_s, request.episode_s),
                size=decimal(size),
            )

        yield update


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:  # sealed and renamed meanwhile
        return 0
