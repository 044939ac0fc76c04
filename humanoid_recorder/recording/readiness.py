"""Whether a start would record at once what the profile requires."""

from collections.abc import Mapping
from dataclasses import dataclass

from humanoid_recorder.core.streams import Stream
from humanoid_recorder.recording.line import Activity
from humanoid_recorder.recording.stream_plan import StreamPlan

_SILENT_AFTER_NS = 1_000_000_000
_SILENT_AFTER_PERIODS = 5


@dataclass(frozen=True, slots=True)
class Readiness:
    """What keeps an episode from being started, if anything."""

    silent: tuple[str, ...]
    """Required streams that are not subscribed, of which nothing has arrived, or that have fallen silent."""
    is_ready: bool
    """Also needs something to record: a stream of the profile, or, without one, any message at all."""


def judge_readiness(plan: StreamPlan, activity: Mapping[int, Activity], *, now_ns: int) -> Readiness:
    """Look at what arrives.

    Args:
        plan: The streams and their subscriptions.
        activity: What has arrived, by channel id.
        now_ns: Log time, ns since the epoch.
    """
    missing = [stream.name for stream in plan.unsubscribed() if stream.required]
    fallen_silent = [
        channel.stream.name
        for channel in plan.channels()
        if channel.stream.required and _is_silent(channel.stream, activity[channel.id].last_log_ns, now_ns=now_ns)
    ]
    silent = (*missing, *fallen_silent)
    has_something = plan.has_profile or any(line.received for line in activity.values())
    return Readiness(silent, is_ready=not silent and has_something and bool(plan.channels()))


def _is_silent(stream: Stream, last_ns: int | None, *, now_ns: int) -> bool:
    """Whether a stream has nothing to say; one without a rate only has to have spoken once."""
    if last_ns is None:
        return True
    if stream.rate_hz is None:
        return False
    return now_ns - last_ns > max(_SILENT_AFTER_NS, round(_SILENT_AFTER_PERIODS * 1e9 / stream.rate_hz))
