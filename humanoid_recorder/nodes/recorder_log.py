"""What the recorder says in its log: one line for each thing that somebody who launched it waits for."""

from rclpy.impl.rcutils_logger import RcutilsLogger

from humanoid_recorder.recording.state import Phase, RecorderState, SealedState


class RecorderLog:
    """Compares each state with the one before and logs what is new.

    Args:
        logger: The node's.
    """

    def __init__(self, logger: RcutilsLogger) -> None:
        self._logger = logger
        self._before: RecorderState | None = None

    def follow(self, state: RecorderState) -> None:
        """Log what has changed since the last call."""
        before, self._before = self._before, state
        if before is not None and before.session != state.session:
            before = None
        self._problems(before, state)
        self._phase(before, state)
        known = {episode.id for episode in before.recent} if before else set()
        for episode in state.recent:
            if episode.id not in known:
                self._sealed(episode)
        discarded = {episode.id for episode in before.recent if episode.is_discarded} if before else set()
        for episode in state.recent:
            if (episode.id in discarded) != episode.is_discarded:
                self._logger.info(f"{'discarded' if episode.is_discarded else 'brought back'} {episode.id}")

    def _problems(self, before: RecorderState | None, state: RecorderState) -> None:
        known = before.problems if before else ()
        # One line for each remedy: a robot that is still off would otherwise fill the screen.
        by_remedy: dict[str, list[str]] = {}
        for problem in state.problems:
            if problem not in known:
                by_remedy.setdefault(problem.remedy, []).append(problem.problem)
        for remedy, problems in by_remedy.items():
            self._logger.warning(f"{', '.join(problems)}. {remedy}".rstrip())
        if state.fault and (before is None or before.fault != state.fault):
            self._logger.error(state.fault)

    def _phase(self, before: RecorderState | None, state: RecorderState) -> None:
        if state.episode is not None and (
            before is None or before.episode is None or before.episode.id != state.episode.id
        ):
            task = f" of {state.episode.labels.task!r}" if state.episode.labels.task else ""
            self._logger.info(f"recording {state.episode.id}{task}")
        if before is not None and (before.phase, before.silent) == (state.phase, state.silent):
            return
        if state.phase is Phase.WAITING:
            self._logger.info(f"waiting for {', '.join(state.silent) or 'something to record'}")
        elif state.phase is Phase.ARMED and (before is None or before.phase in (Phase.WAITING, Phase.INACTIVE)):
            self._logger.info(f"ready: {sum(stream.received > 0 for stream in state.streams)} streams arrive")

    def _sealed(self, episode: SealedState) -> None:
        if not episode.is_whole:
            self._logger.error(f"NOT SEALED {episode.path}: {episode.detail}")
            return
        lost = "an unknown number" if episode.lost is None else episode.lost
        self._logger.info(
            f"sealed {episode.path}: {episode.messages} messages in {episode.duration_s:.1f} s, "
            f"{lost} lost, {episode.dropped} dropped, ended as {episode.end}"
        )
