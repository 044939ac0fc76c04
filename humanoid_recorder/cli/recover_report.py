"""What ``humanoid-recorder recover`` says: one model for the terminal and for ``--json``."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from humanoid_recorder.core.errors import HumanoidRecorderError
from humanoid_recorder.storage.recovery_report import Hole, RecoveryReport

FAILED = "failed"


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True)


class BagOutcome(_Report):
    """One bag. Its fields are those of ``RecoveryReport``; times are log times in ns since the epoch."""

    source: str
    result: str
    """whole, recoverable (only looked at), recovered, or failed."""
    directory: str = ""
    original: str | None = None
    """Where the damaged original is kept."""
    episode: str = ""
    messages: int | None = None
    topics: dict[str, int] = {}
    size_bytes: int | None = None
    lost_bytes: int | None = None
    lost_messages: int | None = None
    damaged_chunks: int | None = None
    torn_tail_messages: int | None = None
    orphans: int | None = None
    is_torn: bool | None = None
    first_log_ns: int | None = None
    last_log_ns: int | None = None
    lost_span_ns: int | None = None
    holes: tuple[Hole, ...] = ()
    notes: tuple[str, ...] = ()
    problem: str = ""
    """Why it failed."""
    remedy: str = ""

    @property
    def is_good(self) -> bool:
        """Whether it is in order, or could be put in order."""
        return self.result != FAILED


class RecoverReport(_Report):
    """The whole report; its fields are the keys of ``--json``, which stay."""

    schema_version: int = 1
    good: bool
    dry_run: bool
    skipped: tuple[str, ...]
    """Sessions in which a recorder, or another recovery, is at work."""
    bags: tuple[BagOutcome, ...]


def outcome_of(report: RecoveryReport) -> BagOutcome:
    """Say what became of a bag."""
    return BagOutcome(
        source=str(report.source),
        result=report.verdict.value,
        directory=str(report.directory),
        original=None if report.original is None else str(report.original),
        episode=report.episode,
        messages=report.messages,
        topics=report.by_topic,
        size_bytes=report.size_bytes,
        lost_bytes=report.lost_bytes,
        lost_messages=report.lost_messages,
        damaged_chunks=report.damaged_chunks,
        torn_tail_messages=report.torn_tail_messages,
        orphans=report.orphans,
        is_torn=report.is_torn,
        first_log_ns=report.first_log_ns,
        last_log_ns=report.last_log_ns,
        lost_span_ns=report.lost_span_ns,
        holes=report.holes,
        notes=report.notes,
    )


def failed(bag: Path, error: HumanoidRecorderError) -> BagOutcome:
    """Say why nothing became of a bag."""
    return BagOutcome(source=str(bag), result=FAILED, problem=error.message, remedy=error.remedy)
