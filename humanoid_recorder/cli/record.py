"""``humanoid-recorder record``: the options, and which of the two ways of recording they ask for."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from humanoid_recorder.cli.node_child import NodeChild, StopSignals
from humanoid_recorder.cli.record_request import Choice, RecordRequest, spread_values
from humanoid_recorder.core.labels import Labels

EXAMPLES = """
Examples:

humanoid-recorder record --profile robot.yaml --task 'fold the towel' --operator mia

humanoid-recorder record --topics /joint_states /imu/data --seconds 10

humanoid-recorder record --all --exclude '^/debug/' --episodes 3 --seconds 30 --json

In a terminal a live table with keys appears; with --seconds, --episodes, --json or without a terminal the command
records by itself and prints one line for each sealed episode. Ctrl-C always seals what is being recorded.
"""

_WHAT, _HOW, _LABELS, _NODE = "What to record", "How long, and where to", "Labels", "Recorder node"


class RecordCommand(TyperCommand):
    """Accepts ``--topics /a /b`` beside ``--topics /a --topics /b``."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse the arguments of the verb."""
        return super().parse_args(ctx, spread_values(args, option="--topics"))


def record(
    *,
    profile: Annotated[
        Path | None, typer.Option(help="Robot profile (YAML): its streams are recorded.", rich_help_panel=_WHAT)
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Every topic, beside those of the profile; not hidden ones.", rich_help_panel=_WHAT),
    ] = False,
    topics: Annotated[
        list[str] | None, typer.Option(help="These topics; each is waited for.", rich_help_panel=_WHAT)
    ] = None,
    regex: Annotated[
        str, typer.Option(help="Topics whose name contains a match.", rich_help_panel=_WHAT, metavar="PATTERN")
    ] = "",
    exclude: Annotated[
        str,
        typer.Option(help="Of --all or --regex leave out these.", rich_help_panel=_WHAT, metavar="PATTERN"),
    ] = "",
    out: Annotated[Path, typer.Option(help="Folder that gets a folder for this session.", rich_help_panel=_HOW)] = Path(
        "recordings"
    ),
    episodes: Annotated[
        int | None, typer.Option(help="How many episodes, one after the other.", rich_help_panel=_HOW)
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="Length of each; without it the episode lasts until Ctrl-C.", rich_help_panel=_HOW),
    ] = None,
    wait: Annotated[
        float,
        typer.Option(help="Without an operator: seconds to wait for silent streams.", rich_help_panel=_HOW),
    ] = 10.0,
    max_episode_s: Annotated[
        float | None,
        typer.Option(
            help="End a forgotten episode after this long; 0 = never. With an operator 600, else never.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    pre_roll_s: Annotated[
        float, typer.Option(help="Seconds from before each start that go into it.", rich_help_panel=_HOW)
    ] = 0.0,
    disk_reserve_gb: Annotated[
        float,
        typer.Option(
            help="Refuse to start below this much free space; 0 = 2, or a tenth of the disk.", rich_help_panel=_HOW
        ),
    ] = 0.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object for each sealed episode.", rich_help_panel=_HOW)
    ] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Exit 1 when a required stream has a loss, a drop, or a loss that cannot be known.",
            rich_help_panel=_HOW,
        ),
    ] = False,
    no_display: Annotated[
        bool, typer.Option("--no-display", help="No live table; record at once, until Ctrl-C.", rich_help_panel=_HOW)
    ] = False,
    task: Annotated[str, typer.Option(help="What should happen.", rich_help_panel=_LABELS)] = "",
    prompt: Annotated[str, typer.Option(help="The words given to a policy.", rich_help_panel=_LABELS)] = "",
    operator: Annotated[str, typer.Option(help="Who drives.", rich_help_panel=_LABELS)] = "",
    scene: Annotated[str, typer.Option(help="Where.", rich_help_panel=_LABELS)] = "",
    name: Annotated[str, typer.Option(help="Name of the recorder node.", rich_help_panel=_NODE)] = "recorder",
    namespace: Annotated[str, typer.Option(help="Its namespace, such as /robot1.", rich_help_panel=_NODE)] = "/",
) -> None:
    """Record episodes of what a robot does, losslessly, every message accounted for."""
    request = RecordRequest(
        choice=Choice(profile, everything, tuple(topics or ()), regex, exclude),
        out=out,
        labels=Labels(task=task, prompt=prompt, operator=operator, scene=scene),
        name=name,
        namespace=namespace,
        episodes=episodes,
        seconds=seconds,
        wait_s=wait,
        max_episode_s=max_episode_s,
        pre_roll_s=pre_roll_s,
        disk_reserve_gb=disk_reserve_gb,
        as_json=as_json,
        strict=strict,
        display=not no_display,
    )
    request.check()
    raise typer.Exit(_record(request))


def _record(request: RecordRequest) -> int:
    optional = _check_profile(request.choice.profile)
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    attended = is_terminal and not request.is_for_script
    # The recorder is started first: it takes as long to import what it needs as we do.
    with StopSignals() as signals, NodeChild(request.node(attended=attended), log_to_file=attended) as child:
        if attended:
            from humanoid_recorder.cli.record_terminal import record_attended

            return record_attended(request, child, signals, optional=optional)
        from humanoid_recorder.cli.record_script import record_unattended

        return record_unattended(request, child, signals, optional=optional)


def _check_profile(path: Path | None) -> frozenset[str]:
    """Refuse a wrong profile before anything is started; return the names of the streams it can do without.

    Raises:
        SpecError: The profile is wrong.
    """
    if path is None:
        return frozenset()
    from humanoid_recorder.spec.profile import load_profile

    streams = load_profile(path.expanduser()).profile.streams_to_record()
    return frozenset(stream.name for stream in streams if not stream.required)
