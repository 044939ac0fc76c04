"""Which of a message's three times is compared with the ticks."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from operator import itemgetter

from humanoid_recorder.core.alignment.rules import NO_TIME
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.core.streams import StampReader

_END_NS = 2**62
"""The year 2116: what claims to be later is no time, and room is left to add an offset."""


class TimeSource(StrEnum):
    """Where the times of a stream come from."""

    STAMP = "stamp"
    """Measured: read from the message."""
    PUBLISH = "publish"
    """Sent: the publish time."""
    LOG = "log"
    """Received: the log time."""


TimeReader = Callable[[bytes, int, int], int]
"""From a serialised message, its publish time and its log time to the time compared, ns since the epoch, or NO_TIME."""

_FIELDS = {TimeSource.STAMP: "stamp_ns", TimeSource.PUBLISH: "publish_ns", TimeSource.LOG: "log_ns"}


def times_of(source: TimeSource, samples: Sequence[Sample]) -> list[int]:
    """Return the times of messages that have been stamped already; ``NO_TIME`` for those without."""
    times = map(itemgetter(Sample._fields.index(_FIELDS[source])), samples)
    return [time_ns if time_ns is not None and 0 < time_ns < _END_NS else NO_TIME for time_ns in times]


def time_reader(source: TimeSource, read_stamp: StampReader | None) -> TimeReader:
    """Return a function that finds the time of a message in a bag: the same that ``times_of`` finds live.

    Args:
        source: Which time.
        read_stamp: Of the stream; None when it has no stamps.
    """

    def of_stamp(data: bytes, _publish_ns: int, _log_ns: int) -> int:
        stamp_ns = None if read_stamp is None else read_stamp(data)
        return stamp_ns if stamp_ns is not None and 0 < stamp_ns < _END_NS else NO_TIME

    def of_publish(_data: bytes, publish_ns: int, _log_ns: int) -> int:
        return publish_ns if 0 < publish_ns < _END_NS else NO_TIME

    def of_log(_data: bytes, _publish_ns: int, log_ns: int) -> int:
        return log_ns if 0 < log_ns < _END_NS else NO_TIME

    return {TimeSource.STAMP: of_stamp, TimeSource.PUBLISH: of_publish, TimeSource.LOG: of_log}[source]
