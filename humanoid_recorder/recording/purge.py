"""Deletes discarded episodes: those that are old, and when the disk is low the oldest, as many as needed.

Everything here happens in the thread of the chores, but for the asking.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from humanoid_recorder.core.errors import SessionError
from humanoid_recorder.recording.chores import Chores
from humanoid_recorder.storage.discarded import DiscardedEpisode, delete_discarded, find_discarded
from humanoid_recorder.storage.layout import SessionFolder

PURGE_AFTER_NS = 24 * 3600 * 1_000_000_000
"""How long a discarded episode can be brought back."""

_PURGE_PERIOD_S = 3600.0
_REST_S = 5.0
"""Between two attempts to make room: some file systems give space back a moment after the deletion."""
_REMEMBERED = 8


@dataclass(frozen=True, slots=True)
class Tally:
    """Episodes, counted."""

    episodes: int = 0
    bytes: int = 0

    def plus(self, episode: DiscardedEpisode) -> "Tally":
        """Count one more."""
        return Tally(self.episodes + 1, self.bytes + episode.bytes)


class Purge:
    """Counts discarded episodes and deletes some.

    Args:
        folder: Our session's; the sessions beside it are purged too, if no other recorder holds them.
        chores: Does the work.
        discarded_ns: Returns when an episode of this session was discarded, in ns of the monotonic clock, or None
            if it was not discarded in this session. The system clock of a robot may jump by months when it finds the
            network.
        forget: Called before one is deleted: from then on it cannot be brought back. Takes its id.
        on_change: Called when the counts have changed.
    """

    def __init__(
        self,
        folder: SessionFolder,
        chores: Chores,
        *,
        discarded_ns: Callable[[str], int | None],
        forget: Callable[[str], None],
        on_change: Callable[[], None],
    ) -> None:
        self.waiting = Tally()
        """Discarded episodes on the disk, those of other sessions included, when they were last counted."""
        self.purged = Tally()
        """Deleted by this recorder."""
        self._announced = Tally()
        self._last_purged: deque[str] = deque(maxlen=_REMEMBERED)
        self._folder = folder
        self._chores = chores
        self._discarded_ns = discarded_ns
        self._forget = forget
        self._on_change = on_change
        self._last_purge_monotonic_s = -_PURGE_PERIOD_S
        self._is_making_room = False
        self._rest_until_monotonic_s = 0.0

    @property
    def is_making_room(self) -> bool:
        """Whether episodes are being deleted because the disk is low, or are about to be."""
        return self._is_making_room

    def last_purged(self) -> tuple[str, ...]:
        """Return the ids of the episodes deleted last, newest last."""
        return tuple(self._last_purged)

    def recount(self) -> None:
        """Have the discarded episodes counted, and old ones deleted if that was not done in the last hour."""
        self._chores.soon(lambda: self._count(find_discarded(self._folder.path)))
        now_s = time.monotonic()
        if now_s - self._last_purge_monotonic_s >= _PURGE_PERIOD_S:
            self._last_purge_monotonic_s = now_s
            self._chores.some_time(self._delete_old)

    def make_room(self, until_bytes: int) -> None:
        """Have the oldest discarded episodes deleted until so much is free; does nothing if that is going on.

        Args:
            until_bytes: Of free space.
        """
        if self._is_making_room or time.monotonic() < self._rest_until_monotonic_s:
            return
        self._is_making_room = True
        self._chores.soon(partial(self._make_room, until_bytes))

    def _delete_old(self) -> None:
        found = find_discarded(self._folder.path)
        self._count([episode for episode in found if not (self._is_due(episode) and self._delete(episode))])

    def _make_room(self, until_bytes: int) -> None:
        try:
            found = sorted(find_discarded(self._folder.path), key=self._age_ns, reverse=True)
            free_at_first = self._free_bytes()
            gained, kept = 0, []
            for episode in found:
                # Whichever tells more: not every file system counts freed space at once, and others may write to it.
                is_enough = max(self._free_bytes(), free_at_first + gained) >= until_bytes
                if is_enough or self._chores.is_closing or not self._delete(episode):
                    kept.append(episode)
                else:
                    gained += episode.bytes
            self._count(kept)
        except SessionError:
            return  # the folder has gone, which the state says
        finally:
            self._rest_until_monotonic_s = time.monotonic() + _REST_S
            self._is_making_room = False

    def _free_bytes(self) -> int:
        return self._folder.check(tries_to_write=False).free_bytes

    def _is_due(self, episode: DiscardedEpisode) -> bool:
        return not self._chores.is_closing and self._age_ns(episode) >= PURGE_AFTER_NS

    def _age_ns(self, episode: DiscardedEpisode) -> int:
        """Return how long ago it was discarded; what is written to it later makes it no younger in this session."""
        since_ns = self._discarded_ns(episode.id)
        return time.time_ns() - episode.discarded_ns if since_ns is None else time.monotonic_ns() - since_ns

    def _delete(self, episode: DiscardedEpisode) -> bool:
        self._forget(episode.id)
        try:
            delete_discarded(episode)
        except OSError:
            return False  # it belongs to another user, or the disk is read-only: it still counts as waiting
        self.purged = self.purged.plus(episode)
        self._last_purged.append(episode.id)
        return True

    def _count(self, episodes: list[DiscardedEpisode]) -> None:
        waiting = Tally(len(episodes), sum(episode.bytes for episode in episodes))
        if (waiting, self.purged) != (self.waiting, self._announced):
            self.waiting, self._announced = waiting, self.purged
            self._on_change()
