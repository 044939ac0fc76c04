"""The episodes of this session that are sealed: relabelling, discarding, hashing, purging.

What the operator says of an episode holds at once, here; the thread of the chores brings it to the disk, which may
take its time. No lock is held meanwhile: the operator may discard an episode while it is being hashed or written.
"""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from humanoid_recorder.core.errors import CommandRefused, SessionError
from humanoid_recorder.core.labels import Labels, Outcome
from humanoid_recorder.recording.chores import Chores
from humanoid_recorder.recording.purge import Purge
from humanoid_recorder.storage.episode_file import EpisodeFile
from humanoid_recorder.storage.layout import SessionFolder

_HASH_BLOCK_BYTES = 4 * 1024 * 1024
_KEPT_WHOLE = 32
"""Of so many, the newest, the whole record is kept in memory; a record takes 2 kB for each stream."""


@dataclass(frozen=True, slots=True)
class SealedEpisode:
    """One episode that is on disk for good, until somebody discards it."""

    directory: Path
    file: EpisodeFile
    is_discarded: bool = False
    is_whole: bool = True
    """False when it could not be sealed: its directory still ends in ``.unfinished``."""
    is_brief: bool = False
    """Whether ``file`` lacks what only the disk has to know: ledger, streams, findings, frames and clocks."""


@dataclass(frozen=True, slots=True)
class SessionUsage:
    """What the episodes of a session took."""

    episodes: int
    bytes: int
    duration_s: float


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
        self._discarded_ns: dict[str, int] = {}
        """Of those discarded in this session; monotonic clock."""
        self._unsaved: dict[str, str] = {}
        """By id of those whose label could not be written: why."""
        self._changed: set[str] = set()
        """Ids of those whose record on the disk is not the one here."""
        self._mistake = ""
        self._chores = Chores(on_mistake=self._note_mistake)
        self.purge = Purge(
            folder, self._chores, discarded_ns=self._discarded_ns.get, forget=self._forget, on_change=on_change
        )
        self.purge.recount()

    @property
    def trouble(self) -> str:
        """What has been said of an episode and is not on the disk, and why; empty when all is well."""
        with self._lock:
            unsaved = [f"The label of {id_} is not on the disk yet: {why}" for id_, why in self._unsaved.items()]
        return " ".join(filter(None, (*unsaved, self._mistake)))

    def add(self, episode: SealedEpisode) -> None:
        """Take over an episode that has just been sealed."""
        with self._lock:
            self._episodes[episode.file.id] = episode
        self._on_change()
        if episode.is_whole:
            self._chores.some_time(partial(self._hash, episode.file.id))
        self.purge.recount()

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

    def usage(self) -> SessionUsage:
        """Return what the episodes of this session took, discarded ones included."""
        with self._lock:
            stops = [episode.file.stop for episode in self._episodes.values() if episode.file.stop is not None]
        return SessionUsage(len(stops), sum(stop.bytes for stop in stops), sum(stop.duration_s for stop in stops))

    def relabel(self, episode_id: str, *, outcome: Outcome, reason: str) -> None:
        """Change the outcome: at once here, soon on the disk. The bag is not touched."""
        with self._lock:
            labels = replace(self._episodes[episode_id].file.labels, reason=reason)
            self._change(episode_id, outcome=outcome, labels=labels)
        self._on_change()
        self._chores.soon(partial(self._save_label, episode_id))

    def save_again(self) -> None:
        """Try once more to write the labels that could not be written."""
        with self._lock:
            unsaved = list(self._unsaved)
        for episode_id in unsaved:
            self._chores.soon(partial(self._save_label, episode_id))

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
            self._discarded_ns[episode_id] = time.monotonic_ns()
        self._on_change()
        self.purge.recount()

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
        self.purge.recount()
        return restored

    def close(self, timeout_s: float | None = None) -> bool:
        """Write the labels that are not on the disk yet and stop hashing; what is not hashed stays ``null``.

        Returns:
            Whether that was done within ``timeout_s``.
        """
        self.save_again()
        return self._chores.close(timeout_s)

    def _change(self, episode_id: str, **changes: object) -> None:
        """Replace fields of an episode's record here; ``_save`` brings it to the disk."""
        with self._lock:
            episode = self._episodes[episode_id]
            file = EpisodeFile.read(episode.directory) if episode.is_brief else episode.file
            self._episodes[episode_id] = replace(episode, file=file.model_copy(update=changes), is_brief=False)
            self._changed.add(episode_id)

    def _save(self, episode_id: str) -> None:
        """Write an episode's record as it stands when this returns, wherever the episode has been moved meanwhile.

        Raises:
            SessionError: The disk refused.
        """
        written: SealedEpisode | None = None
        while (episode := self._find(episode_id)) is not None and episode is not written:
            try:
                episode.file.write(episode.directory)
                written = episode
            except SessionError:
                now = self._find(episode_id)
                if now is None or now.directory == episode.directory:
                    raise
        with self._lock:
            if self._episodes.get(episode_id) is written:
                self._changed.discard(episode_id)

    def _save_label(self, episode_id: str) -> None:
        before = self.trouble
        try:
            self._save(episode_id)
        except SessionError as error:
            with self._lock:
                self._unsaved[episode_id] = str(error)
        else:
            with self._lock:
                self._unsaved.pop(episode_id, None)
        if self.trouble != before:
            self._on_change()

    def _find(self, episode_id: str) -> SealedEpisode | None:
        with self._lock:
            return self._episodes.get(episode_id)

    def _forget(self, episode_id: str) -> None:
        with self._lock:
            self._episodes.pop(episode_id, None)
            self._changed.discard(episode_id)

    def _note_mistake(self, error: Exception) -> None:
        self._mistake = f"A chore failed: {error!r}."
        self._on_change()

    def _hash(self, episode_id: str) -> None:
        episode = self._find(episode_id)
        if episode is None:
            return
        digests: dict[str, str | None] = {}
        for name in episode.file.sha256:
            with self._lock:  # it may be moved at any time, but not while it is opened
                present = self._episodes.get(episode_id)
                file = None if present is None else (present.directory / name).open("rb")
            if file is None:
                return
            with file:
                digest = hashlib.sha256()
                while block := file.read(_HASH_BLOCK_BYTES):
                    digest.update(block)
                    self._chores.catch_up()
                    if self._chores.is_closing or self._find(episode_id) is None:
                        return
                digests[name] = digest.hexdigest()
        self._change(episode_id, sha256=digests)
        self._save(episode_id)
        self._shorten_old()

    def _shorten_old(self) -> None:
        """Keep of episodes with which everything has been done what others ask for: hundreds may be recorded a day."""
        with self._lock:
            for episode_id, episode in list(self._episodes.items())[:-_KEPT_WHOLE]:
                is_done = episode_id not in self._changed and None not in episode.file.sha256.values()
                if is_done and not episode.is_brief:
                    self._episodes[episode_id] = replace(episode, file=_brief(episode.file), is_brief=True)


def _brief(file: EpisodeFile) -> EpisodeFile:
    start = file.start.model_copy(update={"streams": ()})
    less: dict[str, object] = {
        "ledger": {},
        "clocks": {},
        "findings": (),
        "latched": (),
        "streams_joined_later": (),
        "alignment": None,
    }
    return file.model_copy(update={"start": start, **less})
