"""What ``humanoid-recorder demo`` shows: progress, the result, and what to try next."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from humanoid_recorder.cli.demo_check import EpisodeCheck, StreamCheck
from humanoid_recorder.core.labels import Outcome

_NAME = "humanoid-recorder"
_MOST_PROBLEMS = 12
_COMMAND_MODULE = "humanoid_recorder.cli.main"


def show_result(console: Console, episodes: Sequence[EpisodeCheck], *, sent: int | None, task: str) -> None:
    """Print what was recorded, whether it is whole, and where it is.

    Args:
        console: Where to.
        episodes: At least one.
        sent: Messages the robot says it sent in all, before, between and after the episodes included; None if it does
            not say.
        task: What the operator did; empty where there was nothing to do.
    """
    console.print(result_table(episodes))
    console.print()
    console.print(whole_sentence(episodes), soft_wrap=False)
    problems = all_problems(episodes)
    for problem in problems[:_MOST_PROBLEMS]:
        console.print(Text(f"  {problem}", style="red"))
    if len(problems) > _MOST_PROBLEMS:
        console.print(f"  and {len(problems) - _MOST_PROBLEMS} more (see --json)")
    if problems:
        console.print("  [cyan]→ Was the computer busy? Close what else is running and try again; then ask doctor.[/]")
    if sent is not None:
        console.print(f"[dim]The robot sent {sent:,} messages in all, also before, between and after the episodes.[/]")
    if task:
        successes = sum(episode.outcome == Outcome.SUCCESS for episode in episodes)
        console.print(f"The operator's task was {task}: {successes} of {len(episodes)} attempts succeeded.")
    console.print()
    for episode in episodes:
        facts = f"{episode.duration_s:.1f} s, {episode.messages:,} messages, {decimal(episode.size_bytes)}"
        facts += f", {episode.outcome}" if task else ""
        console.print(f"[bold]{escape(near(episode.path))}[/]\n  [dim]{facts}[/]", soft_wrap=True)
    if pictures := [picture for episode in episodes for picture in episode.pictures]:
        console.print(
            f"  [dim]and {len(pictures)} pictures beside it, the first and the last of each camera, such as[/]"
        )
        console.print(f"  {escape(near(pictures[1]))}", soft_wrap=True)


def result_table(episodes: Sequence[EpisodeCheck]) -> Table:
    """Lay out the streams, summed over the episodes."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("")
    table.add_column("stream", no_wrap=True)
    for name in ("messages", "Hz", "missing", "lost", "dropped"):
        table.add_column(name, justify="right", no_wrap=True)
    by_stream: dict[str, list[StreamCheck]] = {}
    for episode in episodes:
        for check in episode.streams:
            by_stream.setdefault(check.stream, []).append(check)
    for stream, checks in by_stream.items():
        rates = [check.rate_hz for check in checks if check.rate_hz is not None and check.first_number is not None]
        lost = [check.lost for check in checks]
        whole = all(check.is_whole for check in checks)
        table.add_row(
            Text("✓", style="green") if whole else Text("✗", style="bold red"),
            stream,
            f"{sum(check.messages for check in checks):,}",
            f"{sum(rates) / len(rates):.1f}" if rates else "",
            _count(sum(check.missing for check in checks)),
            Text("?", style="yellow") if None in lost else _count(sum(count or 0 for count in lost)),
            _count(sum(check.dropped for check in checks)),
        )
    return table


def whole_sentence(episodes: Sequence[EpisodeCheck]) -> Text:
    """Say in one sentence whether everything is there."""
    messages = sum(episode.messages for episode in episodes)
    count = f"{len(episodes)} episode{'' if len(episodes) == 1 else 's'}"
    if all(episode.is_whole for episode in episodes):
        return Text(
            f"Whole: {count} with {messages:,} messages, and not one is missing between the first and the last of any "
            "stream.",
            style="bold green",
        )
    return Text(f"NOT whole: of {count} with {messages:,} messages something is missing:", style="bold red")


def all_problems(episodes: Sequence[EpisodeCheck]) -> list[str]:
    """Return every problem as a line."""
    return [
        f"episode {number}: {problem}"
        for number, episode in enumerate(episodes, start=1)
        for problem in (*episode.problems, *_stream_problems(episode))
    ]


def show_next(console: Console, bag: str, *, command: str, has_ros2: bool) -> None:
    """Print commands that work from here."""
    quoted = shlex.quote(near(bag))
    console.print("\n[bold]Try next[/]")
    commands = {
        f"{command} info {quoted}": "what is in it, topic by topic",
        **({f"ros2 bag info {quoted}": "the same bag, seen by ROS's own tools"} if has_ros2 else {}),
        **({f"ros2 bag play {quoted}": "play it"} if has_ros2 else {}),
        f"{command} doctor": "is this computer fit to record a real robot?",
        f"{command} record --all": "record everything that your robot publishes",
    }
    for text, meaning in commands.items():
        console.print(f"  [cyan]{escape(text)}[/]\n    [dim]{meaning}[/]", soft_wrap=True)


def own_command(program: str = sys.argv[0], environment: Mapping[str, str] = os.environ) -> str:
    """Return how this program is called from the user's shell.

    Args:
        program: How this process was called.
        environment: Of this process; under make the PATH is not that of the user's shell.
    """
    path = Path(program)
    if path.name != _NAME:
        return f"{shlex.quote(near(sys.executable))} -m {_COMMAND_MODULE}"
    if "MAKELEVEL" not in environment and shutil.which(_NAME, path=environment.get("PATH")):
        return _NAME
    return shlex.quote(near(str(path)))


def near(path: str) -> str:
    """Return a path as seen from the current folder when it is below it."""
    absolute = Path(os.path.abspath(path))  # noqa: PTH100 - links are kept as they are
    try:
        return str(absolute.relative_to(Path.cwd()))
    except ValueError:
        return str(absolute)


def _stream_problems(episode: EpisodeCheck) -> Iterator[str]:
    for stream in episode.streams:
        for problem in stream.problems:
            yield f"{stream.stream}: {problem}"


def _count(count: int) -> Text:
    return Text(f"{count:,}", style="bold red" if count else "green")
