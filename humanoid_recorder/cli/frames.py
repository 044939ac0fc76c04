"""``humanoid-recorder frames``: the streams of a bag, aligned as its profile says. Needs no ROS."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from humanoid_recorder.cli.frames_models import Compared, ComparisonReport
from humanoid_recorder.cli.frames_plot import plot_frames
from humanoid_recorder.cli.frames_report import compare, report_on
from humanoid_recorder.cli.frames_view import show
from humanoid_recorder.core.errors import EXIT_BAD, SpecError
from humanoid_recorder.export.frame_files import TableFormat, write_frames
from humanoid_recorder.spec.yaml_source import YamlDocument
from humanoid_recorder.storage.bag_frames import AlignedBag, align_bag, plan_for, profile_in, recorded_frames
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EPISODE_FILE, EpisodeFile


def frames(
    bag: Annotated[Path, typer.Argument(help="Bag directory, metadata.yaml or .mcap file; anybody's.")],
    *,
    profile: Annotated[Path | None, typer.Option(help="Robot profile; else the one the bag was recorded with.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the table of frames to this file.")] = None,
    as_format: Annotated[
        TableFormat | None, typer.Option("--format", help="Of the table; else what the file's name ends with.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw completeness and age over time: a .png or .svg.")] = None,
    no_compare: Annotated[
        bool, typer.Option("--no-compare", help="Do not compare with the frames that the recorder wrote.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Align the streams of a bag, and say how good the frames are.

    Needs no ROS, and decodes nothing. If the bag has the frames that the recorder found while it recorded, both have
    to be the same. Parquet needs the extra `export`, a picture the extra `view`.

    \b
    Examples:
      humanoid-recorder frames recordings/20260314T091500Z_g1/*_a1b2c3
      humanoid-recorder frames BAG --out frames.parquet --plot frames.png
      humanoid-recorder frames theirs_0.mcap --profile g1.yaml --json

    \b
    Columns: in order = ticks at which the stream has what its rule asks for;
      spoils = ticks that only it makes incomplete; delay = median of receipt
      minus time, negative where a clock is ahead.

    \b
    Keys of --json (what is not known is null):
      schema_version, good, path, profile, clock, hold_off_ms, ticks,
      duration_s, longest_tick_gap_ms, complete, complete_share,
      skew_ms (p50, p95, p99, max), worst_stream, notes, out, plot
      streams: name, topic, rule, window, tolerance_ms, offset_ms, time,
        messages, without_time, ok, missing, out_of_tolerance, short, late,
        spoiled, age_ms (p50, p95, p99, max), delay_ms
      comparison: result (equal, shorter, different, not_recorded, skipped),
        frames, detail

    Exit code: 0 good, 1 no frames or not those that were recorded, 2 usage.
    """  # noqa: D301 - click needs the backspace itself
    table_format = _format_of(out, as_format)
    if not bag.exists():
        raise SpecError(f"There is no {bag}.")
    reader = BagReader(bag)
    directory = bag if bag.is_dir() else bag.parent
    episode = EpisodeFile.read(directory) if (directory / EPISODE_FILE).is_file() else None
    text, source = _profile(profile, episode, directory)
    aligned = _align(reader, text, source, episode, quiet=as_json)
    comparison = _compare(reader, aligned, episode, text=text, is_wanted=not no_compare)
    if out is not None and table_format is not None:
        about = {"bag": str(bag), "profile": text}
        write_frames(aligned.table, out, as_format=table_format, about=about)
    if plot is not None and len(aligned.table.ticks_ns):
        plot_frames(aligned.table, plot, title=directory.name)
    drawn = plot if len(aligned.table.ticks_ns) else None
    report = report_on(aligned, path=bag, profile=source, comparison=comparison, out=out, plot=drawn)
    if as_json:
        sys.stdout.write(report.model_dump_json(indent=1) + "\n")
    else:
        show(report, Console(highlight=False))
    raise typer.Exit(0 if report.good else EXIT_BAD)


def _format_of(out: Path | None, as_format: TableFormat | None) -> TableFormat | None:
    if out is None:
        if as_format is not None:
            raise SpecError("--format says how the table is written, and not where to.", remedy="Add --out FILE.")
        return None
    if as_format is not None:
        return as_format
    try:
        return TableFormat(out.suffix.removeprefix("."))
    except ValueError as error:
        known = " or ".join(f".{each}" for each in TableFormat)
        remedy = f"Let its name end with {known}, or add --format."
        raise SpecError(f"{out}: the format of the table is not clear.", remedy=remedy) from error


def _profile(profile: Path | None, episode: EpisodeFile | None, directory: Path) -> tuple[str, str]:
    """Return the text of the profile, and where it came from."""
    if profile is not None:
        return YamlDocument.read(profile).text, str(profile)
    return profile_in(episode, directory), "as recorded"


def _align(reader: BagReader, text: str, source: str, episode: EpisodeFile | None, *, quiet: bool) -> AlignedBag:
    name = source if source != "as recorded" else f"{reader.path / EPISODE_FILE}: profile_text"
    plan = plan_for(text, name=name)
    console = Console(stderr=True)
    columns = (TextColumn("reading times"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        bar = progress.add_task("", total=None)
        return align_bag(
            reader,
            plan,
            episode=episode,
            on_progress=lambda done, total: progress.update(bar, completed=done, total=total or None),
        )


def _compare(
    reader: BagReader, aligned: AlignedBag, episode: EpisodeFile | None, *, text: str, is_wanted: bool
) -> ComparisonReport:
    if not is_wanted:
        return ComparisonReport(result=Compared.SKIPPED, frames=0, detail="not asked for")
    if episode is not None and episode.start.provenance.profile_text != text:
        detail = "the bag was recorded with another profile"
        return ComparisonReport(result=Compared.SKIPPED, frames=0, detail=detail)
    return compare(recorded_frames(reader), aligned.table, episode)
