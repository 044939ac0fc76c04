"""What the recorder says of itself: the JSON of ``~/state``.

One model for both ends, so that the terminal reads what the node writes. Times in ns since the epoch, sizes in bytes.
"""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict

from humanoid_recorder.core.labels import End, Labels, Outcome
from humanoid_recorder.core.rates import is_off_rate


class Phase(StrEnum):
    """What the recorder is doing."""

    INACTIVE = "inactive"
    """Not subscribed to anything."""
    WAITING = "waiting"
    """Subscribed, but a required stream is silent or missing, or the disk has a problem; a start is refused."""
    ARMED = "armed"
    """Every required stream arrives; a start records at once."""
    RECORDING = "recording"
    SEALING = "sealing"
    """Armed again, while the last episode is still on its way to the disk."""


class _State(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StreamState(_State):
    """One stream, live."""

    name: str
    topic: str
    type: str
    kind: str
    required: bool
    expected_hz: float | None
    rate_hz: float | None = None
    """Measured over the last two seconds; None before there is anything to measure."""
    age_ms: float | None = None
    """Since the last message; None if there never was one."""
    longest_gap_ms: float | None = None
    """In the running episode."""
    received: int = 0
    """In the running episode; while none is recorded, since the subscription."""
    dropped: int = 0
    lost: int | None = None
    lost_reason: str = ""
    middleware_lost: int = 0
    """By the middleware's own count, since the subscription."""
    bytes: int = 0

    @property
    def is_off_rate(self) -> bool:
        """Whether it comes slower or faster than the profile says, by more than a tenth."""
        return is_off_rate(self.rate_hz, self.expected_hz)


class ProblemState(_State):
    """Something that keeps a stream from being recorded as wanted."""

    stream: str
    problem: str
    remedy: str


class EpisodeState(_State):
    """The episode that is being recorded."""

    id: str
    started_ns: int
    elapsed_s: float
    messages: int
    bytes: int
    """Of the file so far."""
    labels: Labels


class SealedState(_State):
    """An episode that has been sealed."""

    id: str
    path: str
    end: End
    outcome: Outcome
    is_discarded: bool
    is_whole: bool
    """False when it could not be sealed; ``path`` then ends in ``.unfinished``."""
    duration_s: float
    messages: int
    lost: int | None
    dropped: int
    bytes: int
    detail: str
    labels: Labels


class QueueState(_State):
    """The queue between receiving and writing."""

    bytes: int
    max_bytes: int
    high_water_bytes: int


class DiskState(_State):
    """The disk the session is on: will the next episode be saved?"""

    free_bytes: int | None
    """None when the disk or the session's folder has gone or cannot be written."""
    reserve_bytes: int
    """Below this a start is refused."""
    stop_bytes: int
    """Below this the running episode is stopped and sealed."""
    bytes_per_s: float | None
    """How fast a recording fills the disk: of the running episode, else of this session's, else what arrives; None when
    unknown."""
    minutes_left: float | None
    """Of recording above the reserve, at that speed."""
    episodes_left: int | None
    """Above the reserve, of the mean size of this session's; None before there is one."""
    is_little: bool
    """Whether somebody should see to the disk."""
    discarded_episodes: int = 0
    """In all sessions beside this one that no other recorder holds; they are deleted when the disk gets low."""
    discarded_bytes: int = 0
    purged_episodes: int = 0
    """Deleted for good by this recorder, because they were old or the disk was low."""
    purged_bytes: int = 0
    last_purged: tuple[str, ...] = ()
    """Ids of those deleted last, newest last."""
    problem: str = ""
    """Why the next episode would not be saved, and a start is refused; empty when it would."""
    remedy: str = ""

    def room(self) -> str:
        """Return ``27 min, 34 episodes``, as far as it is known."""
        minutes = None if self.minutes_left is None else minutes_in_words(self.minutes_left)
        episodes = (
            None if self.episodes_left is None else f"{self.episodes_left} episode{'s'[self.episodes_left == 1 :]}"
        )
        return ", ".join(filter(None, (minutes, episodes)))


class RecorderState(_State):
    """Everything, at most twice a second and after every change."""

    schema_version: Literal[1] = 1
    node: str
    instance: str
    """Random; two recorders under one name differ in it."""
    since_ns: int
    """When the process started; of two recorders under one name the older one stays."""
    time_ns: int
    phase: Phase
    robot: str
    session: str
    """Path of the session's folder; empty while inactive."""
    episode: EpisodeState | None = None
    recent: tuple[SealedState, ...] = ()
    """The episodes sealed last, newest last."""
    kept: int = 0
    """Sealed episodes of this session that are not discarded."""
    discarded: int = 0
    silent: tuple[str, ...] = ()
    """Required streams that are not subscribed, of which nothing has arrived, or that have fallen silent."""
    problems: tuple[ProblemState, ...] = ()
    streams: tuple[StreamState, ...] = ()
    labels: Labels = Labels()
    queue: QueueState | None = None
    disk: DiskState | None = None
    """None while inactive."""
    fault: str = ""
    """Why the last episode could not be recorded."""


def minutes_in_words(minutes: float) -> str:
    """Return ``12 min``, ``3 h 20 min`` or ``4 days``."""
    whole = int(minutes)
    if whole < 60:
        return f"{whole} min"
    if whole < 48 * 60:
        return f"{whole // 60} h {whole % 60:02} min"
    return f"{whole // (24 * 60)} days"
