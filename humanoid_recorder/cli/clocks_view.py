"""The report of ``humanoid-recorder clocks`` for people."""

from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from humanoid_recorder.cli.clocks_models import ClocksReport, StreamReport

_NONE = Text("-", style="dim")


def show(report: ClocksReport, console: Console) -> None:
    """Print the report.

    Args:
        report: What to show.
        console: Where to.
    """
    console.print(Text(report.path, style="bold"), soft_wrap=True)
    if report.joints:
        profile = f"; profile: {report.profile}" if report.profile else "; no profile: kinds are guessed from the types"
        console.print(
            f"compared with the speeds of all joints in {report.joints} over {report.seconds:.1f} s{profile}",
            markup=False,
        )
    if report.streams:
        console.print()
        console.print(_table(report))
        console.print()
    for line in _closing(report):
        console.print(line)


def _table(report: ClocksReport) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("stream", overflow="fold")
    for name in ("offset ms", "±", "profile", "latency ms", "match"):
        table.add_column(name, justify="right", no_wrap=True)
    for stream in report.streams:
        table.add_row(*_row(stream))
    return table


def _row(stream: StreamReport) -> Iterator[Text]:
    yield Text(stream.name, style="cyan" if stream.found else "yellow")
    yield _number(stream.offset_ms, style="bold" if _is_off(stream) else "")
    yield _number(stream.error_ms)
    yield _number(stream.declared_ms) if stream.declared_ms else _NONE
    yield _number(stream.latency_ms)
    yield _NONE if stream.correlation is None else Text(f"{stream.correlation:.2f}")


def _is_off(stream: StreamReport) -> bool:
    """Whether the profile's offset is outside of the interval."""
    return (
        stream.offset_ms is not None
        and stream.error_ms is not None
        and abs(stream.offset_ms - stream.declared_ms) > stream.error_ms
    )


def _number(value: float | None, *, style: str = "") -> Text:
    return _NONE if value is None else Text(f"{value:,.1f}", style=style)


def _closing(report: ClocksReport) -> Iterator[Text]:
    if report.problem:
        yield Text(report.problem, style="bold red")
    for problem in dict.fromkeys(stream.problem for stream in report.streams if stream.problem):
        names = [stream.name for stream in report.streams if stream.problem == problem]
        text = problem if problem.find(names[0]) >= 0 else f"{', '.join(names)}: {problem}"
        yield Text(text, style="yellow")
    for note in dict.fromkeys(stream.note for stream in report.streams if stream.note):
        names = [stream.name for stream in report.streams if stream.note == note]
        yield Text(f"{', '.join(names)}: {note}", style="dim")
    for stream in report.streams:
        if stream.unreadable and stream.found:
            yield Text(f"{stream.name}: {stream.unreadable} of {stream.messages} messages left out", style="yellow")
    written = [stream.name for stream in report.streams if stream.written]
    if written:
        yield Text(f"written into {report.profile}: {', '.join(written)}", style="green")
    if report.plot:
        yield Text(f"picture: {report.plot}")
