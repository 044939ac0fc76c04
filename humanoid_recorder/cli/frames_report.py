"""What ``humanoid-recorder frames`` says of an aligned bag, as a model."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from humanoid_recorder.cli.frames_models import Compared, ComparisonReport, FramesReport, SpreadReport, StreamFrames
from humanoid_recorder.core.alignment.compare import first_difference
from humanoid_recorder.core.alignment.frames import FrameTable
from humanoid_recorder.core.alignment.quality import AlignmentQuality, Spread, judge
from humanoid_recorder.core.alignment.rules import NO_TIME, Method, ReferenceClock
from humanoid_recorder.core.labels import End
from humanoid_recorder.storage.bag_frames import AlignedBag
from humanoid_recorder.storage.episode_file import EpisodeFile

_NS_PER_MS = 1_000_000
_NS_PER_S = 1_000_000_000
_MS_PER_S = 1000
_AHEAD_MS = -2.0
_BEHIND_MS = 1000.0
"""Beyond these a median delay is no delay any more: a clock is wrong."""
_LONG_GAP_PERIODS = 3
_LATE = "frames_late"
"""The finding of an episode in which messages came after their frames had been written."""


def report_on(
    bag: AlignedBag,
    *,
    path: Path,
    profile: str,
    comparison: ComparisonReport,
    out: Path | None = None,
    plot: Path | None = None,
) -> FramesReport:
    """Sum up what alignment found.

    Args:
        bag: The aligned bag.
        path: Where it is.
        profile: Where the profile came from.
        comparison: With the frames that the bag has.
        out: File that has the table.
        plot: File that has the picture.
    """
    quality, ticks = judge(bag.table), bag.table.ticks_ns
    streams = tuple(_streams(bag, quality))
    gap_ms = float(np.diff(ticks).max()) / _NS_PER_MS if len(ticks) > 1 else None
    clock = bag.plan.clock
    return FramesReport(
        good=len(ticks) > 0 and comparison.result is not Compared.DIFFERENT,
        path=str(path),
        profile=profile,
        clock=bag.table.names[clock.stream] if isinstance(clock, ReferenceClock) else f"{clock:g} Hz",
        hold_off_ms=bag.plan.hold_off_ns / _NS_PER_MS,
        ticks=len(ticks),
        duration_s=float(ticks[-1] - ticks[0]) / _NS_PER_S if len(ticks) else 0.0,
        longest_tick_gap_ms=gap_ms,
        complete=quality.complete,
        complete_share=quality.complete_share,
        skew_ms=_spread(quality.skew),
        worst_stream=quality.worst_stream,
        streams=streams,
        comparison=comparison,
        notes=(*_clock_notes(bag, gap_ms), *_stream_notes(bag, streams)),
        out=None if out is None else str(out),
        plot=None if plot is None else str(plot),
    )


def compare(recorded: FrameTable | None, found: FrameTable, episode: EpisodeFile | None) -> ComparisonReport:
    """Compare what the recorder wrote with what was found afterwards."""
    if recorded is None:
        return ComparisonReport(result=Compared.NOT_RECORDED, frames=0, detail="the bag has no frames of a recorder")
    count = len(recorded.ticks_ns)
    difference = first_difference(recorded, found)
    if difference is None:
        return ComparisonReport(result=Compared.EQUAL, frames=count)
    was_cut = episode is not None and (episode.stop is None or episode.stop.end is End.FAULT)
    if was_cut and difference.field == "frame" and difference.frame == count:
        more = len(found.ticks_ns) - count
        detail = f"the recorder did not end the episode itself; {more} more were found"
        return ComparisonReport(result=Compared.SHORTER, frames=count, detail=detail)
    noted = [finding.message for finding in (episode.findings if episode else ()) if finding.check == _LATE]
    detail = ". While recording it was noted: ".join((str(difference), *noted))
    return ComparisonReport(result=Compared.DIFFERENT, frames=count, detail=detail)


def _streams(bag: AlignedBag, quality: AlignmentQuality) -> Iterator[StreamFrames]:
    for each, topic, source, times, late, judged in zip(
        bag.plan.streams, bag.topics, bag.sources, bag.times, bag.late, quality.streams, strict=True
    ):
        has_time = times.times_ns != NO_TIME
        delay_ms = None
        if has_time.any():
            delays_ns = times.logs_ns[has_time] - times.times_ns[has_time] - each.rule.offset_ns
            delay_ms = float(np.median(delays_ns)) / _NS_PER_MS
        yield StreamFrames(
            name=judged.name,
            topic=topic,
            rule=each.rule.method.value,
            window=each.rule.window,
            tolerance_ms=each.rule.tolerance_ns / _NS_PER_MS,
            offset_ms=each.rule.offset_ns / _NS_PER_MS,
            time=source.value,
            messages=len(has_time),
            without_time=int((~has_time).sum()),
            ok=judged.ok,
            missing=judged.missing,
            out_of_tolerance=judged.out_of_tolerance,
            short=judged.short,
            late=late,
            spoiled=judged.spoiled,
            age_ms=_spread(judged.age),
            delay_ms=delay_ms,
        )


def _spread(spread: Spread | None) -> SpreadReport | None:
    if spread is None:
        return None
    return SpreadReport(
        p50=spread.p50_ns / _NS_PER_MS,
        p95=spread.p95_ns / _NS_PER_MS,
        p99=spread.p99_ns / _NS_PER_MS,
        max=spread.max_ns / _NS_PER_MS,
    )


def _clock_notes(bag: AlignedBag, gap_ms: float | None) -> Iterator[str]:
    clock = bag.plan.clock
    if not isinstance(clock, ReferenceClock):
        return
    name, times = bag.table.names[clock.stream], bag.times[clock.stream]
    timed = int((times.times_ns != NO_TIME).sum())
    if not len(bag.table.ticks_ns):
        yield f"There are no frames: {name}, which makes the ticks, has no message with a time."
    if timed > len(bag.table.ticks_ns):
        repeated = timed - len(bag.table.ticks_ns)
        yield f"{name}: {repeated} messages are not later than the one before and make no tick."
    rate_hz = bag.plan.streams[clock.stream].stream.rate_hz
    if gap_ms is not None and rate_hz and gap_ms > _LONG_GAP_PERIODS * _MS_PER_S / rate_hz:
        at = int(np.diff(bag.table.ticks_ns).argmax())
        begin_s = float(bag.table.ticks_ns[at] - bag.table.ticks_ns[0]) / _NS_PER_S
        yield f"{name}: no tick for {gap_ms:.0f} ms, {begin_s:.2f} s after the first: there are no frames there."


def _stream_notes(bag: AlignedBag, streams: tuple[StreamFrames, ...]) -> Iterator[str]:
    for each, stream in zip(bag.plan.streams, streams, strict=True):
        name = stream.name
        if not stream.messages:
            yield f"{name}: the bag has nothing of {stream.topic}; with `align: {{rule: none}}` frames do without it."
            continue
        if stream.without_time:
            yield f"{name}: {stream.without_time} of {stream.messages} messages have no {stream.time} time."
        if stream.delay_ms is not None and not _AHEAD_MS <= stream.delay_ms <= _BEHIND_MS:
            side = "after" if stream.delay_ms < 0 else "before"
            yield (
                f"{name}: its times are {abs(stream.delay_ms):.1f} ms {side} the receipt. Is a clock wrong? "
                f"`align: {{offset_ms: {stream.offset_ms + stream.delay_ms:.0f}}}` would bring them there."
            )
        if stream.late:
            yield (
                f"{name}: at {stream.late} ticks its samples came after the hold-off, "
                f"{bag.plan.hold_off_ns / _NS_PER_MS:g} ms behind the message that made the tick (sync.hold_off_ms)."
            )
        period_ms = _MS_PER_S / (each.stream.rate_hz or 1)
        if (
            stream.out_of_tolerance > stream.late
            and each.rule.method is Method.LATEST
            and period_ms > stream.tolerance_ms
        ):
            yield (
                f"{name}: at {each.stream.rate_hz:g} Hz the latest sample is up to {period_ms:.0f} ms old, and the "
                f"tolerance is {stream.tolerance_ms:g} ms: raise align.tolerance_ms, or choose the rule nearest."
            )
