"""How low a disk may get: below which free space a start is refused, and below which an episode is stopped.

The order always holds: stop < reserve < purge_from < purge_to. Between stop and full there is room for everything that
is still to be written of a stopped episode, so that it is sealed whole.
"""

from dataclasses import dataclass

AUTOMATIC_RESERVE_BYTES = 2_000_000_000
_AUTOMATIC_SHARE = 0.1
"""Of a small disk no more than this is kept free."""
_IN_HAND_BYTES = 40 * 1024 * 1024
"""What the writer holds outside of the queue: the 16 MiB it takes at most, an open chunk of 4 MiB that one large
message may overfill, and their heads and indexes."""
_MESSAGE_COST_BYTES = 64
"""Of a queued message in the file, beside its payload: head 31, index entry 16, and its share of an index's head."""
_MARGIN_BYTES = 8 * 1024 * 1024
"""For ``episode.json``, its copy in the bag and ``metadata.yaml``, for blocks half used, and for the folders."""
_REACTION_S = 2.0
"""Between the last look that was still good and the last message: looks are half a second apart, and may be late."""
_MOST_OF_OTHERS_BYTES = 1_000_000_000
_MOST_OF_OTHERS_SHARE = 0.02
"""Reckoned with at most, in bytes and of the disk, of what others write in that time: whoever takes more at once has
set a whole file aside, as a download does, which says nothing of what comes next."""
_GRACE_S = 5.0
"""An episode that may start is not stopped before it has lasted this long, unless others fill the disk."""
_PURGE_FROM, _PURGE_TO = 1.25, 1.5
"""Times the reserve: deleting begins before a start would be refused, and ends a little above."""

LITTLE_MINUTES = 30.0
LITTLE_EPISODES = 20


@dataclass(frozen=True, slots=True)
class DiskLoad:
    """What is on its way to the disk."""

    bytes_per_s: float = 0.0
    """What arrives to be recorded."""
    filling_bytes_per_s: float = 0.0
    """How fast free space shrinks: others may write there too."""
    queued_bytes: int = 0
    """Payloads in the queue."""
    queued_messages: int = 0
    pre_roll_bytes: int = 0
    """What a start puts into the queue at most."""
    summary_bytes: int = 0
    """What is written behind the last message of the running episode."""


@dataclass(frozen=True, slots=True)
class DiskLimits:
    """Free space, in bytes, below which something happens."""

    stop_bytes: int
    """A running episode is stopped and sealed."""
    reserve_bytes: int
    """A start is refused."""
    purge_from_bytes: int
    """Discarded episodes are deleted ..."""
    purge_to_bytes: int
    """... until so much is free."""

    @classmethod
    def of(cls, load: DiskLoad, *, total_bytes: int, wanted_reserve_bytes: int) -> "DiskLimits":
        """Work the limits out.

        Args:
            load: What is on its way.
            total_bytes: Size of the disk.
            wanted_reserve_bytes: 0 = 2 GB, or a tenth of a smaller disk. It is raised to what stopping safely takes.
        """
        queued = load.queued_bytes + load.queued_messages * _MESSAGE_COST_BYTES
        others = min(_REACTION_S * load.filling_bytes_per_s, _MOST_OF_OTHERS_BYTES, _MOST_OF_OTHERS_SHARE * total_bytes)
        to_come = round(max(_REACTION_S * load.bytes_per_s, others))
        stop = _IN_HAND_BYTES + _MARGIN_BYTES + queued + load.summary_bytes + to_come
        automatic = min(AUTOMATIC_RESERVE_BYTES, round(_AUTOMATIC_SHARE * total_bytes))
        # What a pre-roll takes is twice what it weighs: many small messages cost as much again.
        least = stop + 2 * load.pre_roll_bytes + max(_MARGIN_BYTES, round(_GRACE_S * load.bytes_per_s))
        reserve = max(wanted_reserve_bytes or automatic, least)
        return cls(stop, reserve, round(_PURGE_FROM * reserve), round(_PURGE_TO * reserve))


@dataclass(frozen=True, slots=True)
class Outlook:
    """How much can still be recorded above the reserve; None = unknown."""

    minutes_left: float | None
    episodes_left: int | None
    """Whole ones."""

    @classmethod
    def of(cls, spare_bytes: int, *, bytes_per_s: float | None, episode_bytes: float | None) -> "Outlook":
        """Work it out.

        Args:
            spare_bytes: Free space above the reserve; negative when there is less.
            bytes_per_s: Of a recording; None or 0 = unknown.
            episode_bytes: Of an episode; None or 0 = unknown.
        """
        spare = max(0, spare_bytes)
        return cls(
            minutes_left=spare / bytes_per_s / 60 if bytes_per_s else None,
            episodes_left=int(spare / episode_bytes) if episode_bytes else None,
        )

    @property
    def is_little(self) -> bool:
        """Whether somebody should see to it soon."""
        return (self.minutes_left is not None and self.minutes_left < LITTLE_MINUTES) or (
            self.episodes_left is not None and self.episodes_left < LITTLE_EPISODES
        )


def size_in_words(number: int) -> str:
    """Return ``12.3 GB`` or ``45 MB``."""
    return f"{number / 1e9:.1f} GB" if number >= 1_000_000_000 else f"{number / 1e6:.0f} MB"
