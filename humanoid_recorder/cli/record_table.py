"""The live table of an attended recording: a recorder's state as text that fits the terminal."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from humanoid_recorder.cli.record_session import awaited, count_of
from humanoid_recorder.recording.state import Phase, RecorderState, SealedState, StreamState

STALE_S = 2.0
"""A recorder says something twice a second; without news for this long the table says so."""

KEYS = (
    ("space", "start/stop"),
    ("s", "success"),
    ("f", "failure"),
    ("d", "discard"),
    ("u", "undo"),
    ("m", "mark"),
    ("q", "quit"),
    ("?", "help"),
)

_HELP = (
    ("space, enter", "start an episode, stop it; a foot pedal that types a space does the same"),
    ("s", "success: stop and label it; within 30 s after a stop, label the last one"),
    ("f", "failure: the same"),
    ("d", "discard: stop and throw it away; within 30 s after a stop, the last one"),
    ("u", "undo the last discard; discarded episodes are kept for a while"),
    ("m", "mark this moment in the running episode"),
    ("q", "quit; while recording press it twice, the episode is kept"),
    ("Ctrl-C", "quit at once; a running episode is sealed as cancelled"),
    ("?", "back to the table"),
)

_STALLED_MS = 2000.0
_WIDE = 110
_MANY_ROWS = 30


@dataclass(frozen=True, slots=True)
class Notice:
    """What the last key led to, or what is wrong."""

    text: str = ""
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Screen:
    """What is shown, beside the state."""

    width: int
    height: int
    notice: Notice = Notice()
    log: Sequence[str] = ()
    """The end of the recorder's own log."""
    silence_s: float = 0.0
    """Since the last state."""
    shows_help: bool = False


@dataclass(frozen=True, slots=True)
class _Row:
    """One stream and what is wrong with it."""

    stream: StreamState
    style: str
    """Empty when nothing is wrong."""

    @classmethod
    def of(cls, stream: StreamState, state: RecorderState) -> "_Row":
        if stream.dropped or stream.name in state.silent or has_stalled(stream):
            return cls(stream, "red")
        has_problem = any(problem.stream == stream.name for problem in state.problems)
        if has_problem or stream.lost or stream.is_off_rate:
            return cls(stream, "yellow")
        return cls(stream, "")


def has_stalled(stream: StreamState) -> bool:
    """Whether a stream of known rate has come before and has been silent for two seconds or ten periods."""
    if not stream.expected_hz or stream.age_ms is None:
        return False
    return stream.age_ms > max(_STALLED_MS, 10_000 / stream.expected_hz)


def render(state: RecorderState | None, screen: Screen) -> RenderableType:
    """Lay out the whole screen: never more lines than it has.

    Args:
        state: None before the recorder's first word.
        screen: Size and what else is shown.
    """
    head = [_phase_line(state, screen), *([] if state is None else _status_lines(state))]
    foot = [*_problem_lines(state, screen), *_notice_lines(screen), *_log_lines(screen), _keys_line(screen)]
    rows = screen.height - len(head) - len(foot)
    if screen.shows_help:
        body: RenderableType = _help_table()
    elif state is None or not state.streams:
        body = Text("")
    else:
        body = _stream_table(state, rows=rows, wide=screen.width >= _WIDE)
    return Group(*head, body, *foot)


def _line(*parts: str | tuple[str, str], style: str = "") -> Text:
    return Text.assemble(*parts, style=style, no_wrap=True, overflow="ellipsis")


def _phase_line(state: RecorderState | None, screen: Screen) -> Text:
    if state is None:
        return _line((" STARTING ", "bold black on cyan"), "  the recorder is being started")
    if screen.silence_s > STALE_S:
        return _line((f" NO NEWS for {screen.silence_s:.0f} s ", "bold white on red"), "  the recorder does not answer")
    stalled = [stream.name for stream in state.streams if stream.required and has_stalled(stream)]
    alarm = (f"  SILENT: {', '.join(stalled)}" if stalled else "", "bold red")
    if state.episode is not None:
        elapsed = f" RECORDING {clock(state.episode.elapsed_s)} "
        task = state.episode.labels.task
        return _line((elapsed, "bold white on red"), alarm, f"  {size(state.episode.bytes)}  ", (task, "bold"))
    match state.phase:
        case Phase.WAITING:
            return _line((f" WAITING for {awaited(state)} ", "bold black on yellow"))
        case Phase.SEALING:
            return _line((" SEALING ", "bold black on cyan"), "  writing the last episode; the next may start")
        case Phase.INACTIVE:
            return _line((" INACTIVE ", "bold black on white"))
        case _:
            colour = "yellow" if stalled else "green"
            return _line((" READY ", f"bold black on {colour}"), alarm, "  ", (state.labels.task, "bold"))


def _status_lines(state: RecorderState) -> list[Text]:
    kept = f"{count_of(state.kept, 'episode')} kept"
    discarded = f", {state.discarded} discarded" if state.discarded else ""
    people = "  ".join(filter(None, (state.labels.operator, state.labels.scene)))
    session = _line(("session ", "dim"), state.session.rpartition("/")[2], f"   {kept}{discarded}   {people}")
    lines = [session, _resources_line(state)]
    if state.recent:
        lines.append(_last_line(state.recent[-1]))
    if state.fault:
        lines.append(_line((f"FAULT: {state.fault}", "bold red")))
    if state.disk is not None and state.disk.problem:
        lines.append(_line((f"DISK: {state.disk.problem} {state.disk.remedy}", "bold red")))
    return lines


def _resources_line(state: RecorderState) -> Text:
    parts: list[str | tuple[str, str]] = []
    disk = state.disk
    if disk is not None and disk.free_bytes is not None:
        style = "bold red" if disk.problem else "yellow" if disk.is_little else ""
        room = f" = {disk.room()} of recording" if disk.room() else ""
        aside = f" + {size(disk.discarded_bytes)} discarded" if disk.discarded_episodes else ""
        parts += [("disk ", "dim"), (f"{size(disk.free_bytes)} free{room}", style), (aside, "dim")]
        parts += [("   at ", "dim"), f"{size(round(disk.bytes_per_s))}/s"] if disk.bytes_per_s else []
    if state.queue is not None:
        share = state.queue.bytes / state.queue.max_bytes if state.queue.max_bytes else 0.0
        parts += [("   queue ", "dim"), (f"{share:.0%}", "yellow" if share > 0.5 else "")]
    return _line(*parts)


def _last_line(last: SealedState) -> Text:
    verdict, style = _verdict(last)
    lost = "?" if last.lost is None else f"{last.lost:,}"
    account = f"  {last.duration_s:.1f} s  {last.messages:,} messages  lost {lost}  dropped {last.dropped:,}  "
    labels = f" ({last.labels.reason})" if last.labels.reason else ""
    return _line(("last ", "dim"), (verdict, style), labels, account, (last.id, "dim"))


def _verdict(last: SealedState) -> tuple[str, str]:
    if not last.is_whole:
        return f"NOT SEALED: {last.detail}", "bold red"
    if last.is_discarded:
        return "discarded", "dim strike"
    outcome = {"success": ("success", "green"), "failure": ("failure", "magenta")}.get(last.outcome.value)
    text, style = outcome or (last.end.value, "")
    if last.end.value in ("fault", "timed_out", "cancelled"):
        text, style = f"{last.end.value.upper().replace('_', ' ')}{': ' if last.detail else ''}{last.detail}", "red"
    return text, style if not (last.lost or last.dropped) else "yellow"


def _stream_table(state: RecorderState, *, rows: int, wide: bool) -> RenderableType:
    ordered = sorted((_Row.of(stream, state) for stream in state.streams), key=lambda row: not row.style)
    room = max(1, rows - 1)
    shown = ordered if len(ordered) <= room else ordered[: max(0, room - 1)]
    table = Table(box=None, expand=True, padding=(0, 1), header_style="dim", show_edge=False)
    table.add_column("stream", no_wrap=True, ratio=1, min_width=10)
    if wide:
        table.add_column("topic", no_wrap=True, ratio=1, style="dim")
    for heading in ("Hz", "of", "age ms", "gap ms", "lost", "drop", "received", "bytes"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in shown:
        table.add_row(*_cells(row, wide=wide))
    return Group(table, _rest(ordered[len(shown) :])) if len(shown) < len(ordered) else table


def _cells(row: _Row, *, wide: bool) -> list[Text]:
    stream = row.stream
    name = Text(stream.name, style=f"bold {row.style}" if row.style else "", overflow="ellipsis")
    rate = Text("-" if stream.rate_hz is None else f"{stream.rate_hz:.0f}", "yellow" if stream.is_off_rate else "")
    expected = Text(f"{stream.expected_hz:g}" if stream.expected_hz else "", "dim")
    lost = Text("?" if stream.lost_reason else f"{stream.lost or 0:,}", "yellow" if stream.lost else "dim")
    dropped = Text(f"{stream.dropped:,}", "bold red" if stream.dropped else "dim")
    cells = [name, rate, expected, _milliseconds(stream.age_ms), _milliseconds(stream.longest_gap_ms), lost, dropped]
    cells += [Text(f"{stream.received:,}"), Text(size(stream.bytes))]
    if wide:
        cells.insert(1, Text(stream.topic if stream.topic != stream.name else stream.type, overflow="ellipsis"))
    return cells


def _rest(hidden: Sequence[_Row]) -> Text:
    bad = sum(bool(row.style) for row in hidden)
    text = f"+{len(hidden) - bad} more ok" if bad < len(hidden) else ""
    worse = f"+{bad} more with problems" if bad else ""
    return Text("  ".join(filter(None, (worse, text))), style="yellow" if bad else "dim")


def _problem_lines(state: RecorderState | None, screen: Screen) -> list[Text]:
    if state is None or screen.shows_help:
        return []
    most = 4 if screen.height >= _MANY_ROWS else 2
    urgent = sorted(state.problems, key=lambda problem: problem.stream not in state.silent)
    lines = [_line((f"{p.stream}: ", "bold yellow"), f"{p.problem}. {p.remedy}") for p in urgent[:most]]
    if len(urgent) > most:
        lines[-1] = _line(f"{len(urgent) - most + 1} more problems", style="yellow")
    return lines


def _notice_lines(screen: Screen) -> list[Text]:
    lines = textwrap.wrap(screen.notice.text, screen.width, max_lines=2, placeholder=" ...") or [""]
    return [_line(line, style="bold red" if screen.notice.is_bad else "bold") for line in lines]


def _log_lines(screen: Screen) -> list[Text]:
    most = 3 if screen.height >= _MANY_ROWS else 1
    return [_line(line, style="dim") for line in screen.log[-most:]]


def _keys_line(screen: Screen) -> Text:
    between = "   " if screen.width >= _WIDE else " "
    parts: list[str | tuple[str, str]] = []
    for key, meaning in KEYS:
        parts += [(key, "reverse"), f" {meaning}{between}"]
    return _line(*parts)


def _help_table() -> Table:
    table = Table(box=None, padding=(0, 2), show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for key, meaning in _HELP:
        table.add_row(key, meaning)
    return table


def _milliseconds(value: float | None) -> Text:
    if value is None:
        return Text("-", "dim")
    return Text(f"{value:,.0f}" if value < 100_000 else f"{value / 1000:,.0f} s")


def clock(seconds: float) -> str:
    """Return ``00:12``, or ``1:02:03`` from an hour on."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


def size(number: int) -> str:
    """Return a number of bytes as ``12 B``, ``3.4 MB``."""
    return decimal(number).replace("bytes", "B").replace("byte", "B")
