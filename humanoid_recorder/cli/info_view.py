"""The report of ``humanoid-recorder info`` for people."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from humanoid_recorder.cli.info_clocks import clock_table, has_clocks
from humanoid_recorder.cli.info_models import EpisodeReport, InfoReport, TopicReport
from humanoid_recorder.cli.info_timeline import timeline_table
from humanoid_recorder.core.labels import Outcome
from humanoid_recorder.core.ledger import Tail

_NS_PER_S = 1_000_000_000
_WIDE = 120
_MOST_PROBLEMS = 8
_UNKNOWN = Text("?", style="yellow")
_NONE = Text("–", style="dim")  # noqa: RUF001 - an en dash is what a table's empty cell shows


def show(report: InfoReport, console: Console, *, definitions: bool) -> None:
    """Print everything the report has; of a bag that cannot be read only what its ``episode.json`` says.

    Args:
        report: What to show.
        console: Where to.
        definitions: Also every message definition in the bag.
    """
    console.print(Text(report.path, style="bold"), soft_wrap=True)  # in one piece, to be copied
    console.print(_header(report))
    if report.topics:
        console.print(topic_table(report, wide=console.width >= _WIDE))
        console.print(timeline_table(report, width=console.width))
    if report.episode is not None and has_clocks(report.episode):
        console.print()
        console.print(clock_table(report.episode))
    if definitions:
        console.print(_definitions(report))
    console.print(_closing(report))


def topic_table(report: InfoReport, *, wide: bool) -> Table:
    """Lay out the topics; loss and drop only where there is a ledger, first and last only where there is room."""
    has_ledger = any(topic.dropped is not None for topic in report.topics)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2 if wide else 1, 0, 0))
    table.add_column("topic", overflow="fold")
    if wide:
        table.add_column("type, QoS", overflow="fold")
    for name in ("count", "Hz", "gap ms", *(("lost", "drop") if has_ledger else ())):
        table.add_column(name, justify="right", no_wrap=True)
    if wide:
        table.add_column("first s", justify="right", no_wrap=True)
        table.add_column("last s", justify="right", no_wrap=True)
    for topic in report.topics:
        table.add_row(*_row(topic, report.start_ns or 0, wide=wide, has_ledger=has_ledger))
    return table


def _row(topic: TopicReport, start_ns: int, *, wide: bool, has_ledger: bool) -> Iterator[RenderableType]:
    name = Text(topic.name, style="cyan" if topic.messages else "yellow")
    qos = " | ".join(dict.fromkeys(topic.qos))
    details = Text(", ".join(part for part in (topic.type.replace("/msg/", "/"), qos) if part), style="dim")
    if wide:
        yield name
        yield details
    else:
        yield Text("\n").join((name, Text("  ") + details))
    yield Text(f"{topic.messages:,}", style="" if topic.messages else "yellow")
    yield _rate(topic)
    yield _number(topic.longest_gap_ms, ".1f")
    if has_ledger:
        yield _lost(topic)
        yield _NONE if topic.dropped is None else _loss(topic.dropped)
    if wide:
        yield _number(None if topic.first_ns is None else (topic.first_ns - start_ns) / _NS_PER_S, ".3f")
        yield _number(None if topic.last_ns is None else (topic.last_ns - start_ns) / _NS_PER_S, ".3f")


def _number(value: float | None, form: str) -> Text:
    return _NONE if value is None else Text(format(value, form))


def _rate(topic: TopicReport) -> Text:
    rate = _number(topic.rate_hz, ".1f")
    return rate + Text(f" of {topic.expected_hz:g}", style="bold yellow") if topic.is_off_rate else rate


def _loss(count: int) -> Text:
    return Text(f"{count:,}", style="bold red" if count else "green")


def _lost(topic: TopicReport) -> Text:
    if topic.dropped is None:
        return _NONE
    if topic.lost is None:
        return _UNKNOWN
    return _loss(topic.lost) + Text("+?" if _may_lack_more(topic) else "", style="yellow")


def _may_lack_more(topic: TopicReport) -> bool:
    """Whether messages may be missing after the last one, where nobody can count them."""
    received = topic.messages - (topic.replayed or 0)
    return received > 0 and topic.lost is not None and topic.tail is not Tail.CLOSED


def _header(report: InfoReport) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in _facts(report):
        grid.add_row(name, value)
    return Group(grid, Text())


def _facts(report: InfoReport) -> Iterator[tuple[str, RenderableType]]:
    if report.start_ns is not None:
        yield "start", _start(datetime.fromtimestamp(report.start_ns / _NS_PER_S, UTC))
    if report.readable:
        size = decimal(report.size_bytes or 0)
        files = "" if len(report.files) == 1 else f" in {len(report.files)} files"
        seconds = report.duration_s or 0.0
        rate = f", {decimal(round((report.size_bytes or 0) / seconds))}/s" if seconds >= 1 else ""
        yield "holds", f"{seconds:.2f} s, {report.messages:,} messages, {size}{files}{rate}"
        yield (
            "stored",
            f"mcap, {'+'.join(report.compression) or 'not compressed'}, ROS {report.ros_distro or 'unknown'}",
        )
    if report.episode is not None:
        yield from _episode_facts(report.episode)


def _start(utc: datetime) -> str:
    local, seconds = utc.astimezone(), utc.strftime("%H:%M:%S.%f")[:-3]
    if not local.utcoffset():
        return f"{utc:%Y-%m-%d} {seconds} UTC"
    return f"{local:%Y-%m-%d %H:%M:%S} local time, {seconds} UTC"


def _episode_facts(episode: EpisodeReport) -> Iterator[tuple[str, RenderableType]]:
    end = "not sealed" if episode.end is None else episode.end.value
    end += f" ({episode.detail})" if episode.detail else ""
    styles = {Outcome.SUCCESS: "green", Outcome.FAILURE: "red", Outcome.UNLABELLED: ""}
    yield "robot", Text(episode.robot)
    yield "end", Text(end)
    yield "outcome", Text(episode.outcome.value, style=styles[episode.outcome])
    for name, value in asdict(episode.labels).items():
        if value:
            yield name, Text(value)
    yield from _provenance(episode)
    if episode.clock_synchronised is False:
        yield "clock", Text("not synchronised while recording", style="yellow")
    for finding in episode.findings:
        yield "finding", Text(f"{finding.check}: {finding.message}", style="yellow")


def _provenance(episode: EpisodeReport) -> Iterator[tuple[str, RenderableType]]:
    start, stop = episode.record.start, episode.record.stop
    origin = start.provenance
    serials = [f"robot {origin.robot_serial}"] if origin.robot_serial else []
    serials += [f"{stream.name} {stream.serial}" for stream in start.streams if stream.serial]
    if serials:
        yield "serials", Text(", ".join(serials))
    if origin.profile_path:
        yield "profile", Text(f"{origin.profile_path} ({origin.profile_sha256[:12]})")
    if origin.urdf_sha256:
        yield "URDF", Text(origin.urdf_sha256[:12])
    if origin.host:
        software = ", ".join(f"{name} {version}" for name, version in origin.software.items())
        yield "recorded", Text(f"on {origin.host}{f' with {software}' if software else ''}", style="dim")
    replayed = [replay.topic for replay in episode.record.latched]
    if replayed:
        yield "latched", Text(f"put at the start: {', '.join(dict.fromkeys(replayed))}")
    if stop is not None:
        high = decimal(stop.queue_high_water_bytes)
        yield "disk", Text(f"longest sync {stop.longest_sync_ms:.1f} ms, queue at most {high}", style="dim")


def _definitions(report: InfoReport) -> RenderableType:
    texts: list[RenderableType] = []
    for type_name, definition in sorted(report.definitions.items()):
        hashes = {topic.type_hash for topic in report.topics if topic.type == type_name and topic.type_hash}
        texts += [Text(), Text(" ".join((type_name, *sorted(hashes))), style="bold"), Text(definition.rstrip())]
    return Group(*texts)


def _closing(report: InfoReport) -> RenderableType:
    lines: list[RenderableType] = [Text()] if report.topics else []
    lines += [Text(text, style="yellow") for text in _loss_notes(report)]
    lines += [
        Text.from_markup(f"[bold red]✗[/] {escape(problem)}", overflow="fold")
        for problem in report.problems[:_MOST_PROBLEMS]
    ]
    if len(report.problems) > _MOST_PROBLEMS:
        lines.append(Text(f"  and {len(report.problems) - _MOST_PROBLEMS} more of this kind (see --json)"))
    if report.remedy:
        lines.append(Text.from_markup(f"  [bold]what to do:[/] {escape(report.remedy)}"))
    if report.whole and report.counts is not None:
        lines.append(Text.from_markup(f"[bold green]✓[/] whole: {escape(_agreement(report))}"))
    return Group(*lines)


def _loss_notes(report: InfoReport) -> Iterator[str]:
    reasons = dict.fromkeys(
        topic.lost_reason for topic in report.topics if topic.dropped is not None and topic.lost is None
    )
    for reason in reasons:
        yield f"? loss is unknown: {reason}"
    if any(_may_lack_more(topic) for topic in report.topics if topic.dropped is not None):
        yield "+? more may be missing after the last message: the publisher was not heard again right after the stop"
    if report.readable and all(topic.dropped is None for topic in report.topics):
        yield "loss is unknown: this bag has no ledger (episode.json)"


def _agreement(report: InfoReport) -> str:
    assert report.counts is not None  # noqa: S101 - whole implies that the counts were made
    counts = report.counts
    names = {
        "statistics": counts.statistics,
        "metadata.yaml": counts.metadata,
        "ledger": counts.ledger,
    }
    there = ["index", *(name for name, count in names.items() if count is not None)]
    agreed = f"{' and '.join((', '.join(there[:-1]), there[-1]) if len(there) > 1 else there)}"
    verb = "agree on" if len(there) > 1 else "counts"
    checked = "every checksum verified" if report.verified else "content not read; --verify does"
    return f"{agreed} {verb} {counts.index:,} messages ({checked})"
