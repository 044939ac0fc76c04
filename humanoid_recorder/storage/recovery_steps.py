"""The steps that every recovery takes: scan, see to the room, count, report."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from humanoid_recorder.core.errors import BagReadError, BagWriteError
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.mcap_scan import scan_file
from humanoid_recorder.storage.mcap_scan_found import FileScan
from humanoid_recorder.storage.recovery_rebuild import all_schemas, topic_counts
from humanoid_recorder.storage.recovery_report import OnProgress, RecoveryReport, Verdict

DAMAGED_FOLDER = "damaged"
"""Inside a recovered bag: its originals, with names that no reader of bags takes for one."""
DAMAGED_SUFFIX = ".damaged"

_PASSES = 3
"""The old file is read twice, the new one once."""
_ROOM_TO_SPARE_BYTES = 4 * 1024 * 1024


class Progress:
    """Bytes done of the bytes to do.

    Args:
        files: What is to be recovered.
        on_progress: Told; None if nobody wants to know.
    """

    def __init__(self, files: Sequence[Path], on_progress: OnProgress | None) -> None:
        self._on_progress = on_progress
        self._total = _PASSES * sum(file.stat().st_size for file in files)
        self._before = 0

    def step(self, done: int) -> None:
        """Say how far the present pass over the present file is."""
        if self._on_progress is not None:
            self._on_progress(min(self._before + done, self._total), self._total)

    def pass_over(self, size_bytes: int) -> None:
        """Say that a pass over a file is over."""
        self._before += size_bytes
        self.step(0)


def scan_files(files: Sequence[Path], progress: Progress) -> list[FileScan]:
    """Scan the files of a bag."""
    scans = []
    for file in files:
        scans.append(scan_file(file, on_progress=progress.step))
        progress.pass_over(scans[-1].size_bytes)
    return scans


def refuse_without_room(directory: Path, scans: Sequence[FileScan]) -> None:
    """Refuse to begin where the result would not fit beside the original.

    Raises:
        BagWriteError: It would not.
    """
    needed = sum(scan.size_bytes for scan in scans) + _ROOM_TO_SPARE_BYTES
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise BagWriteError(
            f"{directory} cannot be recovered: that takes {needed / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free.",
            remedy="Free space on that disk, or move the recording to a larger one; the original stays as it is.",
        )


def count_bag(path: Path, expected: Mapping[str, int], progress: Progress) -> None:
    """Open a bag as every user of it will, read all of it, and compare each topic with what was found.

    Raises:
        BagReadError: It cannot be read, or a topic does not have what it should.
    """
    reader = BagReader(path)
    counts = dict.fromkeys(expected, 0)
    size_bytes = 0
    for number, message in enumerate(reader.messages()):
        counts[message.topic] = counts.get(message.topic, 0) + 1
        size_bytes += len(message.data)
        if number % 64 == 0:
            progress.step(size_bytes)
    indexed = dict.fromkeys(expected, 0)
    for topic in reader.summary().topics:
        indexed[topic.name] = indexed.get(topic.name, 0) + topic.message_count
    if not counts == indexed == dict(expected):
        wrong = sorted(topic for topic in expected if not counts.get(topic) == indexed.get(topic) == expected[topic])
        raise BagReadError(
            f"{path} does not hold what was found ({', '.join(wrong[:3]) or 'an unknown topic'}).",
            remedy="The original is still there. Please report this.",
        )


def report(
    source: Path,
    directory: Path,
    scans: Sequence[FileScan],
    *,
    verdict: Verdict,
    original: Path | None = None,
    episode: str = "",
    notes: Sequence[str] = (),
) -> RecoveryReport:
    """Sum up what was found."""
    by_topic = topic_counts(scans)
    counts = [each for scan in scans for each in scan.usable.values()]
    types = {}
    for scan in scans:
        schemas = all_schemas(scan, {})
        for channel in scan.channels.values():
            types[channel.topic] = schemas[channel.schema_id].name if channel.schema_id else ""
    attachments = sum(scan.attachments for scan in scans)
    left_out = [f"{attachments} attachments are left out."] if attachments and verdict is not Verdict.WHOLE else []
    missing = [scan.expected - sum(each.count for each in scan.usable.values()) for scan in scans if scan.expected]
    return RecoveryReport(
        source=source,
        directory=directory,
        verdict=verdict,
        messages=sum(by_topic.values()),
        by_topic=by_topic,
        size_bytes=sum(scan.size_bytes for scan in scans),
        lost_bytes=sum(scan.lost_bytes for scan in scans),
        lost_messages=sum(missing) if len(missing) == len(scans) else None,
        damaged_chunks=sum(scan.damaged_chunks for scan in scans),
        torn_tail_messages=sum(scan.torn_tail_messages for scan in scans),
        orphans=sum(scan.orphans for scan in scans),
        is_torn=any(not scan.is_ended for scan in scans),
        first_log_ns=min((each.earliest_ns for each in counts if each.earliest_ns is not None), default=None),
        last_log_ns=max((each.last_ns for each in counts if each.last_ns is not None), default=None),
        holes=tuple(hole for scan in scans for hole in scan.holes),
        notes=(*notes, *left_out),
        original=original,
        episode=episode,
        types=types,
    )
