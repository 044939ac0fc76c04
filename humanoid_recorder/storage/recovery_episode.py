"""Recovery of an episode of ours that was never sealed.

The result is made in ``<id>.unfinished/.recovering/`` and becomes ``<id>/`` by one rename, when it has been counted.
Then the original goes: into ``<id>/damaged/`` by another rename, to be deleted there or kept. Killed between the two,
both are there, and the next recovery goes on from that.
"""

import shutil
from pathlib import Path

from humanoid_recorder.core.errors import BagReadError, BagWriteError
from humanoid_recorder.storage.durable import sync_directory
from humanoid_recorder.storage.episode_file import EpisodeFile
from humanoid_recorder.storage.layout import UNFINISHED_SUFFIX
from humanoid_recorder.storage.mcap_scan_found import FileScan
from humanoid_recorder.storage.record_file import write_error
from humanoid_recorder.storage.recovery_rebuild import describe_bag, last_metadata, rebuild_file, topic_counts
from humanoid_recorder.storage.recovery_record import Result, counts_by_topic, episode_in, in_words, recovered_record
from humanoid_recorder.storage.recovery_report import OnProgress, RecoveryReport, Verdict
from humanoid_recorder.storage.recovery_steps import (
    DAMAGED_FOLDER,
    DAMAGED_SUFFIX,
    Progress,
    count_bag,
    refuse_without_room,
    report,
    scan_files,
)
from humanoid_recorder.storage.rosbag2_metadata import METADATA_FILE

_WORKSHOP = ".recovering"


class EpisodeRecovery:
    """One unfinished episode, held by nobody else.

    Args:
        directory: Its directory, which ends in ``.unfinished``.
        on_progress: Told the bytes done and those to do.

    Raises:
        BagReadError: There is no MCAP file in it.
    """

    def __init__(self, directory: Path, on_progress: OnProgress | None) -> None:
        self._directory = directory
        self._sealed = directory.with_name(directory.name.removesuffix(UNFINISHED_SUFFIX))
        self._workshop = directory / _WORKSHOP
        files = sorted(directory.glob("*.mcap"))
        if not files:
            raise BagReadError(f"There is no .mcap file in {directory}.", remedy="Delete it: nothing was recorded.")
        if len(files) > 1:
            raise BagReadError(f"There are {len(files)} .mcap files in {directory}.", remedy="It is not ours.")
        (self._file,) = files
        self._progress = Progress(files, on_progress)

    def examine(self) -> RecoveryReport:
        """Look at it and change nothing."""
        (scan,) = scan_files([self._file], self._progress)
        return self._report(scan, Verdict.RECOVERABLE, self._directory)

    def recover(self, *, keep_original: bool) -> RecoveryReport:
        """Make an episode of it that has its name, and count it."""
        (scan,) = scan_files([self._file], self._progress)
        if self._sealed.exists():
            self._check_earlier_result(scan)
        else:
            refuse_without_room(self._directory, [scan])
            self._make_result(scan)
        is_all_there = not scan.orphans and all(hole.ends_ns is None for hole in scan.holes)
        original = self._put_away(keep=keep_original or not is_all_there)
        return self._report(scan, Verdict.RECOVERED, self._sealed, original)

    def _make_result(self, scan: FileScan) -> None:
        self._clear_workshop()
        try:
            self._workshop.mkdir()
            self._build(scan)
            self._progress.pass_over(scan.size_bytes)
            count_bag(self._workshop, topic_counts([scan]), self._progress)
            sync_directory(self._workshop)
            self._workshop.rename(self._sealed)
            sync_directory(self._sealed.parent)
        except OSError as error:
            self._clear_workshop()
            raise write_error(self._workshop, error) from error
        except BaseException:
            self._clear_workshop()
            raise

    def _build(self, scan: FileScan) -> None:
        before = last_metadata(scan)
        episode = self._episode(scan)
        streams = (*episode.start.streams, *episode.streams_joined_later) if episode else ()
        metadata = describe_bag([scan], types={stream.topic: stream.type for stream in streams}, before=before)
        if episode is not None:
            custom = {"episode": episode.id, "session": episode.session, "task": episode.labels.task}
            metadata = metadata.model_copy(update={"custom_data": metadata.custom_data | custom})

        def settle(size_bytes: int) -> str:
            assert episode is not None  # noqa: S101 - not called without one
            result = Result(counts_by_topic([scan]), scan.last_ns, size_bytes=size_bytes, detail=in_words([scan]))
            file = recovered_record(episode, result)
            file.write(self._workshop)
            return file.model_dump_json()

        rebuild_file(
            scan,
            self._workshop / self._file.name,
            metadata=metadata,
            on_progress=self._progress.step,
            make_episode=settle if episode else None,
        )
        metadata.write(self._workshop / METADATA_FILE)

    def _check_earlier_result(self, scan: FileScan) -> None:
        """Go on from a recovery that was killed when its result had its name and the original had not gone."""
        try:
            count_bag(self._sealed, topic_counts([scan]), self._progress)
        except BagReadError as error:
            raise BagReadError(
                f"{self._sealed} is there already, and does not hold what {self._directory.name} does.",
                remedy="Rename one of the two.",
            ) from error

    def _put_away(self, *, keep: bool) -> Path | None:
        self._clear_workshop()
        folder = self._sealed / DAMAGED_FOLDER
        try:
            self._directory.rename(folder)
            if not keep:
                shutil.rmtree(folder)
                return None
            file = folder / self._file.name
            file.rename(file.with_name(file.name + DAMAGED_SUFFIX))
            sync_directory(folder)
        except OSError as error:
            raise BagWriteError(
                f"{self._sealed} is recovered; its original {folder} could not be put away: {error.strerror}."
            ) from error
        return folder

    def _episode(self, scan: FileScan) -> EpisodeFile | None:
        """Return its record, from beside the bag or, if that is destroyed, from inside of it."""
        try:
            return EpisodeFile.read(self._directory)
        except BagReadError:
            return episode_in([scan])

    def _report(
        self, scan: FileScan, verdict: Verdict, directory: Path, original: Path | None = None
    ) -> RecoveryReport:
        return report(self._directory, directory, [scan], verdict=verdict, original=original, episode=self._sealed.name)

    def _clear_workshop(self) -> None:
        shutil.rmtree(self._workshop, ignore_errors=True)
