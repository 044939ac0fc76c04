"""A recorder on real files, fed by hand instead of by DDS.

Typing a fixture in a test: ``if TYPE_CHECKING: from test.unit.recording.conftest import Rig`` and a quoted annotation
(at run time ``test`` would be the package of the standard library).
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.errors import BagWriteError
from humanoid_recorder.core.message_type import MessageType
from humanoid_recorder.core.qos import Durability, QosOffer, adapt_request
from humanoid_recorder.core.samples import Arrival
from humanoid_recorder.core.streams import FieldStamp, Stream, StreamKind
from humanoid_recorder.recording.channels import Channel
from humanoid_recorder.recording.episode_recorder import EpisodeRecorder, RecorderOptions
from humanoid_recorder.spec.alignment_plan import AlignmentPlan
from humanoid_recorder.storage.bag_reader import BagMessage, BagReader
from humanoid_recorder.storage.bag_writer import BagSummary, BagWriter
from humanoid_recorder.storage.episode_file import EpisodeFile, ProvenanceRecord
from humanoid_recorder.storage.layout import SessionFolder

WAIT_S = 30.0
"""How long a test waits for something that is bound to happen."""

JOINTS, CAMERA, DESCRIPTION = 3, 4, 5
EVENTS = "/g1/recorder/events"
FRAMES = "/g1/recorder/frames"
STRING = MessageType("std_msgs/msg/String", "string data\n", "", has_header=False)

PROVENANCE = ProvenanceRecord(
    robot="g1",
    robot_serial="0815",
    profile_path="",
    profile_sha256="",
    profile_text="",
    urdf_sha256="",
    host="here",
    software={},
    clock_synchronised=None,
)


def make_channel(
    channel_id: int,
    name: str,
    *,
    kind: StreamKind = StreamKind.OTHER,
    latched: bool = False,
    publishers: tuple[str, ...] = ("/driver",),
    stamp: FieldStamp | None = None,
) -> Channel:
    """Describe a subscribed stream."""
    offer = QosOffer(durability=Durability.TRANSIENT_LOCAL if latched else Durability.VOLATILE)
    return Channel(
        id=channel_id,
        stream=Stream(name, f"/{name}", STRING.name, kind=kind, stamp=stamp),
        message_type=STRING,
        request=adapt_request((offer,), rate_hz=None),
        offers=(offer,),
        publishers=publishers,
    )


def make_joints() -> Channel:
    return make_channel(JOINTS, "joints", kind=StreamKind.JOINT)


def make_camera() -> Channel:
    return make_channel(CAMERA, "head", kind=StreamKind.CAMERA)


def make_description() -> Channel:
    return make_channel(DESCRIPTION, "robot_description", kind=StreamKind.DESCRIPTION, latched=True)


class Rig:
    """A recorder, and an ingest that delivers what the test says."""

    def __init__(
        self,
        out: Path,
        *,
        queue_max_bytes: int = 2**28,
        pre_roll_ns: int = 0,
        compression: Compression = Compression.NONE,
        alignment: AlignmentPlan | None = None,
    ) -> None:
        self.folder = SessionFolder.open(out, robot="g1", now_ns=time.time_ns())
        self.changes = 0
        self.flush_error: Exception | None = None
        self._sent: Counter[tuple[int, bytes | None]] = Counter()
        self._waiting: list[tuple[int, Arrival]] = []
        self._changed = threading.Condition()
        self.recorder = EpisodeRecorder(
            self.folder,
            RecorderOptions(
                robot="g1",
                events_topic=EVENTS,
                ros_distro="kilted",
                queue_max_bytes=queue_max_bytes,
                pre_roll_ns=pre_roll_ns,
                compression=compression,
                frames_topic=FRAMES,
                alignment=alignment,
            ),
            provenance=lambda: PROVENANCE,
            flush=self.drain,
            on_change=self._on_change,
        )

    def subscribe(self, *channels: Channel) -> None:
        for channel in channels:
            self.recorder.intake.set_channel(channel, is_new_subscription=True)

    def receive(
        self, channel_id: int, data: bytes = b"data", *, publisher: bytes | None = b"p", received_ns: int | None = None
    ) -> None:
        """Let the middleware receive a message, which the ingest has yet to take."""
        self._sent[channel_id, publisher] += 1
        now_ns = time.time_ns() if received_ns is None else received_ns
        arrival = Arrival(data, now_ns, now_ns - 1000, self._sent[channel_id, publisher], publisher)
        self._waiting.append((channel_id, arrival))

    def lose(self, channel_id: int, *, publisher: bytes | None = b"p") -> None:
        """Let a message be sent that never reaches us."""
        self._sent[channel_id, publisher] += 1

    def take_waiting(self) -> None:
        """Have the ingest take everything the middleware has."""
        if self.flush_error is not None:
            raise self.flush_error
        waiting, self._waiting = self._waiting, []
        for channel_id, arrival in waiting:
            self.recorder.intake.accept([(channel_id, [arrival])])

    def drain(self) -> None:
        """Have the ingest take everything, and know that it has."""
        looked_ns = time.monotonic_ns()
        self.take_waiting()
        self.recorder.intake.drained(looked_ns)

    def deliver(self, channel_id: int, data: bytes = b"data", *, publisher: bytes | None = b"p") -> None:
        """Receive and take a message."""
        self.receive(channel_id, data, publisher=publisher)
        self.take_waiting()

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until a condition holds; it is looked at after every change, and now and then."""
        deadline_s = time.monotonic() + WAIT_S
        with self._changed:
            while not condition():
                assert time.monotonic() < deadline_s, "it never happened"
                self._changed.wait(0.01)

    def wait_until_sealed(self) -> None:
        self.wait_for(lambda: not self.recorder.is_sealing())

    def wait_until_saved(self) -> None:
        """Wait until what was said of sealed episodes is on the disk."""
        done = threading.Event()
        self.recorder.sealed._chores.soon(done.set)
        assert done.wait(WAIT_S)

    def directory(self, episode_id: str) -> Path:
        return self.folder.episode_directory(episode_id)

    def file(self, episode_id: str) -> EpisodeFile:
        return EpisodeFile.read(self.directory(episode_id))

    def messages(self, episode_id: str) -> list[BagMessage]:
        return list(BagReader(self.directory(episode_id)).messages())

    def data(self, episode_id: str, topic: str) -> list[bytes]:
        return [bytes(message.data) for message in self.messages(episode_id) if message.topic == topic]

    def _on_change(self) -> None:
        self.changes += 1
        if self._changed.acquire(blocking=False):
            self._changed.notify_all()
            self._changed.release()


class MakeRig(Protocol):
    """Makes a recorder that is closed after the test."""

    def __call__(
        self,
        *,
        queue_max_bytes: int = 2**28,
        pre_roll_ns: int = 0,
        compression: Compression = Compression.NONE,
        alignment: AlignmentPlan | None = None,
        out: Path | None = None,
    ) -> Rig: ...


@pytest.fixture
def make_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeRig]:
    rigs: list[Rig] = []

    def make(
        *,
        queue_max_bytes: int = 2**28,
        pre_roll_ns: int = 0,
        compression: Compression = Compression.NONE,
        alignment: AlignmentPlan | None = None,
        out: Path | None = None,
    ) -> Rig:
        rig = Rig(
            out or tmp_path_factory.mktemp("out"),
            queue_max_bytes=queue_max_bytes,
            pre_roll_ns=pre_roll_ns,
            compression=compression,
            alignment=alignment,
        )
        rigs.append(rig)
        return rig

    threads = set(threading.enumerate())
    yield make
    for rig in rigs:
        rig.flush_error = None
        assert rig.recorder.close(reason="the test is over", timeout_s=WAIT_S)
    assert set(threading.enumerate()) <= threads, "the recorder left a thread behind"


class HeldSeal:
    """Keeps bags from being sealed until they may be."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()
        self.may_go_on = threading.Event()
        self.error_in: dict[BagWriter, BagWriteError] = {}
        self._seal = BagWriter.seal

    def seal(self, bag: BagWriter, *, custom_data: Mapping[str, str]) -> BagSummary:
        self.has_begun.set()
        assert self.may_go_on.wait(WAIT_S)
        if bag in self.error_in:
            raise self.error_in[bag]
        return self._seal(bag, custom_data=custom_data)


@pytest.fixture
def held_seal(monkeypatch: pytest.MonkeyPatch) -> HeldSeal:
    held = HeldSeal()
    monkeypatch.setattr(BagWriter, "seal", lambda bag, **arguments: held.seal(bag, **arguments))
    return held


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    """A recorder with joints, a camera and a latched description."""
    made = make_rig()
    made.subscribe(make_joints(), make_camera(), make_description())
    return made


class MakeChannel(Protocol):
    """Describes a subscribed stream."""

    def __call__(
        self,
        channel_id: int,
        name: str,
        *,
        kind: StreamKind = StreamKind.OTHER,
        latched: bool = False,
        publishers: tuple[str, ...] = ("/driver",),
        stamp: FieldStamp | None = None,
    ) -> Channel: ...


@pytest.fixture(name="make_channel")
def make_channel_fixture() -> MakeChannel:
    return make_channel
