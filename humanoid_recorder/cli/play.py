"""``humanoid-recorder play``: a bag back onto its topics; the options, and which display there is."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from humanoid_recorder.cli.node_child import NodeChild, StopSignals
from humanoid_recorder.cli.play_request import PlayRequest, TopicOptions, add_clock_rate
from humanoid_recorder.cli.record_request import spread_values
from humanoid_recorder.playback.timeline import OrderBy

PLAY_EXAMPLES = """
Examples:

humanoid-recorder play recordings/20260314T091500Z_g1/20260314T091533.120Z_g1_0a1b2c

humanoid-recorder play BAG --loop --rate 0.5 --topics /joint_states /tf

humanoid-recorder play BAG --clock --paused --start-offset 12 --remap /head:=/replay/head

Topics that command a robot are left out unless you say --with-commands. In a terminal a progress bar with keys
appears. Exit code: 0 played, also after Ctrl-C; 1 a part could not be read or sent; 2 usage.
"""

_WHAT, _HOW, _NODE = "What to play", "How", "Player node"


class PlayCommand(TyperCommand):
    """Accepts ``--topics /a /b`` beside ``--topics /a --topics /b``, and ``--clock`` without a rate."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse the arguments of the verb."""
        for option in ("--topics", "--exclude-topics", "--remap"):
            args = spread_values(args, option=option)
        return super().parse_args(ctx, add_clock_rate(args))


def play(
    *,
    bag: Annotated[Path, typer.Argument(metavar="BAG", help="Bag directory, its metadata.yaml, or an .mcap file.")],
    topics: Annotated[list[str] | None, typer.Option(help="Only these topics.", rich_help_panel=_WHAT)] = None,
    regex: Annotated[
        str, typer.Option(help="Topics whose name contains a match.", rich_help_panel=_WHAT, metavar="PATTERN")
    ] = "",
    exclude_topics: Annotated[
        list[str] | None, typer.Option(help="Leave out these topics.", rich_help_panel=_WHAT)
    ] = None,
    exclude_regex: Annotated[
        str,
        typer.Option(help="Leave out topics whose name contains a match.", rich_help_panel=_WHAT, metavar="PATTERN"),
    ] = "",
    remap: Annotated[
        list[str] | None,
        typer.Option(help="Other names for topics.", rich_help_panel=_WHAT, metavar="/OLD:=/NEW"),
    ] = None,
    with_commands: Annotated[
        bool,
        typer.Option(
            "--with-commands",
            help="Play topics that command a robot, too. A robot that hears them MOVES.",
            rich_help_panel=_WHAT,
        ),
    ] = False,
    start_offset: Annotated[
        float, typer.Option(help="Seconds from the beginning of the bag.", rich_help_panel=_WHAT)
    ] = 0.0,
    duration: Annotated[float, typer.Option(help="Seconds of the bag; 0 = to its end.", rich_help_panel=_WHAT)] = 0.0,
    by: Annotated[
        OrderBy, typer.Option(help="Order and pace: when received (log), or sent (publish).", rich_help_panel=_HOW)
    ] = OrderBy.LOG,
    rate: Annotated[float, typer.Option(help="Seconds of the bag per second.", rich_help_panel=_HOW)] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at the end.", rich_help_panel=_HOW)] = False,
    paused: Annotated[bool, typer.Option("--paused", help="Begin paused.", rich_help_panel=_HOW)] = False,
    step: Annotated[
        float, typer.Option(help="Seconds that a step plays; 0 = one message.", rich_help_panel=_HOW)
    ] = 0.0,
    clock: Annotated[
        float, typer.Option(help="Publish /clock so often per second; alone: 40.", rich_help_panel=_HOW, metavar="[HZ]")
    ] = 0.0,
    delay: Annotated[
        float, typer.Option(help="Seconds before the first message, to be found in.", rich_help_panel=_HOW)
    ] = 1.0,
    wait_for_subscribers: Annotated[
        bool,
        typer.Option("--wait-for-subscribers", help="Wait until every topic has a subscriber.", rich_help_panel=_HOW),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object at the end.", rich_help_panel=_HOW)
    ] = False,
    no_display: Annotated[
        bool, typer.Option("--no-display", help="No progress bar and no keys.", rich_help_panel=_HOW)
    ] = False,
    name: Annotated[str, typer.Option(help="Name of the player node.", rich_help_panel=_NODE)] = "player",
    namespace: Annotated[
        str, typer.Option(help="Its namespace; the topics keep their names.", rich_help_panel=_NODE)
    ] = "/",
) -> None:
    """Play a bag back onto its topics: the recorded bytes, with the recorded QoS, at the recorded times."""
    request = PlayRequest(
        bag=bag,
        topics=TopicOptions(
            topics=tuple(topics or ()),
            regex=regex,
            exclude_topics=tuple(exclude_topics or ()),
            exclude_regex=exclude_regex,
            remap=tuple(remap or ()),
            with_commands=with_commands,
        ),
        by=by,
        rate=rate,
        loop=loop,
        start_offset_s=start_offset,
        duration_s=duration,
        paused=paused,
        step_s=step,
        clock_hz=clock,
        delay_s=delay,
        wait_for_subscribers=wait_for_subscribers,
        name=name,
        namespace=namespace,
    )
    request.check()
    raise typer.Exit(_play(request, as_json=as_json, display=not (as_json or no_display)))


def _play(request: PlayRequest, *, as_json: bool, display: bool) -> int:
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    with StopSignals() as signals, NodeChild(request.node(), log_to_file=True) as child:
        from humanoid_recorder.cli.play_session import play_attended, play_unattended

        if display and is_terminal:
            return play_attended(request, child, signals)
        return play_unattended(request, child, signals, as_json=as_json)
