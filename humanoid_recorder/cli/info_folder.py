"""Many bags at once: a row for each, and what they come to."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from humanoid_recorder.cli.info_models import InfoReport
from humanoid_recorder.cli.info_report import report_on
from humanoid_recorder.core.labels import Outcome
from humanoid_recorder.storage.bag_folders import bags_below


class TotalsReport(BaseModel):
    """The bags of a folder taken together; what cannot be read counts as a bag and in nothing else."""

    model_config = ConfigDict(frozen=True)

    bags: int
    whole: int
    duration_s: float
    messages: int
    size_bytes: int
    lost: int
    """Known losses; a bag without a count adds nothing here, but stands in ``lost_unknown``."""
    lost_unknown: int
    """Bags of which the loss is not known."""
    dropped: int
    outcomes: dict[str, int]
    """Episodes by outcome."""
    tasks: dict[str, int]
    """Episodes by task."""


class FolderReport(BaseModel):
    """What ``info DIR --json`` prints."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = 1
    path: str
    totals: TotalsReport
    bags: tuple[InfoReport, ...]


def report_on_folder(
    folder: Path, *, verify: bool, discarded: bool, on_progress: Callable[[int, int], None]
) -> FolderReport:
    """Look at every bag below a folder.

    Args:
        folder: A session, or a folder of sessions.
        verify: Also read every message.
        discarded: Also those that were discarded.
        on_progress: Called with how many bags are done, and of how many.
    """
    paths = list(bags_below(folder, discarded=discarded))
    reports = []
    for done, path in enumerate(paths):
        on_progress(done, len(paths))
        reports.append(report_on(path, verify=verify))
    on_progress(len(paths), len(paths))
    return FolderReport(path=str(folder), totals=add_up(reports), bags=tuple(reports))


def add_up(reports: Sequence[InfoReport]) -> TotalsReport:
    """Add up what the reports say."""
    readable = [report for report in reports if report.readable]
    episodes = [report.episode for report in reports if report.episode is not None]
    losses = [None if report.episode is None else report.episode.lost for report in readable]
    return TotalsReport(
        bags=len(reports),
        whole=sum(report.whole for report in reports),
        duration_s=sum(report.duration_s or 0.0 for report in readable),
        messages=sum(report.messages or 0 for report in readable),
        size_bytes=sum(report.size_bytes or 0 for report in readable),
        lost=sum(filter(None, losses)),
        lost_unknown=losses.count(None),
        dropped=sum(episode.dropped or 0 for episode in episodes),
        outcomes=dict(Counter((episode.outcome or Outcome.UNLABELLED).value for episode in episodes)),
        tasks=dict(Counter(episode.labels.task for episode in episodes if episode.labels.task)),
    )
