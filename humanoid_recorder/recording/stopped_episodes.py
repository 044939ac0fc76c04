"""The episodes that have been stopped: on their way to the disk, or on it.

An operator judges or discards the last one while it may still be being sealed. What they say is then kept with it and
carried out when it is on the disk.
"""

import time
from dataclasses import replace

from humanoid_recorder.core.errors import CommandRefused
from humanoid_recorder.core.labels import Labels, Outcome
from humanoid_recorder.recording.live_episode import LiveEpisode
from humanoid_recorder.recording.sealed_episodes import SealedEpisode, SealedEpisodes

LABEL_LATER_S = 30.0
"""How long after a stop success, failure and discard still act on the episode that was stopped."""


class StoppedEpisodes:
    """Not thread-safe: the recorder calls it under its lock.

    Args:
        sealed: Those that are on the disk.
    """

    def __init__(self, sealed: SealedEpisodes) -> None:
        self._sealed = sealed
        self._sealing: tuple[LiveEpisode, ...] = ()
        self._last_stop_monotonic_s = -LABEL_LATER_S

    @property
    def sealing(self) -> tuple[LiveEpisode, ...]:
        """Those on their way, oldest first; may be read without the lock."""
        return self._sealing

    def add(self, episode: LiveEpisode) -> None:
        """Take over an episode that was stopped just now."""
        self._sealing = (*self._sealing, episode)
        self._last_stop_monotonic_s = time.monotonic()

    def hand_over(self, episode: LiveEpisode, sealed: SealedEpisode | None) -> None:
        """Move an episode to those on the disk, and carry out what was said about it meanwhile.

        Args:
            episode: One of ``sealing``.
            sealed: How it lies on the disk; None when not even that could be found out.
        """
        try:
            if sealed is not None:
                self._sealed.add(sealed)
                self._carry_out(episode, sealed)
        finally:  # whatever happens: an episode that stayed here would hide all later ones from the operator
            self._sealing = tuple(other for other in self._sealing if other is not episode)

    def judge(self, outcome: Outcome, *, reason: str) -> str:
        """Label the one stopped last, within ``LABEL_LATER_S``, and return its id.

        Raises:
            CommandRefused: There is no such episode.
        """
        episode_id = self._last_id()
        sealing = self._find_sealing(episode_id)
        if sealing is not None:
            sealing.outcome = outcome
            sealing.labels = replace(sealing.labels, reason=reason)
        else:
            self._sealed.relabel(episode_id, outcome=outcome, reason=reason)
        return episode_id

    def discard(self) -> str:
        """Discard the one stopped last, within ``LABEL_LATER_S``, and return its id.

        Raises:
            CommandRefused: There is no such episode, or it is discarded already.
            SessionError: It cannot be moved.
        """
        episode_id = self._last_id()
        sealing = self._find_sealing(episode_id)
        if sealing is None:
            self._sealed.discard(episode_id)
        elif sealing.is_discarded:
            raise CommandRefused(f"Episode {episode_id} is discarded already.")
        else:
            sealing.is_discarded = True
        return episode_id

    def undo_discard(self) -> str:
        """Bring back the one that was discarded last, and return its id.

        Raises:
            CommandRefused: None is discarded.
            SessionError: It cannot be moved.
        """
        sealing = next((episode for episode in reversed(self._sealing) if episode.is_discarded), None)
        if sealing is None:
            return self._sealed.undo_discard().file.id
        sealing.is_discarded = False
        return sealing.id

    def labels_of(self, episode_id: str) -> Labels:
        """Return the labels of one of them as they stand."""
        sealing = self._find_sealing(episode_id)
        return sealing.labels if sealing is not None else self._sealed.labels_of(episode_id)

    def _carry_out(self, episode: LiveEpisode, sealed: SealedEpisode) -> None:
        if not sealed.is_whole:
            return
        if (episode.outcome, episode.labels.reason) != (sealed.file.outcome, sealed.file.labels.reason):
            self._sealed.relabel(episode.id, outcome=episode.outcome, reason=episode.labels.reason)
        if episode.is_discarded:
            self._sealed.discard(episode.id)

    def _find_sealing(self, episode_id: str) -> LiveEpisode | None:
        return next((episode for episode in self._sealing if episode.id == episode_id), None)

    def _last_id(self) -> str:
        """Return the id of the episode that was stopped last, if that is not too long ago."""
        if time.monotonic() - self._last_stop_monotonic_s > LABEL_LATER_S:
            raise CommandRefused(
                "No episode is being recorded, and none was stopped in the last 30 s.",
                remedy="Older episodes are relabelled in their episode.json.",
            )
        if self._sealing:
            return self._sealing[-1].id
        last = self._sealed.last()
        if last is None:
            raise CommandRefused("No episode has been recorded in this session.")
        return last.file.id
