"""``episode.json``: what is known of one episode beside its messages.

Written at the start, so that an episode that was never finished still says what it was, and replaced atomically when
it is sealed, relabelled or hashed. The MCAP file is never touched after sealing: the outcome lives only here.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from humanoid_recorder.core.alignment.quality import AlignmentQuality
from humanoid_recorder.core.errors import BagReadError, SessionError
from humanoid_recorder.core.findings import Finding, LatchedReplay
from humanoid_recorder.core.labels import End, Labels, Outcome
from humanoid_recorder.core.ledger import StreamAccount
from humanoid_recorder.core.stream_clock import ClockAccount
from humanoid_recorder.storage.durable import write_atomically

EPISODE_FILE = "episode.json"
EPISODE_RECORD = "humanoid_recorder"
"""Of the MCAP Metadata records that repeat ``episode.json``; the last one in the file holds."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StreamRecord(_Record):
    """One recorded stream as it was subscribed."""

    name: str
    topic: str
    type: str
    kind: str
    expected_hz: float | None
    required: bool
    serial: str
    unit: str
    type_hash: str
    reliability: str
    durability: str
    publishers: tuple[str, ...]
    """Fully qualified node names, one per publisher."""


class ProvenanceRecord(_Record):
    """Where the data came from and what recorded them."""

    robot: str
    robot_serial: str
    profile_path: str
    profile_sha256: str
    profile_text: str
    urdf_sha256: str
    host: str
    software: dict[str, str]
    """Versions by name: humanoid_recorder, python, ros_distro, rmw, mcap."""
    clock_synchronised: bool | None
    """What the kernel says of the system clock at the start; None where it cannot be asked."""


class StartRecord(_Record):
    """Known when the episode starts."""

    time_ns: int
    """Log time of the start, ns since the epoch."""
    labels: Labels
    streams: tuple[StreamRecord, ...]
    provenance: ProvenanceRecord


class StopRecord(_Record):
    """Known when it is sealed."""

    time_ns: int
    end: End
    detail: str
    duration_s: float
    """From start to stop, the pre-roll not counted."""
    messages: int
    bytes: int
    """Size of the MCAP file without this record and the summary behind it."""
    lost: int | None
    """Sum over the streams; None when it is unknown for one of them."""
    dropped: int
    unknown_tails: tuple[str, ...] = ()
    """Streams of the ledger with messages of which the last ones may be missing, uncounted."""
    longest_sync_ms: float
    queue_high_water_bytes: int


class EpisodeFile(_Record):
    """The whole file."""

    format: Literal["humanoid_recorder/episode"] = "humanoid_recorder/episode"
    version: Literal[1] = 1
    id: str
    session: str
    start: StartRecord
    stop: StopRecord | None = None
    """None while it is being recorded, and for ever when it was not sealed."""
    labels: Labels
    """As they stand now; those at the start are in ``start``."""
    outcome: Outcome = Outcome.UNLABELLED
    ledger: dict[str, StreamAccount] = {}
    """By stream name."""
    latched: tuple[LatchedReplay, ...] = ()
    findings: tuple[Finding, ...] = ()
    alignment: AlignmentQuality | None = None
    """How complete the aligned frames are; None without ``sync`` in the profile."""
    clocks: dict[str, ClockAccount] = {}
    """By stream name: each clock against ours, of the streams that had messages."""
    streams_joined_later: tuple[StreamRecord, ...] = ()
    sha256: dict[str, str | None] = {}
    """By file name; None until a job of low priority has computed it."""

    def write(self, directory: Path) -> None:
        """Write or replace the file in an episode's directory.

        Raises:
            SessionError: The disk refused.
        """
        try:
            write_atomically(directory / EPISODE_FILE, self.model_dump_json(indent=1) + "\n")
        except OSError as error:
            raise SessionError(
                f"{directory / EPISODE_FILE} cannot be written: {error.strerror or error}.",
                remedy="Is the disk full, removed or mounted read-only, or was the folder deleted?",
            ) from error

    @classmethod
    def read(cls, directory: Path) -> "EpisodeFile":
        """Read the file of an episode.

        Raises:
            BagReadError: There is none, or it is not one of ours.
        """
        path = directory / EPISODE_FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError as error:
            raise BagReadError(f"{directory} has no {EPISODE_FILE}.", remedy="It was not recorded by us.") from error
        except (OSError, ValidationError) as error:
            raise BagReadError(f"{path} cannot be read: {error}.") from error
