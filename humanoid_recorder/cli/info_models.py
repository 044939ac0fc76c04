"""The keys of ``humanoid-recorder info --json``, which stay."""

from pydantic import BaseModel, ConfigDict

from humanoid_recorder.core.findings import Finding
from humanoid_recorder.core.labels import End, Labels, Outcome
from humanoid_recorder.core.ledger import Head, Tail
from humanoid_recorder.core.rates import is_off_rate
from humanoid_recorder.storage.episode_file import EpisodeFile

TIMELINE_PARTS = 60


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True)


class TopicReport(_Report):
    """One topic. Times are log times in ns since the epoch."""

    name: str
    type: str
    stream: str | None
    """Name in the profile; None without ``episode.json``."""
    messages: int
    rate_hz: float | None
    expected_hz: float | None
    """What the profile says; None without one, and for an event stream."""
    longest_gap_ms: float | None
    lost: int | None
    """Lost before the recorder; None when that is not known."""
    lost_reason: str
    """Why it is not known; empty when it is."""
    head: Head | None
    """Whether loss before the first message would be in ``lost``; None without a ledger."""
    tail: Tail | None
    """Whether loss after the last message is in ``lost``; None without a ledger."""
    dropped: int | None
    """Discarded by the recorder; None without a ledger."""
    qos: tuple[str, ...]
    """One per publisher, such as ``reliable`` or ``best effort, latched``."""
    first_ns: int | None
    last_ns: int | None
    has_definition: bool
    """Whether the bag explains the type, so that it can be decoded without the package installed."""
    type_hash: str
    """RIHS of the type; empty when the bag does not say."""
    replayed: int | None
    """Latched messages from before the start that the recorder put at the beginning; None without a ledger."""
    timeline: tuple[int, ...]
    """Messages in each of 60 equal parts of the bag's time."""

    @property
    def is_off_rate(self) -> bool:
        """Whether it came slower or faster than the profile says, by more than a tenth."""
        return is_off_rate(self.rate_hz, self.expected_hz)


class CountsReport(_Report):
    """The same messages counted by those who should know; None for one that is not there."""

    index: int
    """Message indexes of the MCAP files, or the messages themselves where there are none."""
    statistics: int | None
    metadata: int | None
    ledger: int | None
    """Written by the recorder, according to ``episode.json``."""
    agree: bool
    """In every topic, among those that are there."""


class EpisodeReport(_Report):
    """What ``episode.json`` adds."""

    id: str
    session: str
    robot: str
    end: End | None
    """None when it was not sealed."""
    detail: str
    outcome: Outcome
    labels: Labels
    lost: int | None
    dropped: int | None
    findings: tuple[Finding, ...]
    clock_synchronised: bool | None
    record: EpisodeFile
    """All of ``episode.json``: ledger, provenance, profile, start and stop."""


class InfoReport(_Report):
    """The whole report; its fields are the keys of ``--json``, which stay."""

    schema_version: int = 1
    path: str
    readable: bool
    whole: bool
    """Readable, sealed, and all counts agree."""
    verified: bool
    """Whether every message was read and every checksum compared, and not only the indexes."""
    problems: tuple[str, ...]
    remedy: str = ""
    files: tuple[str, ...] = ()
    size_bytes: int | None = None
    start_ns: int | None = None
    """Log time of the first message, ns since the epoch."""
    duration_s: float | None = None
    messages: int | None = None
    compression: tuple[str, ...] = ()
    ros_distro: str = ""
    counts: CountsReport | None = None
    episode: EpisodeReport | None = None
    topics: tuple[TopicReport, ...] = ()
    definitions: dict[str, str] = {}
    """Message definitions in the bag, by type."""
