"""The result of ``humanoid-recorder drill`` for people."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from humanoid_recorder.cli.demo_view import near
from humanoid_recorder.cli.drill_judge import DrillResult, Kill

_MOST_ROWS = 12
_MOST_PROBLEMS = 12


def show(result: DrillResult, console: Console, *, limit_ms: float, seed: int, power_cut: bool) -> None:
    """Print what the kills cost.

    Args:
        result: Of one kill at least.
        console: Where to.
        limit_ms: What one may cost.
        seed: With which the moments come out the same again.
        power_cut: Whether what had not been synced was taken away.
    """
    kills = result.kills
    shown = kills if len(kills) <= _MOST_ROWS else sorted(kills, key=lambda kill: -kill.loss_ms)[:_MOST_ROWS]
    console.print(_table(shown, limit_ms=limit_ms, power_cut=power_cut))
    if len(shown) < len(kills):
        console.print(Text(f"the {len(shown)} that cost most, of {len(kills)}", style="dim"))
    console.print()
    console.print(_verdict(result))
    for problem in result.problems[:_MOST_PROBLEMS]:
        console.print(Text(f"  {problem}", style="red"), soft_wrap=True)
    if len(result.problems) > _MOST_PROBLEMS:
        console.print(f"  and {len(result.problems) - _MOST_PROBLEMS} more (see --json)")
    for line in _figures(result, limit_ms=limit_ms):
        console.print(line, markup=False, soft_wrap=True)
    console.print(Text(f"The same moments again: --kills {result.asked_for} --seed {seed}", style="dim"))


def _table(kills: Sequence[Kill], *, limit_ms: float, power_cut: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    columns = ["kill", "after", "lost", "messages", "recovered", "missing", "longest sync"]
    for name in [*columns, *(["zeroed"] if power_cut else [])]:
        table.add_column(name, justify="right", no_wrap=True)
    for kill in kills:
        cells = [
            Text(str(kill.number)),
            Text(f"{kill.after_s:.2f} s"),
            Text(f"{kill.loss_ms:.0f} ms", style="bold red" if kill.loss_ms > limit_ms else ""),
            Text(f"{kill.lost:,}"),
            Text(f"{kill.recovered:,}" if kill.is_recovered else "none"),
            Text(str(kill.missing), style="bold red" if kill.missing else "green"),
            Text(f"{kill.longest_sync_ms:.1f} ms"),
        ]
        table.add_row(*cells, *([Text(f"{kill.zeroed_bytes / 1e6:.2f} MB")] if power_cut else []))
    return table


def _verdict(result: DrillResult) -> Text:
    kills = result.kills
    counted = f"{len(kills)} kill{'' if len(kills) == 1 else 's'}"
    if result.problems:
        bad = sum(bool(kill.problems) for kill in kills)
        return Text(f"NOT good: {bad} of {counted} cost more than it may:", style="bold red")
    recovered = sum(kill.is_recovered for kill in kills)
    early = len(kills) - recovered
    words = f"Good: {counted}, {recovered} recovered and read back"
    words += f", {early} before anything was on the disk" if early else ""
    return Text(f"{words}; nothing is missing before the end.", style="bold green")


def _figures(result: DrillResult, *, limit_ms: float) -> Iterator[str]:
    worst = result.worst
    yield (
        f"Lost at the end: at most {worst.loss_ms:.0f} ms, 95 % {result.loss_ms(0.95):.0f} ms, "
        f"median {result.loss_ms(0.5):.0f} ms; the limit is {limit_ms:g} ms."
    )
    yield f"At most {result.most_lost:,} messages of all streams. Longest sync: {result.longest_sync_ms:.1f} ms."
    if worst.bag:
        yield f"The bags are in {near(str(Path(worst.bag).parents[2]))}"
