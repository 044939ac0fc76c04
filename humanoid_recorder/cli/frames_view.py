"""The report of ``humanoid-recorder frames`` for people."""

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from humanoid_recorder.cli.frames_models import Compared, FramesReport, SpreadReport, StreamFrames

_WIDE = 110
_NONE = Text("-", style="dim")
_GOOD_SHARE = 0.99
_FAIR_SHARE = 0.9


def show(report: FramesReport, console: Console) -> None:
    """Print the report.

    Args:
        report: What to show.
        console: Where to.
    """
    console.print(Text(report.path, style="bold"), soft_wrap=True)
    clock = f"{report.clock} makes the ticks" if "Hz" not in report.clock else f"ticks at {report.clock}"
    console.print(
        f"{report.ticks:,} frames over {report.duration_s:.1f} s; {clock}, hold-off {report.hold_off_ms:g} ms; "
        f"profile: {report.profile}",
        markup=False,
    )
    console.print()
    console.print(stream_table(report, wide=console.width >= _WIDE))
    console.print()
    for line in _closing(report):
        console.print(line)


def stream_table(report: FramesReport, *, wide: bool) -> Table:
    """Lay out one row a stream; messages and the reasons of failure only where there is room."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2 if wide else 1, 0, 0))
    table.add_column("stream", overflow="fold")
    table.add_column("rule", no_wrap=wide, overflow="fold")
    reasons = ("missing", "too far", "short", "late") if wide else ()
    for name in ("in order", *reasons, "spoils", "age p50", "p99", "max ms", "delay"):
        table.add_column(name, justify="right", no_wrap=True)
    for stream in report.streams:
        table.add_row(*_row(stream, report.ticks, wide=wide))
    return table


def _row(stream: StreamFrames, ticks: int, *, wide: bool) -> Iterator[Text]:
    yield Text(stream.name, style="cyan" if stream.messages else "yellow")
    window = f" {stream.window}" if stream.window > 1 else ""
    time = "" if stream.time == "stamp" else f", {stream.time}"
    yield Text(f"{stream.rule}{window} {stream.tolerance_ms:g} ms{time}", style="dim")
    share = stream.ok_share(ticks)
    style = "green" if share >= _GOOD_SHARE else "yellow" if share >= _FAIR_SHARE else "bold red"
    yield Text(_percent(share), style=style) if ticks else _NONE
    for count in (stream.missing, stream.out_of_tolerance, stream.short, stream.late) if wide else ():
        yield Text(f"{count:,}") if count else _NONE
    yield Text(f"{stream.spoiled:,}", style="red") if stream.spoiled else _NONE
    yield from _ages(stream.age_ms)
    yield _NONE if stream.delay_ms is None else Text(f"{stream.delay_ms:.1f}")


def _ages(age: SpreadReport | None) -> Iterator[Text]:
    for value in (None, None, None) if age is None else (age.p50, age.p99, age.max):
        yield _NONE if value is None else Text(f"{value:.1f}")


def _percent(share: float) -> str:
    """Never round up to 100 %, nor down to 0."""
    if 0 < share < 1:
        share = min(max(share, 0.0001), 0.9999)
    return f"{100 * share:.2f} %"


def _closing(report: FramesReport) -> Iterator[Text]:
    for note in report.notes:
        yield Text(note, style="yellow")
    if report.complete_share is not None:
        worst = f"; {report.worst_stream} spoils most" if report.worst_stream else ""
        yield Text(
            f"complete: {_percent(report.complete_share)}, {report.complete:,} of {report.ticks:,} frames{worst}"
        )
    if report.skew_ms is not None:
        skew = report.skew_ms
        yield Text(
            f"skew of complete ones: p50 {skew.p50:.1f}, p95 {skew.p95:.1f}, p99 {skew.p99:.1f}, max {skew.max:.1f} ms"
        )
    yield _comparison(report)
    for what, path in (("table", report.out), ("picture", report.plot)):
        if path is not None:
            yield Text.from_markup(f"{what}: [bold]{escape(path)}[/]")


def _comparison(report: FramesReport) -> Text:
    compared = report.comparison
    match compared.result:
        case Compared.EQUAL:
            return Text.from_markup(f"[bold green]✓[/] equal to the {compared.frames:,} frames that were recorded")
        case Compared.SHORTER:
            return Text(
                f"equal to the {compared.frames:,} frames that were recorded: {compared.detail}", style="yellow"
            )
        case Compared.DIFFERENT:
            text = Text.from_markup(f"[bold red]✗[/] not equal to the {compared.frames:,} frames that were recorded: ")
            return text.append(compared.detail)
        case _:
            return Text(f"not compared: {compared.detail}", style="dim")
