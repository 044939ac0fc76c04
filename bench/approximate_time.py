"""Synchronisers in plain Python to compare with: what one would write without numpy."""

import time
from bisect import bisect_left
from collections.abc import Sequence
from operator import itemgetter

_MOST_QUEUED = 100
"""Of a stream at 1 kHz more than twice the slop."""
_TRIM_ABOVE = 64

Arrival = tuple[int, int, int]
"""Log time, stream, time."""


def at_every_message(arrivals: Sequence[Arrival], *, streams: int, slop_ns: int) -> tuple[float, int]:
    """Search whenever a message comes, as the ``ApproximateTimeSynchronizer`` of ``message_filters`` (Python) does.

    Its steps with integers for its time objects, without its lock, and with one combination tried, the nearest of every
    stream, where it goes through all of them until one fits.

    Args:
        arrivals: In the order of their log times.
        streams: How many there are.
        slop_ns: Largest spread of a set.

    Returns:
        CPU seconds, and how many sets were found.
    """
    queues: list[dict[int, int]] = [{} for _ in range(streams)]
    found = 0
    begin = time.process_time()
    for log_ns, mine, stamp in arrivals:
        queues[mine][stamp] = log_ns
        while len(queues[mine]) > _MOST_QUEUED:
            del queues[mine][min(queues[mine])]
        chosen = []
        for at, queue in enumerate(queues):
            if at == mine:
                chosen.append(stamp)
                continue
            near = [(abs(other - stamp), other) for other in queue if abs(other - stamp) <= slop_ns]
            if not near:
                break
            chosen.append(min(near, key=itemgetter(0))[1])
        if len(chosen) == streams and max(chosen) - min(chosen) < slop_ns:
            found += 1
            for queue, time_ns in zip(queues, chosen, strict=True):
                del queue[time_ns]
    return time.process_time() - begin, found


def at_the_clock(arrivals: Sequence[Arrival], *, streams: int, clock: int, slop_ns: int) -> tuple[float, int]:
    """Search only for the messages of one stream, by bisection, once all that may belong to them has come.

    The least that still finds the nearest message of every stream: no age, status, interpolation, offset or rule of who
    takes part, and stamps have to come in order.

    Args:
        arrivals: In the order of their log times.
        streams: How many there are.
        clock: The stream that is searched for.
        slop_ns: Largest distance from it.

    Returns:
        CPU seconds, and how many sets were found.
    """
    queues: list[list[int]] = [[] for _ in range(streams)]
    waiting: list[int] = []
    found = 0
    begin = time.process_time()
    for log_ns, mine, stamp in arrivals:
        queues[mine].append(stamp)
        if mine == clock:
            waiting.append(stamp)
        while waiting and log_ns > waiting[0] + 2 * slop_ns:
            found += _has_all(queues, waiting.pop(0), slop_ns)
    return time.process_time() - begin, found


def _has_all(queues: list[list[int]], tick_ns: int, slop_ns: int) -> bool:
    for queue in queues:
        place = bisect_left(queue, tick_ns)
        distances = [abs(stamp - tick_ns) for stamp in queue[max(0, place - 1) : place + 1]]
        if not distances or min(distances) > slop_ns:
            return False
        if place > _TRIM_ABOVE:
            del queue[: place - 2]
    return True
