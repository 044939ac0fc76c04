"""What ``humanoid-recorder play`` shows: the progress of a bag, and the words at the end."""

from datetime import UTC, datetime

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from humanoid_recorder.cli.record_session import count_of
from humanoid_recorder.cli.record_table import Notice
from humanoid_recorder.playback.state import LostState, Phase, PlayerState, TimingState

KEYS = (
    ("space", "pause"),
    ("← →", "seek"),
    ("↑ ↓ + -", "rate"),
    ("s", "step"),
    ("l", "loop"),
    ("0", "restart"),
    ("q", "quit"),
)
_NS_PER_S = 1_000_000_000
_PHASES = {
    Phase.WAITING: ("WAITING", "black on cyan"),
    Phase.PLAYING: ("PLAYING", "bold white on green"),
    Phase.PAUSED: ("PAUSED", "bold black on yellow"),
    Phase.FINISHED: ("ENDING", "black on cyan"),
}
_BEHIND_MS = 100.0
_MOST_LEFT_OUT = 4


def render(state: PlayerState | None, *, position_s: float, notice: Notice) -> Group:
    """Lay the display out.

    Args:
        state: None before the player's first word.
        position_s: Where playing stands now; the state may be half a second old.
        notice: What the last key led to.
    """
    if state is None:
        return Group(_line((" STARTING ", "black on cyan")), _keys())
    span_s = max(state.end_s - state.start_s, 1e-9)
    bar = Table.grid(padding=(0, 1), expand=True)
    bar.add_column(no_wrap=True)
    bar.add_column(ratio=1)
    bar.add_column(no_wrap=True)
    bar.add_row(
        clock(position_s),
        ProgressBar(total=span_s, completed=min(span_s, max(0.0, position_s - state.start_s))),
        clock(state.end_s),
    )
    left_out = describe_left_out(state)
    hidden = [_line(f"{len(left_out) - _MOST_LEFT_OUT} more are not played")] if len(left_out) > _MOST_LEFT_OUT else []
    problems = describe_problems(state)[-1:]
    foot = _line((notice.text, "bold red" if notice.is_bad else "bold"))
    return Group(
        _head(state, position_s), bar, _counts(state), *left_out[:_MOST_LEFT_OUT], *hidden, *problems, foot, _keys()
    )


def describe_left_out(state: PlayerState) -> list[Text]:
    """Say which topics are not played, and why."""
    lines = []
    for each in state.left_out:
        how = "; --with-commands plays it" if each.is_command else ""
        lines.append(_line(("not played: ", "yellow"), f"{each.topic} ({each.type}): {each.reason}{how}"))
    return lines


def describe_problems(state: PlayerState) -> list[Text]:
    """Say what could not be read or sent."""
    lines = [_line(("lost: ", "bold red"), _lost(lost)) for lost in state.lost]
    if state.refused:
        lines.append(
            _line(("not sent: ", "bold red"), f"{state.refused:,} messages; a reliable subscriber stands still")
        )
    if state.error:
        lines.append(_line(("error: ", "bold red"), state.error))
    return lines


def describe_end(state: PlayerState) -> Text:
    """Say what was played."""
    how = "Played" if state.phase is Phase.FINISHED else f"Stopped at {state.position_s:.1f} s"
    passes = f" in {state.passes} passes" if state.passes > 1 else ""
    return Text(f"{how}: {_amount(state)}{passes}{_late(state.timing)}")


def clock(seconds: float) -> str:
    """Return ``00:12.3``, or ``1:02:03.4`` from an hour on."""
    minutes, second = divmod(max(0.0, seconds), 60)
    hours, minute = divmod(int(minutes), 60)
    return f"{hours}:{minute:02}:{second:04.1f}" if hours else f"{minute:02}:{second:04.1f}"


def _head(state: PlayerState, position_s: float) -> Text:
    text, style = _PHASES[state.phase]
    time_ns = state.time_ns + round((position_s - state.position_s) * _NS_PER_S)
    when = datetime.fromtimestamp(time_ns / _NS_PER_S, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-5]
    loop = f"  loop, pass {state.passes + 1}" if state.loop else ""
    behind = f"  BEHIND by {state.behind_ms:,.0f} ms" if state.behind_ms > _BEHIND_MS else ""
    return _line(
        (f" {text} ", style),
        f"  x{state.rate:g}{loop}  ",
        (when, "dim"),
        (behind, "bold red"),
        f"  {state.bag.rpartition('/')[2]}",
    )


def _counts(state: PlayerState) -> Text:
    if state.phase is Phase.WAITING and state.unheard:
        return _line(f"nobody has subscribed to {', '.join(state.unheard)}")
    return _line(f"{_amount(state)}{_late(state.timing)}")


def _amount(state: PlayerState) -> str:
    return f"{count_of(state.sent, 'message')} on {count_of(len(state.topics), 'topic')}"


def _late(timing: TimingState) -> str:
    if timing.p50_us is None or timing.p99_us is None or timing.max_us is None:
        return ""
    p50, p99, most = (value / 1000 for value in (timing.p50_us, timing.p99_us, timing.max_us))
    return f", late by {p50:.2f} ms (half), {p99:.2f} (99 %), {most:.2f} (most)"


def _lost(lost: LostState) -> str:
    span_ms = (lost.last_ns - lost.first_ns) / 1e6
    at = datetime.fromtimestamp(lost.first_ns / _NS_PER_S, UTC).strftime("%H:%M:%S.%f")[:-3]
    count = "an unknown number of" if lost.messages is None else f"{sum(lost.messages.values()):,}"
    return f"{count} messages over {span_ms:.1f} ms from {at} UTC: {lost.reason}"


def _keys() -> Text:
    parts: list[str | tuple[str, str]] = []
    for key, meaning in KEYS:
        parts += [(key, "reverse"), f" {meaning}  "]
    return _line(*parts)


def _line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")
