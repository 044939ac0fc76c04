"""The clocks of an episode's streams, watched as its messages go to the disk, and what is wrong with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from humanoid_recorder.core.alignment.rules import NO_TIME
from humanoid_recorder.core.alignment.times import TimeSource
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.core.stream_clock import ClockAccount, StreamClock
from humanoid_recorder.spec.alignment_plan import AlignmentPlan

CLOCK_OFFSET, CLOCK_DRIFT, CLOCK_JUMP = "clock_offset", "clock_drift", "clock_jump"
"""Findings of an episode."""

_TURN_NS = 1_000_000_000
_MOST_WAITING = 20_000
_LATEST_NS = 2**62
"""The year 2116: what claims to be later is no time."""
_FEWEST = 10
"""Messages with a stamp, to speak of a clock."""
_SHORTEST_MS = 1000.0
_DEFAULT_TOLERANCE_MS = 20.0
_BEHIND_MS = 100.0
"""Later than this is no latency: ours is a few ms, that of a camera with a long pipeline 60 to 90."""
_DRIFT_MS = 10.0
"""Over the episode."""
_STEEPEST_BY_CHANCE = 5.0
"""Standard errors."""
_NS_PER_MS = 1_000_000
_MS_PER_S = 1000
_PPM_PER_MS_PER_MIN = 1e6 / 60_000


@dataclass(frozen=True, slots=True)
class _Expected:
    """What the profile knows of a stream's clock."""

    offset_ms: float = 0.0
    tolerance_ms: float = _DEFAULT_TOLERANCE_MS
    uses_stamps: bool = True


class ClockWatch:
    """Used by the writer's thread only.

    Args:
        plan: What the profile says of frames; None without.
    """

    def __init__(self, plan: AlignmentPlan | None) -> None:
        self._expected = {
            each.stream.name: _Expected(
                each.rule.offset_ns / _NS_PER_MS,
                each.rule.tolerance_ns / _NS_PER_MS,
                each.wanted_time is TimeSource.STAMP,
            )
            for each in (plan.streams if plan is not None else ())
        }
        self._clocks: dict[int, StreamClock] = {}
        self._waiting: dict[int, tuple[list[int], list[int]]] = {}
        self._count = 0
        self._turn_ns = 0

    def feed(self, samples: Sequence[Sample], *, first_ns: int) -> None:
        """Take messages in the order in which they are written; most are only noted, for the next turn.

        Args:
            samples: Of any channels.
            first_ns: Start of the episode by log time: messages of before were given it, and say nothing of clocks.
        """
        waiting = self._waiting
        for channel_id, _data, log_ns, _publish_ns, stamp_ns, _sequence in samples:
            if channel_id not in waiting:
                waiting[channel_id] = ([], [])
            if log_ns != first_ns:
                logs, stamps = waiting[channel_id]
                logs.append(log_ns)
                stamps.append(NO_TIME if stamp_ns is None or stamp_ns > _LATEST_NS else stamp_ns)
        self._count += len(samples)
        if samples and (samples[-1].log_ns - self._turn_ns > _TURN_NS or self._count > _MOST_WAITING):
            self._turn_ns, self._count = samples[-1].log_ns, 0
            self._take_turn()

    def accounts(self, names: Mapping[int, str]) -> dict[str, ClockAccount]:
        """Sum up the clock of each stream that had messages.

        Args:
            names: Of the streams, by channel id.
        """
        self._take_turn()
        by_name = {names[channel_id]: clock for channel_id, clock in self._clocks.items() if channel_id in names}
        return {name: clock.account() for name, clock in by_name.items()}

    def problems(self, accounts: Mapping[str, ClockAccount]) -> Iterator[tuple[str, str]]:
        """Yield the clocks that are off by more than the profile knows: the finding's name, and a sentence."""
        for name, account in accounts.items():
            expected = self._expected.get(name, _Expected())
            if account.offset_ms is None or not expected.uses_stamps or not _is_enough(account):
                continue
            off_ms = account.offset_ms - expected.offset_ms
            if off_ms < -expected.tolerance_ms:
                hint = _in_profile(name, account.offset_ms)
                yield CLOCK_OFFSET, f"{name} is {_length(-off_ms)} ahead: stamps are later than the receipt; {hint}"
            elif off_ms > max(_BEHIND_MS, expected.tolerance_ms):
                hint = _in_profile(name, account.offset_ms)
                yield CLOCK_OFFSET, f"{name} is {_length(off_ms)} behind, by its clock or on its way; {hint}"
            yield from _drift(name, account)

    def _take_turn(self) -> None:
        for channel_id, (logs, stamps) in self._waiting.items():
            if channel_id not in self._clocks and logs:
                self._clocks[channel_id] = StreamClock()
            if logs:
                self._clocks[channel_id].feed(logs, stamps)
            logs.clear()
            stamps.clear()


def _is_enough(account: ClockAccount) -> bool:
    return account.stamped >= _FEWEST and (account.period_ms or 0.0) * account.messages >= _SHORTEST_MS


def _drift(name: str, account: ClockAccount) -> Iterator[tuple[str, str]]:
    if account.jump_ms is not None:
        side = "ahead" if account.jump_ms < 0 else "behind"
        yield CLOCK_JUMP, f"{name} jumped {_length(abs(account.jump_ms))} {side} within the episode, and stayed there"
    drift_ppm, error_ppm, period_ms = account.drift_ppm, account.drift_error_ppm, account.period_ms
    if drift_ppm is None or error_ppm is None or period_ms is None:
        return
    grown_ms = abs(drift_ppm) / 1e6 * period_ms * account.messages
    if grown_ms > _DRIFT_MS and abs(drift_ppm) > _STEEPEST_BY_CHANCE * error_ppm:
        side = "ahead" if drift_ppm < 0 else "behind"
        rate = abs(drift_ppm) / _PPM_PER_MS_PER_MIN
        yield CLOCK_DRIFT, f"{name} drifts {rate:.0f} ms/min {side}: {grown_ms:.0f} ms in this episode"


def _length(duration_ms: float) -> str:
    return f"{duration_ms / _MS_PER_S:.2f} s" if duration_ms >= _MS_PER_S else f"{duration_ms:.0f} ms"


def _in_profile(name: str, offset_ms: float) -> str:
    return f"`align: {{offset_ms: {offset_ms:.0f}}}` of {name} would bring them there"
