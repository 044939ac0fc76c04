"""``humanoid-recorder clocks``: how far the clock of each stream is off, by a movement that all of them saw."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from humanoid_recorder.cli.clocks_models import ClocksReport
from humanoid_recorder.cli.clocks_plot import plot_clocks, require_plotting
from humanoid_recorder.cli.clocks_report import report_on
from humanoid_recorder.cli.clocks_view import show
from humanoid_recorder.cli.clocks_write import write_offsets
from humanoid_recorder.core.errors import EXIT_BAD, SpecError
from humanoid_recorder.inspection.clock_delays import ClockDelay, find_delays, find_joints
from humanoid_recorder.inspection.movement_reader import read_movements, streams_of
from humanoid_recorder.spec.profile import RobotProfile
from humanoid_recorder.spec.yaml_source import YamlDocument
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EPISODE_FILE, EpisodeFile

_LIVE_S, _BAG_S = 8.0, 60.0


def clocks(
    bag: Annotated[
        Path | None, typer.Argument(help="Bag directory, metadata.yaml or .mcap file; anybody's. Without: live.")
    ] = None,
    *,
    profile: Annotated[
        Path | None, typer.Option(help="Robot profile; of a bag else the one it was recorded with.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Live: how long to move, else 8. Of a bag: how much of it, else 60.")
    ] = None,
    search_ms: Annotated[
        float, typer.Option(help="Largest difference in latency to look for, around what receipts say.")
    ] = 1000.0,
    write: Annotated[bool, typer.Option("--write", help="Put the offsets into the profile given.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw correlation over lag: a .png or .svg.")] = None,
    out: Annotated[Path, typer.Option(help="Live: folder that gets a folder for this session.")] = Path("recordings"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Find out how far each stream's clock is off, from a deliberate movement.

    Compares pictures, force, touch, poses and commands with the joint states: all of them see the same movement, each
    by its own clock. Wave both arms in front of the cameras, in short strokes of different length with rests between,
    touching nothing. Of a bag needs no ROS. A picture of the result needs the extra `view`.

    \b
    Examples:
      humanoid-recorder clocks --profile g1.yaml --seconds 8
      humanoid-recorder clocks BAG --plot clocks.png
      humanoid-recorder clocks BAG --profile g1.yaml --write

    \b
    Columns: offset = what to add to the stream's times to bring them on the
      clock of the joints (negative: its clock is ahead), with an interval that
      should hold 95 of 100 estimates; latency = how much later than a joint
      state it is received; match = correlation with the joints.

    \b
    Keys of --json (what is not known is null):
      schema_version, good, path, profile, joints, seconds, search_ms, plot,
      problem
      streams: name, topic, kind, time, messages, unreadable, found, offset_ms,
        error_ms, declared_ms, latency_ms, correlation, problem, note, written

    Exit code: 0 an offset was found, 1 none was, 2 usage.
    """  # noqa: D301 - click needs the backspace itself
    _check(bag, profile, seconds=seconds, search_ms=search_ms, write=write)
    if plot is not None:
        require_plotting()
    if bag is None:
        from humanoid_recorder.cli.clocks_record import record_movement

        assert profile is not None  # noqa: S101 - checked above
        bag = record_movement(profile, out=out, seconds=seconds or _LIVE_S)
        seconds = None
    report, delays = _analyse(bag, profile, seconds=seconds or _BAG_S, search_ms=search_ms)
    if write and profile is not None:
        written = write_offsets(profile, delays)
        streams = tuple(each.model_copy(update={"written": each.name in written}) for each in report.streams)
        report = report.model_copy(update={"streams": streams})
    if plot is not None and any(delay.curve is not None for delay in delays):
        plot_clocks(delays, plot, title=bag.name, search_ms=search_ms)
        report = report.model_copy(update={"plot": str(plot)})
    if as_json:
        sys.stdout.write(report.model_dump_json(indent=1) + "\n")
    else:
        show(report, Console(highlight=False))
    raise typer.Exit(0 if report.good else EXIT_BAD)


def _check(bag: Path | None, profile: Path | None, *, seconds: float | None, search_ms: float, write: bool) -> None:
    if bag is None and profile is None:
        raise SpecError(
            "There is neither a bag nor a profile.", remedy="Name a bag, or say --profile ROBOT.yaml to record one."
        )
    if bag is not None and not bag.exists():
        raise SpecError(f"There is no {bag}.")
    if write and profile is None:
        raise SpecError("--write needs to know which profile to change.", remedy="Add --profile ROBOT.yaml.")
    if seconds is not None and not 0 < seconds <= 3600:
        raise SpecError(f"--seconds is {seconds:g}.", remedy="It must be more than zero, and at most an hour.")
    if not 50 <= search_ms <= 10_000:
        raise SpecError(f"--search-ms is {search_ms:g}.", remedy="It must be from 50 to 10,000.")


def _analyse(
    bag: Path, profile: Path | None, *, seconds: float, search_ms: float
) -> tuple[ClocksReport, list[ClockDelay]]:
    directory = bag if bag.is_dir() else bag.parent
    episode = EpisodeFile.read(directory) if (directory / EPISODE_FILE).is_file() else None
    source, text = "", ""
    if profile is not None:
        source, text = str(profile), YamlDocument.read(profile).text
    elif episode is not None and episode.start.provenance.profile_text:
        source, text = "as recorded", episode.start.provenance.profile_text
    robot = YamlDocument.from_bytes(text.encode(), name=source).validate(RobotProfile) if text else None
    reader = BagReader(bag)
    movements = read_movements(reader, streams_of(reader, robot, episode), seconds=seconds)
    joints = find_joints(movements)
    delays = [] if joints is None else find_delays(movements, joints, search_ms=search_ms)
    return report_on(delays, joints, path=bag, profile=source, search_ms=search_ms), delays
