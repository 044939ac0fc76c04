"""What ``humanoid-recorder clocks`` says of the clocks it found, as a model."""

from collections.abc import Sequence
from pathlib import Path

from humanoid_recorder.cli.clocks_models import ClocksReport, StreamReport
from humanoid_recorder.inspection.clock_delays import ClockDelay
from humanoid_recorder.inspection.movement_reader import StreamMovement

_NS_PER_S = 1e9


def report_on(
    delays: Sequence[ClockDelay], joints: StreamMovement | None, *, path: Path, profile: str, search_ms: float
) -> ClocksReport:
    """Sum up what was found.

    Args:
        delays: Of every stream that can tell of movement.
        joints: What they were compared with; None without.
        path: The bag.
        profile: Where the profile came from.
        search_ms: How far was searched.
    """
    series = None if joints is None else joints.series
    streams = tuple(_stream(delay) for delay in delays)
    problem = ""
    if joints is None:
        problem = "The bag has no joint states (sensor_msgs/msg/JointState with positions): nothing to compare with."
    elif not streams:
        problem = "The bag has joint states, and nothing that sees them move."
    return ClocksReport(
        good=any(stream.found for stream in streams),
        path=str(path),
        profile=profile,
        joints="" if joints is None else joints.stream.name,
        seconds=0.0 if series is None else float(series.times_ns[-1] - series.times_ns[0]) / _NS_PER_S,
        search_ms=search_ms,
        streams=streams,
        problem=problem,
    )


def _stream(delay: ClockDelay) -> StreamReport:
    movement = delay.movement
    return StreamReport(
        name=movement.stream.name,
        topic=movement.stream.topic,
        kind=movement.stream.kind.value,
        time=movement.time.value,
        messages=movement.messages,
        unreadable=movement.unreadable,
        found=delay.offset_ms is not None,
        offset_ms=_tenths(delay.offset_ms),
        error_ms=_tenths(delay.error_ms),
        declared_ms=movement.offset_ms,
        latency_ms=_tenths(delay.latency_ms),
        correlation=None if delay.correlation is None else round(delay.correlation, 3),
        problem=delay.problem,
        note=delay.note if delay.offset_ms is not None else "",
        written=False,
    )


def _tenths(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
