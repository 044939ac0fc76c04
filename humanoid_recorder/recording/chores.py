"""A thread of low priority for work on the disk that nobody waits for."""

import os
import threading
from collections import deque
from collections.abc import Callable

from humanoid_recorder.core.errors import HumanoidRecorderError

Job = Callable[[], None]

_LOWEST_PRIORITY = 19


class Chores:
    """Does one job after the other: those that matter first, those that may be left undone when there is time.

    Args:
        on_mistake: Called in the thread with the error of a job that did not expect it; the next job is done anyway.
    """

    def __init__(self, *, on_mistake: Callable[[Exception], None]) -> None:
        self._on_mistake = on_mistake
        self._soon: deque[Job] = deque()
        self._some_time: deque[Job] = deque()
        self._changed = threading.Condition()
        self._is_closing = False
        self._has_ended = False
        self._thread = threading.Thread(target=self._run, name="chores")
        self._thread.start()

    @property
    def is_closing(self) -> bool:
        """Whether a long job should give up."""
        return self._is_closing

    def soon(self, job: Job) -> None:
        """Have something done that matters; when the thread has ended, here and now."""
        with self._changed:
            if not self._has_ended:
                self._soon.append(job)
                self._changed.notify()
                return
        self._do(job)

    def some_time(self, job: Job) -> None:
        """Have something done that may be left undone at the end."""
        with self._changed:
            self._some_time.append(job)
            self._changed.notify()

    def catch_up(self) -> None:
        """Do what matters now; a long job calls it now and then, in this thread."""
        while self._soon:
            self._do(self._soon.popleft())

    def close(self, timeout_s: float | None = None) -> bool:
        """Do what matters, leave the rest, and end the thread; may be called twice.

        Args:
            timeout_s: How long to wait for that; None = for as long as it takes.

        Returns:
            Whether the thread has ended.
        """
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        # On Linux the priority belongs to the thread, and 0 means the calling one.
        os.setpriority(os.PRIO_PROCESS, 0, _LOWEST_PRIORITY)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._soon or self._some_time or self._is_closing)
                job = self._some_time.popleft() if self._some_time and not self._soon else None
                if self._is_closing and not self._soon:
                    self._has_ended = True
                    return
            self.catch_up()
            if job is not None:
                self._do(job)

    def _do(self, job: Job) -> None:
        try:
            job()
        except (OSError, HumanoidRecorderError):
            return  # the episode was deleted by hand or its disk is gone: its hash stays null, which says so
        except Exception as error:
            self._on_mistake(error)
