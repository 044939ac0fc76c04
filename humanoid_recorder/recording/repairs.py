"""Repairs what earlier sessions left unfinished, in the background and one episode at a time.

The recording comes first: the thread has the lowest priority, stops while an episode is recorded, and leaves an episode
alone for which the disk would become too full to record.
"""

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from humanoid_recorder.core.errors import BagWriteError, HumanoidRecorderError, SessionError
from humanoid_recorder.recording.disk_limits import DiskLimits, DiskLoad
from humanoid_recorder.storage.bag_folders import unfinished_below
from humanoid_recorder.storage.recovery import recover_bag

_LOWEST_PRIORITY = 19
_PAUSE_S = 0.1
_LONGEST_CLOSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Repair:
    """What became of one unfinished episode."""

    is_good: bool
    message: str
    """In words, for a log."""


class _AbandonedError(Exception):
    """The recorder is being closed."""


class Repairs:
    """Repairs the unfinished episodes of other sessions that nobody records any more.

    Args:
        out: Where sessions are.
        own_session: The session of this recorder, which is left alone.
        reserve_bytes: Free space below which the recorder refuses a start; 0 = automatic.
        is_busy: Asked often whether an episode is being recorded or sealed; repairs wait while it is.
        on_repair: Told of every result, in the thread of the repairs.
    """

    def __init__(
        self,
        out: Path,
        *,
        own_session: Path,
        reserve_bytes: int,
        is_busy: Callable[[], bool],
        on_repair: Callable[[Repair], None],
    ) -> None:
        self._out = out
        self._own_session = own_session
        self._reserve_bytes = reserve_bytes
        self._is_busy = is_busy
        self._on_repair = on_repair
        self._is_closing = threading.Event()
        # A daemon: a disk that hangs must not keep the recorder from ending.
        self._thread = threading.Thread(target=self._run, name="repairs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Give up what is being repaired, which leaves it as it was; may be called twice."""
        self._is_closing.set()
        self._thread.join(_LONGEST_CLOSE_S)

    def join(self, timeout_s: float) -> bool:
        """Wait until everything is repaired; False if that took longer than ``timeout_s``."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        # On Linux the priority belongs to the thread, and 0 means the calling one.
        os.setpriority(os.PRIO_PROCESS, 0, _LOWEST_PRIORITY)
        try:
            for episode in unfinished_below(self._out):
                if episode.parent != self._own_session:
                    self._wait_while_busy(0, 0)
                    self._repair(episode)
        except _AbandonedError:
            return
        except (OSError, HumanoidRecorderError) as error:
            self._on_repair(Repair(is_good=False, message=f"unfinished episodes cannot be looked for: {error}"))

    def _repair(self, episode: Path) -> None:
        try:
            self._refuse_to_fill_the_disk(episode)
            report = recover_bag(episode, on_progress=self._wait_while_busy)
        except SessionError:
            return  # another recorder is at work there
        except _AbandonedError:
            raise
        except HumanoidRecorderError as error:
            self._on_repair(Repair(is_good=False, message=f"{episode} cannot be repaired: {error}"))
        except Exception as error:  # a mistake of ours must not keep the others from being repaired
            self._on_repair(Repair(is_good=False, message=f"{episode} cannot be repaired: {error!r}"))
        else:
            lost = f", {report.lost_bytes} bytes lost" if report.lost_bytes else ""
            message = f"repaired {report.directory}, which was never sealed: {report.messages} messages{lost}"
            self._on_repair(Repair(is_good=True, message=message))

    def _refuse_to_fill_the_disk(self, episode: Path) -> None:
        usage = shutil.disk_usage(episode)
        limits = DiskLimits.of(DiskLoad(), total_bytes=usage.total, wanted_reserve_bytes=self._reserve_bytes)
        needed = sum(file.stat().st_size for file in episode.glob("*.mcap"))
        if usage.free - needed < limits.purge_to_bytes:
            raise BagWriteError(
                f"That takes {needed / 1e6:.0f} MB for a while, and the disk is too full.",
                remedy="Free space; it is tried again when the recorder is activated.",
            )

    def _wait_while_busy(self, _done: int, _total: int) -> None:
        while True:
            if self._is_closing.is_set():
                raise _AbandonedError
            if not self._is_busy():
                return
            self._is_closing.wait(_PAUSE_S)
