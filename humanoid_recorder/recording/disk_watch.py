"""Keeps an eye on the disk: will the next episode be saved?

Looks at most twice a second. Has discarded episodes deleted before the disk is low, ends an episode while there still
is room to seal it, and says how much longer it will do. All from one thread, which never waits for a deletion.
"""

import contextlib
import time

from humanoid_recorder.core.errors import CommandRefused, SessionError
from humanoid_recorder.core.labels import End
from humanoid_recorder.core.rates import RateMeter
from humanoid_recorder.recording.disk_limits import DiskLimits, DiskLoad, Outlook, size_in_words
from humanoid_recorder.recording.episode_recorder import EpisodeRecorder
from humanoid_recorder.recording.live_episode import LiveEpisode
from humanoid_recorder.recording.state import DiskState
from humanoid_recorder.storage.disk_space import DiskSpace

_LOOK_NS = 500_000_000
_SAVE_AGAIN_NS = 5_000_000_000
_TRY_NS = 10_000_000_000
_ENOUGH_S = 2.0
"""A recording this long tells how fast it grows."""


class DiskWatch:
    """Watches the disk of one session.

    Args:
        recorder: Whose episodes go there.
        reserve_bytes: Wanted; 0 = automatic.
        pre_roll_bytes: What a start puts into the queue at most.
    """

    def __init__(self, recorder: EpisodeRecorder, *, reserve_bytes: int, pre_roll_bytes: int) -> None:
        self._recorder = recorder
        self._wanted_reserve_bytes = reserve_bytes
        self._pre_roll_bytes = pre_roll_bytes
        self._arriving = RateMeter()
        self._filling = RateMeter()
        self._arriving_bytes_per_s = 0.0
        self._space: DiskSpace | None = None
        self._limits = DiskLimits.of(DiskLoad(), total_bytes=0, wanted_reserve_bytes=reserve_bytes)
        self._gone: SessionError | None = None
        self._looked_ns = self._saved_again_ns = self._tried_ns = -_TRY_NS
        self.look()

    def look(self) -> None:
        """Look at the disk, unless that was done just now, and do what it takes."""
        now_ns = time.monotonic_ns()
        if now_ns - self._looked_ns < _LOOK_NS:
            return
        self._looked_ns = now_ns
        try:
            self._space, self._gone = self._recorder.folder.check(tries_to_write=self._is_suspicious(now_ns)), None
        except SessionError as error:
            self._space, self._gone = None, error
        self._measure(now_ns)
        live = self._recorder.live()
        if self._gone is not None:
            self._end(live, f"the recording cannot go on: {self._gone.message}")
        if self._space is None:
            return
        free = self._space.free_bytes
        if free < self._limits.purge_from_bytes:
            self._recorder.sealed.purge.make_room(self._limits.purge_to_bytes)
        if free < self._limits.stop_bytes:
            self._end(live, f"the disk is nearly full: {size_in_words(free)} left; stopped to seal what is there")
        if self._recorder.sealed.trouble and now_ns - self._saved_again_ns > _SAVE_AGAIN_NS:
            self._saved_again_ns = now_ns
            self._recorder.sealed.save_again()

    def check_start(self) -> None:
        """Make sure that an episode may begin.

        Raises:
            CommandRefused: The disk is low, has gone, or cannot be written.
        """
        self.look()
        refusal = self._refusal()
        if refusal is not None:
            raise refusal

    def state(self) -> DiskState:
        """Describe the disk as it was at the last look."""
        refusal = self._refusal()
        bytes_per_s, outlook = self._outlook()
        purge = self._recorder.sealed.purge
        return DiskState(
            free_bytes=None if self._space is None else self._space.free_bytes,
            reserve_bytes=self._limits.reserve_bytes,
            stop_bytes=self._limits.stop_bytes,
            bytes_per_s=bytes_per_s,
            minutes_left=outlook.minutes_left,
            episodes_left=outlook.episodes_left,
            is_little=outlook.is_little or refusal is not None,
            discarded_episodes=purge.waiting.episodes,
            discarded_bytes=purge.waiting.bytes,
            purged_episodes=purge.purged.episodes,
            purged_bytes=purge.purged.bytes,
            last_purged=purge.last_purged(),
            problem="" if refusal is None else refusal.message,
            remedy="" if refusal is None else refusal.remedy,
        )

    def _is_suspicious(self, now_ns: int) -> bool:
        """Whether it is time to try to write: the kernel does not always tell that it no longer will."""
        is_time = now_ns - self._tried_ns > _TRY_NS
        if is_time:
            self._tried_ns = now_ns
        return is_time or self._gone is not None or bool(self._recorder.fault)

    def _measure(self, now_ns: int) -> None:
        arrived = sum(line.bytes for line in self._recorder.intake.activity().values())
        self._arriving_bytes_per_s = self._arriving.read(count=arrived, now_ns=now_ns) or 0.0
        if self._space is None:
            return
        used = self._space.total_bytes - self._space.free_bytes
        filling = self._filling.read(count=used, now_ns=now_ns) or 0.0
        level, live = self._recorder.queue_level(), self._recorder.live()
        load = DiskLoad(
            bytes_per_s=self._arriving_bytes_per_s,
            filling_bytes_per_s=max(0.0, filling),
            queued_bytes=level.bytes,
            queued_messages=level.messages,
            pre_roll_bytes=self._pre_roll_bytes,
            summary_bytes=0 if live is None else live.bag.summary_bytes,
        )
        self._limits = DiskLimits.of(
            load, total_bytes=self._space.total_bytes, wanted_reserve_bytes=self._wanted_reserve_bytes
        )

    def _end(self, live: LiveEpisode | None, detail: str) -> None:
        if live is not None:
            with contextlib.suppress(CommandRefused):  # the operator or the writer was quicker
                self._recorder.stop(end=End.FAULT, detail=detail)

    def _refusal(self) -> CommandRefused | None:
        """Say why no episode may begin; None if one may."""
        if self._gone is not None:
            return CommandRefused(self._gone.message, remedy=self._gone.remedy)
        if self._space is None or self._space.free_bytes >= self._limits.reserve_bytes:
            return None
        free, reserve = size_in_words(self._space.free_bytes), size_in_words(self._limits.reserve_bytes)
        waiting = self._recorder.sealed.purge.waiting
        if waiting.episodes and self._recorder.sealed.purge.is_making_room:
            remedy = (
                f"{_count(waiting.episodes)} ({size_in_words(waiting.bytes)}) are being deleted: try again at once."
            )
        else:
            left = (
                f"{_count(waiting.episodes)} could not be deleted" if waiting.episodes else "Nothing discarded is left"
            )
            remedy = (
                f"{left}: free space on the disk of {self._recorder.folder.path.parent}, or record to another (out)."
            )
        return CommandRefused(f"The disk is low: {free} free, and {reserve} are kept as a reserve.", remedy=remedy)

    def _outlook(self) -> tuple[float | None, Outlook]:
        """Return the speed at which a recording fills the disk, and how long and how often it still can."""
        usage = self._recorder.sealed.usage()
        speed = self._episode_bytes_per_s()
        if speed is None and usage.duration_s > _ENOUGH_S:
            speed = usage.bytes / usage.duration_s
        speed = speed or self._arriving_bytes_per_s or None
        spare = 0 if self._space is None else self._space.free_bytes - self._limits.reserve_bytes
        episode_bytes = usage.bytes / usage.episodes if usage.episodes else None
        return speed, Outlook.of(spare, bytes_per_s=speed, episode_bytes=episode_bytes)

    def _episode_bytes_per_s(self) -> float | None:
        live = self._recorder.live()
        if live is None:
            return None
        elapsed_s = (self._recorder.intake.clock.now_ns() - live.start_ns) / 1e9
        return live.bag.bytes_written / elapsed_s if elapsed_s > _ENOUGH_S else None


def _count(episodes: int) -> str:
    return f"{episodes} discarded episode{'' if episodes == 1 else 's'}"
