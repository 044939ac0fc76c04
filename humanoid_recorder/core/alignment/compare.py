"""Whether the frames found live are those found afterwards."""

from dataclasses import dataclass

import numpy as np

from humanoid_recorder.core.alignment.frames import FIELDS, FrameTable


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place where two tables differ."""

    frame: int
    """Position of the frame, from 0; of the shorter table's end when one goes on."""
    stream: str
    """Empty when it is not in one stream: the tick, or that there is a frame at all."""
    field: str
    """``stream`` (the streams are not the same), ``frame`` (one table ends), ``tick_ns``, or a field of a cell."""
    live: int | None
    """Its value; None where there is none."""
    offline: int | None

    def __str__(self) -> str:
        where = f"frame {self.frame}{f', {self.stream}' if self.stream else ''}"
        if self.field == "stream":
            return "the streams are not the same"
        if self.field == "frame":
            return f"{where}: {'not found again' if self.offline is None else 'not recorded'}"
        return f"{where}: {self.field} was {self.live} and is now {self.offline}"


def first_difference(live: FrameTable, offline: FrameTable) -> Difference | None:
    """Compare two tables frame by frame; None when they are equal."""
    if live.names != offline.names:
        return Difference(0, "", "stream", None, None)
    both = min(len(live.ticks_ns), len(offline.ticks_ns))
    differs = live.cells[:both] != offline.cells[:both]
    is_other_tick = live.ticks_ns[:both] != offline.ticks_ns[:both]
    (frames,) = np.nonzero(is_other_tick | differs.any(axis=(1, 2)))
    if len(frames):
        at = int(frames[0])
        if is_other_tick[at]:
            return Difference(at, "", "tick_ns", int(live.ticks_ns[at]), int(offline.ticks_ns[at]))
        stream, field = (int(place) for place in np.argwhere(differs[at])[0])
        was, now = int(live.cells[at, stream, field]), int(offline.cells[at, stream, field])
        return Difference(at, live.names[stream], FIELDS[field], was, now)
    if len(live.ticks_ns) != len(offline.ticks_ns):
        longer = max(live, offline, key=lambda table: len(table.ticks_ns))
        tick = int(longer.ticks_ns[both])
        return Difference(both, "", "frame", tick if longer is live else None, tick if longer is offline else None)
    return None
