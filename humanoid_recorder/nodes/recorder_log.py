"""What the recorder says in its log: one line for each thing that somebody who launched it waits for."""

from rclpy.impl.rcutils_logger import RcutilsLogger

from humanoid_recorder.recording.disk_limits import size_in_words
from humanoid_recorder.recording.state import Phase, ProblemState, RecorderState, SealedState

_GRACE_NS = 2_000_000_000
"""What is wrong is said when it has lasted this long: just after a start nobody has been discovered yet."""


class RecorderLog:
    """Compares each state with those before and logs what is new.

    Args:
        logger: The node's.
    """

    def __init__(self, logger: RcutilsLogger) -> None:
        self._logger = logger
        self._before: RecorderState | None = None
        self._problems_since_ns: dict[ProblemState, int] = {}
        self._problems_said: set[ProblemState] = set()
        self._silent: tuple[str, ...] = ()
        self._silent_since_ns = 0
        self._silent_said: tuple[str, ...] = ()

    def follow(self, state: RecorderState) -> None:
        """Log what has changed since the last call."""
        before, self._before = self._before, state
        if before is not None and before.session != state.session:
            before = None
        if state.fault and (before is None or before.fault != state.fault):
            self._logger.error(state.fault)
        self._phase(before, state)
        self._silence(state)
        self._problems(state)
        self._disk(before, state)
        self._episodes(before, state)

    def _phase(self, before: RecorderState | None, state: RecorderState) -> None:
        last_id = before.episode.id if before is not None and before.episode is not None else ""
        if state.episode is not None and state.episode.id != last_id:
            task = f" of {state.episode.labels.task!r}" if state.episode.labels.task else ""
            self._logger.info(f"recording {state.episode.id}{task}")
        was_ready = before is not None and before.phase not in (Phase.WAITING, Phase.INACTIVE)
        if state.phase is Phase.ARMED and not was_ready:
            self._logger.info(f"ready: {sum(stream.received > 0 for stream in state.streams)} streams arrive")

    def _silence(self, state: RecorderState) -> None:
        if state.silent != self._silent:
            self._silent, self._silent_since_ns = state.silent, state.time_ns
        if self._silent == self._silent_said or state.time_ns - self._silent_since_ns < _GRACE_NS:
            return
        self._silent_said = self._silent
        if self._silent:
            self._logger.info(f"waiting for {', '.join(self._silent)}")

    def _problems(self, state: RecorderState) -> None:
        self._problems_since_ns = {p: self._problems_since_ns.get(p, state.time_ns) for p in state.problems}
        lasting = {p for p, since_ns in self._problems_since_ns.items() if state.time_ns - since_ns >= _GRACE_NS}
        # One line for each remedy: a robot that is still off would otherwise fill the screen.
        by_remedy: dict[str, list[str]] = {}
        for problem in state.problems:
            if problem in lasting - self._problems_said:
                by_remedy.setdefault(problem.remedy, []).append(problem.problem)
        self._problems_said = lasting
        for remedy, problems in by_remedy.items():
            self._logger.warning(f"{', '.join(problems)}. {remedy}".rstrip())

    def _disk(self, before: RecorderState | None, state: RecorderState) -> None:
        disk, old = state.disk, before.disk if before is not None else None
        if disk is None:
            return
        gone = disk.purged_episodes - (old.purged_episodes if old is not None else 0)
        if gone > 0:
            size = size_in_words(disk.purged_bytes - (old.purged_bytes if old is not None else 0))
            names = ", ".join(disk.last_purged[-gone:])
            self._logger.warning(f"deleted {gone} discarded episode{'s'[gone == 1 :]} for good, {size}: {names}")
        before_problem = old.problem if old is not None else ""
        if disk.problem and not before_problem:
            self._logger.error(f"{disk.problem} {disk.remedy}".rstrip())
        elif before_problem and not disk.problem:
            self._logger.info("the disk can take episodes again")
        elif disk.is_little and not (old is not None and old.is_little):
            self._logger.warning(f"the disk has room for {disk.room()} only")

    def _episodes(self, before: RecorderState | None, state: RecorderState) -> None:
        known = {episode.id: episode for episode in before.recent} if before is not None else {}
        for episode in state.recent:
            old = known.get(episode.id)
            if old is None:
                self._sealed(episode)
            if episode.is_discarded != (old is not None and old.is_discarded):
                self._logger.info(f"{'discarded' if episode.is_discarded else 'brought back'} {episode.id}")

    def _sealed(self, episode: SealedState) -> None:
        if not episode.is_whole:
            self._logger.error(f"NOT SEALED {episode.path}: {episode.detail}")
            return
        lost = "an unknown number" if episode.lost is None else episode.lost
        self._logger.info(
            f"sealed {episode.path}: {episode.messages} messages in {episode.duration_s:.1f} s, "
            f"{lost} lost, {episode.dropped} dropped, ended as {episode.end}"
        )
