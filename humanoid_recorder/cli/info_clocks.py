"""The clocks of an episode's streams, as ``humanoid-recorder info`` shows them to people."""

from collections.abc import Iterator, Mapping

from rich.table import Table
from rich.text import Text

from humanoid_recorder.cli.info_models import EpisodeReport
from humanoid_recorder.core.stream_clock import ClockAccount

_NONE = Text("–", style="dim")  # noqa: RUF001 - an en dash is what a table's empty cell shows
_CLOCK_FINDINGS = ("clock_offset", "clock_drift", "clock_jump")
_BURSTY = 0.2
_SURE, _SEEN_MS = 5.0, 5.0
"""A drift of fewer standard errors, or of less in the episode, is not shown."""


def clock_table(episode: EpisodeReport) -> Table:
    """Lay out one row for each stream with more than one message; what its findings name is marked."""
    clocks = episode.record.clocks
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("clock", overflow="fold")
    for name in ("offset ms", "ppm", "late p50", "p99 ms", "bursts", "jitter"):
        table.add_column(name, justify="right", no_wrap=True)
    off = _named(episode, clocks)
    for name, clock in clocks.items():
        if clock.period_ms is not None:
            table.add_row(*_row(name, clock, is_off=name in off))
    return table


def has_clocks(episode: EpisodeReport | None) -> bool:
    """Whether there is anything to lay out."""
    return episode is not None and any(clock.period_ms is not None for clock in episode.record.clocks.values())


def _named(episode: EpisodeReport, clocks: Mapping[str, ClockAccount]) -> frozenset[str]:
    """Return the streams that findings speak of: a finding's sentence begins with the name."""
    said = [finding.message for finding in episode.findings if finding.check in _CLOCK_FINDINGS]
    return frozenset(name for name in clocks if any(message.startswith(f"{name} ") for message in said))


def _row(name: str, clock: ClockAccount, *, is_off: bool) -> Iterator[Text]:
    yield Text(name, style="bold yellow" if is_off else "cyan")
    yield _number(clock.offset_ms, ".1f", style="bold yellow" if is_off else "")
    yield _number(clock.drift_ppm if _drifts(clock) else None, ".0f")
    yield _number(clock.latency_p50_ms, ".1f")
    yield _number(clock.latency_p99_ms, ".1f")
    bursts = clock.burst_share
    yield _NONE if bursts is None else Text(f"{bursts:.0%}", style="yellow" if bursts > _BURSTY else "")
    yield _number(clock.jitter_ms, ".1f")


def _drifts(clock: ClockAccount) -> bool:
    drift_ppm, error_ppm = abs(clock.drift_ppm or 0.0), clock.drift_error_ppm or 0.0
    grown_ms = drift_ppm / 1e6 * (clock.period_ms or 0.0) * clock.messages
    return drift_ppm > _SURE * error_ppm and grown_ms > _SEEN_MS


def _number(value: float | None, form: str, *, style: str = "") -> Text:
    return _NONE if value is None else Text(format(value, form), style=style)
