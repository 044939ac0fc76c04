"""An episode's record on the disk, at its start and at its end: in the writer's thread, which may wait for the disk."""

from dataclasses import replace
from functools import partial

from humanoid_recorder.core.errors import BagWriteError, HumanoidRecorderError
from humanoid_recorder.core.findings import Finding
from humanoid_recorder.core.labels import End
from humanoid_recorder.core.stream_clock import ClockAccount
from humanoid_recorder.recording.episode_record import stop_record
from humanoid_recorder.recording.live_episode import CLOCKS_FAILED, FRAMES_FAILED, LiveEpisode
from humanoid_recorder.recording.middleware_loss import unseen_losses
from humanoid_recorder.recording.sealed_episodes import SealedEpisode
from humanoid_recorder.storage.episode_file import EPISODE_RECORD, EpisodeFile

_Clocks = tuple[dict[str, ClockAccount], list[tuple[str, str]]]
"""Of each stream, and what is wrong with them: the finding's name, and a sentence."""
_NO_CLOCKS: _Clocks = ({}, [])

FRAMES_LATE = "frames_late"


def write_start(episode: LiveEpisode) -> None:
    """Put on the disk what is known at the start: a bag that is never sealed still says what it was.

    Raises:
        BagWriteError, SessionError: The disk refused.
    """
    if episode.begun is None:
        raise ValueError(f"episode {episode.id} has not been begun")
    episode.bag.add_metadata(EPISODE_RECORD, {"episode": episode.begun.model_dump_json()})
    episode.begun.write(episode.bag.unfinished_directory)
    episode.bag.sync()


def seal_episode(episode: LiveEpisode, *, queue_high_water_bytes: int) -> SealedEpisode:
    """Complete the bag and its record, or leave both unfinished: what is on the disk is kept and accounted for.

    Args:
        episode: Stopped; everything that was queued for it has been taken.
        queue_high_water_bytes: How full the queue has been.
    """
    try:
        _finish_frames(episode)
        episode.bag.flush()
        if episode.is_broken:
            raise BagWriteError("Messages are missing in the bag.")
        file = _settled_record(episode, queue_high_water_bytes)
        episode.bag.add_metadata(EPISODE_RECORD, {"episode": file.model_dump_json()})
        file.write(episode.bag.unfinished_directory)
        episode.bag.seal(custom_data={"episode": episode.id, "session": file.session, "task": file.labels.task})
    except Exception as error:  # even one that is a mistake of ours
        return _leave_unfinished(episode, describe(error), queue_high_water_bytes)
    return SealedEpisode(episode.bag.directory, file)


def _finish_frames(episode: LiveEpisode) -> None:
    if episode.frames is None or episode.stop is None or episode.is_broken:
        return
    at_ns = episode.stop.at_ns
    finish = partial(episode.frames.finish, at_ns)
    episode.bag.write(episode.attempt(FRAMES_FAILED, finish, otherwise=[], at_ns=at_ns))
    if episode.frames.too_late:
        text = f"{episode.frames.too_late} messages came too late for frames that had been written already"
        episode.findings.append(Finding(at_ns, FRAMES_LATE, text))
    if episode.frames.let_go:
        text = (
            f"messages that {episode.frames.let_go} cells of frames may need had waited too long, or were of the future"
        )
        episode.findings.append(Finding(at_ns, FRAMES_LATE, text))


def describe(error: Exception) -> str:
    """Put an error in words; of one that is not ours also its type and where it came from."""
    if isinstance(error, HumanoidRecorderError):
        return str(error)
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    where = f" in {traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}" if traceback else ""
    return f"{error!r}{where}"


def _settled_record(episode: LiveEpisode, queue_high_water_bytes: int) -> EpisodeFile:
    episode.settle()
    at_ns = episode.start_ns if episode.stop is None else episode.stop.at_ns
    clocks, problems = episode.attempt(CLOCKS_FAILED, lambda: _clocks(episode), otherwise=_NO_CLOCKS, at_ns=at_ns)
    quality = None
    if episode.frames is not None:
        quality = episode.attempt(FRAMES_FAILED, episode.frames.quality, otherwise=None, at_ns=at_ns)
    found = [*unseen_losses(episode), *(Finding(at_ns, check, message) for check, message in problems)]
    # Not twice: a bag that cannot be sealed gets its record a second time.
    episode.findings.extend(finding for finding in found if finding not in episode.findings)
    file = stop_record(episode, queue_high_water_bytes=queue_high_water_bytes)
    return file.model_copy(update={"clocks": clocks, "alignment": quality})


def _clocks(episode: LiveEpisode) -> _Clocks:
    accounts = episode.clock_accounts()
    return accounts, [*episode.clocks.problems(accounts)]


def _leave_unfinished(episode: LiveEpisode, reason: str, queue_high_water_bytes: int) -> SealedEpisode:
    """Account for an episode that cannot be sealed; whole chunks stay readable where they are."""
    episode.bag.abandon()
    if episode.stop is not None and episode.stop.end is not End.FAULT:
        episode.stop = replace(episode.stop, end=End.FAULT, detail=reason)
    file = _settled_record(episode, queue_high_water_bytes)
    directory = episode.bag.unfinished_directory
    try:
        file.write(directory)
    except HumanoidRecorderError as again:
        detail = f"{reason} Nor can its record be written: {again}"
        if file.stop is not None and str(again) != reason:
            file = file.model_copy(update={"stop": file.stop.model_copy(update={"detail": detail})})
    return SealedEpisode(directory, file, is_whole=False)
