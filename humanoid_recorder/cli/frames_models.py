"""The keys of ``humanoid-recorder frames --json``, which stay."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Compared(StrEnum):
    """What became of the comparison with the frames in the bag."""

    EQUAL = "equal"
    SHORTER = "shorter"
    """Equal as far as it goes: a recorder that did not end its episode itself lacks the last frames."""
    DIFFERENT = "different"
    NOT_RECORDED = "not_recorded"
    SKIPPED = "skipped"
    """Not asked for, or aligned by another profile than when it was recorded."""


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True)


class SpreadReport(_Report):
    """Percentiles of a time, ms."""

    p50: float
    p95: float
    p99: float
    max: float


class StreamFrames(_Report):
    """One stream over all ticks."""

    name: str
    topic: str
    rule: str
    window: int
    tolerance_ms: float
    offset_ms: float
    time: str
    """Which time was compared: stamp, publish or log."""
    messages: int
    without_time: int
    """Messages that have no such time; never chosen."""
    ok: int
    """Ticks at which it has what its rule asks for."""
    missing: int
    out_of_tolerance: int
    short: int
    late: int
    """Of those that are not in order: where its samples came, but after the hold-off."""
    spoiled: int
    """Ticks that would be complete but for this stream."""
    age_ms: SpreadReport | None
    """Distance between tick and sample; None without any."""
    delay_ms: float | None
    """Median of log time minus (corrected) time: negative where a clock is ahead; None without any."""

    def ok_share(self, ticks: int) -> float:
        """Share of the ticks at which it is in order."""
        return self.ok / ticks if ticks else 0.0


class ComparisonReport(_Report):
    """Against ``~/frames`` of the bag."""

    result: Compared
    frames: int
    """How many the bag has."""
    detail: str = ""
    """The first difference, or why it was not compared."""


class FramesReport(_Report):
    """The whole report; its fields are the keys of ``--json``, which stay."""

    schema_version: int = 1
    good: bool
    """There are frames, and those in the bag, if compared, do not differ."""
    path: str
    profile: str
    """Where the profile came from."""
    clock: str
    """The stream that makes the ticks, or the rate."""
    hold_off_ms: float
    ticks: int
    duration_s: float
    """From the first tick to the last."""
    longest_tick_gap_ms: float | None
    complete: int
    complete_share: float | None
    skew_ms: SpreadReport | None
    """Spread of the stamps within one complete frame."""
    worst_stream: str
    """The one that spoils most frames; empty if none is wrong."""
    streams: tuple[StreamFrames, ...]
    comparison: ComparisonReport
    notes: tuple[str, ...]
    """What stands out, and what may help."""
    out: str | None = None
    plot: str | None = None
