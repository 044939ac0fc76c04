"""Recovery of a bag that has its name: a sealed episode, or anybody's rosbag2 MCAP bag, or a bare file.

Each damaged file is written anew beside itself, counted, and exchanged for the original, which goes into ``damaged/``
by one rename before the new file takes its name by another. Killed between the two, the next recovery brings the
original back first. Originals are always kept.
"""

import contextlib
import itertools
from pathlib import Path

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.storage.bag_reader import natural_order
from humanoid_recorder.storage.durable import sync_directory
from humanoid_recorder.storage.episode_file import EPISODE_FILE, EpisodeFile
from humanoid_recorder.storage.mcap_scan_found import FileScan
from humanoid_recorder.storage.record_file import write_error
from humanoid_recorder.storage.recovery_rebuild import (
    count_file,
    describe_bag,
    last_metadata,
    rebuild_file,
    topic_counts,
)
from humanoid_recorder.storage.recovery_record import Result, counts_by_topic, in_words, recovered_record
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
from humanoid_recorder.storage.rosbag2_metadata import METADATA_FILE, BagMetadata


class DirectoryRecovery:
    """One bag that has its name, held by nobody else.

    Args:
        path: Its directory, or the file of which it consists.
        on_progress: Told the bytes done and those to do.
    """

    def __init__(self, path: Path, on_progress: OnProgress | None) -> None:
        self._path = path
        self._folder = path if path.is_dir() else path.parent
        self._on_progress = on_progress
        self._metadata = self._read_metadata()
        if self._metadata is not None and self._metadata.storage_identifier != "mcap":
            raise BagReadError(f"{path} is stored as {self._metadata.storage_identifier}, not as mcap.")
        if self._metadata is not None and self._metadata.compression_mode.lower() not in ("", "none"):
            raise BagReadError(
                f"{path} is compressed by rosbag2 (mode {self._metadata.compression_mode}), which is not supported.",
                remedy="Decompress its files first, and recover each by its name.",
            )

    def examine(self) -> RecoveryReport:
        """Look at it and change nothing."""
        files = self._files()
        scans = scan_files(files, Progress(files, self._on_progress))
        is_whole = not self._damaged(scans) and self._describes(scans)
        return self._report(scans, Verdict.WHOLE if is_whole else Verdict.RECOVERABLE, None)

    def recover(self) -> RecoveryReport:
        """Put it in order where it is, and count it."""
        self._bring_back()
        files = self._files()
        progress = Progress(files, self._on_progress)
        scans = scan_files(files, progress)
        damaged = self._damaged(scans)
        if not damaged and self._describes(scans):
            return self._report(scans, Verdict.WHOLE, None)
        refuse_without_room(self._folder, damaged)
        metadata = describe_bag(scans, types=self._types(), before=self._metadata or last_metadata(scans[-1]))
        try:
            for scan in damaged:
                self._rebuild(scan, metadata, progress)
            if self._path.is_dir():
                metadata.write(self._path / METADATA_FILE)
                self._update_episode(scans, damaged)
        except OSError as error:
            raise write_error(self._folder, error) from error
        count_bag(self._path, topic_counts(scans), progress)
        return self._report(scans, Verdict.RECOVERED, self._folder / DAMAGED_FOLDER if damaged else None)

    def _rebuild(self, scan: FileScan, metadata: BagMetadata, progress: Progress) -> None:
        new = scan.path.with_name(f".{scan.path.name}.recovering")
        new.unlink(missing_ok=True)
        try:
            rebuild_file(scan, new, metadata=metadata, on_progress=progress.step)
            progress.pass_over(scan.size_bytes)
            expected = topic_counts([scan])
            if count_file(new) != expected:
                raise BagReadError(f"{new} does not hold what was found.", remedy="Please report this.")
            folder = self._folder / DAMAGED_FOLDER
            folder.mkdir(exist_ok=True)
            scan.path.rename(_free_name(folder / (scan.path.name + DAMAGED_SUFFIX)))
            sync_directory(folder)
            new.rename(scan.path)
            sync_directory(self._folder)
        except BaseException:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise

    def _bring_back(self) -> None:
        """Undo half an exchange: a file that is among the damaged ones and nowhere else."""
        names = {self._path.name} if not self._path.is_dir() else None
        for damaged in sorted((self._folder / DAMAGED_FOLDER).glob(f"*.mcap{DAMAGED_SUFFIX}")):
            name = damaged.name.removesuffix(DAMAGED_SUFFIX)
            if (names is None or name in names) and not (self._folder / name).exists():
                damaged.rename(self._folder / name)

    def _files(self) -> list[Path]:
        if not self._path.is_dir():
            return [self._path]
        files = sorted(self._path.glob("*.mcap"), key=natural_order)
        if not files:
            raise BagReadError(
                f"{self._path} is not a bag: there is no .mcap file in it.",
                remedy="Name the bag's own directory, a session, or the folder of all recordings.",
            )
        listed = self._metadata.relative_file_paths if self._metadata else ()
        order = {name: at for at, name in enumerate(listed)}
        return sorted(files, key=lambda file: order.get(file.name, len(order)))

    def _read_metadata(self) -> BagMetadata | None:
        try:
            return BagMetadata.read(self._path / METADATA_FILE)
        except BagReadError:
            return None  # it is not there, or damaged too: it is made anew

    def _types(self) -> dict[str, str]:
        topics = self._metadata.topics_with_message_count if self._metadata else ()
        return {topic.topic_metadata.name: topic.topic_metadata.type for topic in topics}

    def _damaged(self, scans: list[FileScan]) -> list[FileScan]:
        return [scan for scan in scans if scan.holes or not scan.is_ended or not _is_readable(scan)]

    def _describes(self, scans: list[FileScan]) -> bool:
        """Whether metadata.yaml, where there has to be one, says what is in the files."""
        if not self._path.is_dir():
            return True
        if self._metadata is None:
            return False
        names = tuple(scan.path.name for scan in scans)
        counts = {topic: count for topic, count in topic_counts(scans).items() if count}
        said: dict[str, int] = {}
        for topic in self._metadata.topics_with_message_count:
            name = topic.topic_metadata.name
            said[name] = said.get(name, 0) + topic.message_count
        return self._metadata.relative_file_paths == names and {k: v for k, v in said.items() if v} == counts

    def _update_episode(self, scans: list[FileScan], damaged: list[FileScan]) -> None:
        """Say in ``episode.json``, where there is one, what the bag has lost."""
        if not damaged or not (self._path / EPISODE_FILE).is_file():
            return
        file = EpisodeFile.read(self._path)
        last_ns = max((scan.last_ns for scan in scans if scan.last_ns is not None), default=None)
        size_bytes = sum(scan.path.stat().st_size for scan in scans)
        result = Result(counts_by_topic(scans), last_ns, size_bytes=size_bytes, detail=in_words(damaged))
        recovered_record(file, result).write(self._path)

    def _report(self, scans: list[FileScan], verdict: Verdict, original: Path | None) -> RecoveryReport:
        listed = self._metadata.relative_file_paths if self._metadata else ()
        there = {scan.path.name for scan in scans}
        missing = [name for name in listed if name not in there] if self._path.is_dir() else []
        notes = [f"{name} is listed in {METADATA_FILE}, and is not there." for name in missing]
        return report(self._path, self._path, scans, verdict=verdict, original=original, notes=notes)


def _is_readable(scan: FileScan) -> bool:
    try:
        return count_file(scan.path) == topic_counts([scan])
    except BagReadError:
        return False


def _free_name(path: Path) -> Path:
    """Return the path, or with a number where it is taken: a file may be damaged twice."""
    numbered = (path.with_name(f"{path.name}.{number}") for number in itertools.count(2))
    return next(each for each in itertools.chain([path], numbered) if not each.exists())
