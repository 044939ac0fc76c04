"""What the recorder is held to, on a computer with two cores."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.recorder_run import RecorderRun

LOST_SHARE = 1e-4
CPU_RATIO = 1.3
START_FIRST_MS = 50.0
STOP_SEALED_MS = 200.0
_COUNTED = ("full", "full x 2", "dense")


@dataclass(frozen=True, slots=True)
class Target:
    """One requirement, and whether it was met."""

    what: str
    measured: str
    is_met: bool


def judge(title: str, runs: Sequence[RecorderRun], medians: dict[str, float], cpu_ratio: float | None) -> list[Target]:
    """Judge the runs of one workload.

    Args:
        title: Of the workload, with its scale.
        runs: Every run: nothing may be dropped in any of them.
        medians: Of their figures, by name.
        cpu_ratio: CPU of the recorder over that of the drain that writes; None if that was not measured.
    """
    dropped = sum(run.dropped for run in runs)
    lost_share = sum(run.lost for run in runs) / max(1, sum(run.sent for run in runs))
    first_ms, sealed_ms = medians["start_first_ms"], medians["stop_sealed_ms"]
    targets = [
        Target(
            f"start command to first message <= {START_FIRST_MS:.0f} ms",
            f"{first_ms:.1f} ms",
            first_ms <= START_FIRST_MS,
        ),
        Target(f"stop to sealed <= {STOP_SEALED_MS:.0f} ms", f"{sealed_ms:.0f} ms", sealed_ms <= STOP_SEALED_MS),
    ]
    if title in (*_COUNTED, "raw"):
        targets.append(Target("dropped by us: 0", str(dropped), dropped == 0))
    if title in _COUNTED:
        targets.append(Target(f"lost before us <= {LOST_SHARE:g}", f"{lost_share:.1e}", lost_share <= LOST_SHARE))
    if title == "full" and cpu_ratio is not None:
        targets.append(
            Target(f"CPU <= {CPU_RATIO:g} x (bare drain + write)", f"{cpu_ratio:.2f} x", cpu_ratio <= CPU_RATIO)
        )
    return targets
