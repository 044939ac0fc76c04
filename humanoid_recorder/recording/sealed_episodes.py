"""The episodes of this session that are sealed: relabelling, discarding, hashing, purging.

All changes of a sealed episode's files go through here, under one lock: the operator may discard an episode while it
is being hashed.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue

from humanoid_recorder.core.errors import CommandRefused, HumanoidRecorderError
from humanoid_recorder.core.labels import Labels, Outcome
from humanoid_recorder.storage.episode_file import EpisodeFile
from humanoid_recorder.storage.layout import SessionFolder

PURGE_AFTER_NS = 24 * 3600 * 1_000_000_000
"""How long a discarded episode can be brought back."""

_PURGE_PERIOD_S = 3600.0
_HASH_BLOCK_BYTES = 4 * 1024 * 1024
_LOWEST_PRIORITY = 19


@dataclass(frozen=True, slots=True)
class SealedEpisode:
    """One episode that is on disk for good, until somebody discards it."""

    directory: Path
    file: EpisodeFile
    is_discarded: bool = False
    is_whole: bool = True
    """False when it could not be sealed: its directory still ends in ``.unfinished``."""


class SealedEpisodes:
    """The sealed episodes of a session, newest last.

    Args:
        folder: The session's folder.
        on_change: Called after every change, in whichever thread made it.
    """

    def __init__(self, folder: SessionFolder, *, on_change: Callable[[], None]) -> None:
        self._folder = folder
        self._on_change = on_change
        self._lock = threading.RLock()
        self._episodes: dict[str, SealedEpisode] = {}
        self._chores: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._last_purge_monotonic_s = -_PURGE_PERIOD_S
        self._is_closing = threading.Event()
        self._worker = threading.Thread(target=self._do_chores, name="chores")
        self._worker.start()
        self._chores.put(self._purge_if_due)

    def add(self, episode: SealedEpisode) -> None:
        """Take over an episode that has just been sealed."""
        with self._lock:
            self._episodes[episode.file.id] = episode
        self._on_change()
        if episode.is_whole:
            self._chores.put(partial(self._hash, episode.file.id))
        self._chores.put(self._purge_if_due)

    def last(self) -> SealedEpisode | None:
        """Return the newest one."""
        with self._lock:
            return next(reversed(self._episodes.values()), None)

    def recent(self, count: int) -> list[SealedEpisode]:
        """Return the newest ones, newest last."""
        with self._lock:
            return list(self._episodes.values())[-count:]

    def counts(self) -> tuple[int, int]:
        """Return how many are kept and how many are discarded."""
        with self._lock:
            discarded = sum(episode.is_discarded for episode in self._episodes.values())
            return len(self._episodes) - discarded, discarded

    def labels_of(self, episode_id: str) -> Labels:
        """Return the labels of an episode as they stand."""
        with self._lock:
            return self._episodes[episode_id].file.labels

    def relabel(self, episode_id: str, *, outcome: Outcome, reason: str) -> None:
        """Change the outcome; the bag is not touched."""
        with self._lock:
            episode = self._episodes[episode_id]
            labels = replace(episode.file.labels, reason=reason)
            self._rewrite(episode, outcome=outcome, labels=labels)
        self._on_change()

    def discard(self, episode_id: str) -> None:
        """Move an episode among the discarded ones.

        Raises:
            CommandRefused: It is there already, or could not be sealed.
            SessionError: It cannot be moved.
        """
        with self._lock:
            episode = self._episodes[episode_id]
            if episode.is_discarded:
                raise CommandRefused(f"Episode {episode_id} is discarded already.")
            if not episode.is_whole:
                raise CommandRefused(
                    f"Episode {episode_id} could not be sealed: {episode.directory} stays as it is.",
                    remedy="Recover it, or delete that folder by hand.",
                )
            moved = self._folder.discard(episode_id)
            self._episodes[episode_id] = replace(episode, directory=moved, is_discarded=True)
        self._on_change()

    def undo_discard(self) -> SealedEpisode:
        """Bring back the episode that was discarded last.

        Raises:
            CommandRefused: None is discarded.
            SessionError: It cannot be moved.
        """
        with self._lock:
            episode = next((e for e in reversed(self._episodes.values()) if e.is_discarded), None)
            if episode is None:
                raise CommandRefused("No episode of this session is discarded.")
            moved = self._folder.undo_discard(episode.file.id)
            restored = replace(episode, directory=moved, is_discarded=False)
            self._episodes[episode.file.id] = restored
        self._on_change()
        return restored

    def close(self) -> None:
        """Stop hashing; what is not hashed stays ``null``."""
        self._is_closing.set()
        self._chores.put(None)
        self._worker.join()

    def _rewrite(self, episode: SealedEpisode, **changes: object) -> None:
        """Replace fields of an episode's file, on disk and here."""
        file = episode.file.model_copy(update=changes)
        file.write(episode.directory)
        self._episodes[file.id] = replace(episode, file=file)

    def _do_chores(self) -> None:
        # On Linux the priority belongs to the thread, and 0 means the calling one.
        os.setpriority(os.PRIO_PROCESS, 0, _LOWEST_PRIORITY)
        while (chore := self._chores.get()) is not None and not self._is_closing.is_set():
            try:
                chore()
            except (OSError, HumanoidRecorderError):
                continue  # the episode was deleted by hand or its disk is gone: its hash stays null, which says so

    def _purge_if_due(self) -> None:
        now_s = time.monotonic()
        if now_s - self._last_purge_monotonic_s < _PURGE_PERIOD_S:
            return
        self._last_purge_monotonic_s = now_s
        for path in self._folder.purge_discarded(older_than_ns=PURGE_AFTER_NS):
            with self._lock:
                self._episodes.pop(path.name, None)

    def _hash(self, episode_id: str) -> None:
        with self._lock:
            episode = self._episodes[episode_id]
            files = {name: (episode.directory / name).open("rb") for name in episode.file.sha256}
        digests: dict[str, str | None] = {}
        for name, file in files.items():
            with file:
                digest = hashlib.sha256()
                while not self._is_closing.is_set() and (block := file.read(_HASH_BLOCK_BYTES)):
                    digest.update(block)
                digests[name] = None if self._is_closing.is_set() else digest.hexdigest()
        with self._lock:
            self._rewrite(self._episodes[episode_id], sha256=digests)
