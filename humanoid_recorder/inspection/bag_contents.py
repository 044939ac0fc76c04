"""What a bag has that can be shown: its streams by kind, the robot in it, and the layout of its touch arrays."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from humanoid_recorder.core.errors import BagReadError, SpecError
from humanoid_recorder.core.qos import Durability, QosRequest, adapt_request
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.inspection.stream_kinds import guess_kind
from humanoid_recorder.inspection.urdf import Urdf, parse_urdf
from humanoid_recorder.spec.profile import RobotProfile
from humanoid_recorder.spec.stream_spec import StreamSpec
from humanoid_recorder.spec.yaml_source import YamlDocument
from humanoid_recorder.storage.bag_decoder import decode_message
from humanoid_recorder.storage.bag_reader import BagReader, BagTopicInfo
from humanoid_recorder.storage.episode_file import EPISODE_FILE, EpisodeFile

JOINT_STATE = "sensor_msgs/msg/JointState"
TF_MESSAGE = "tf2_msgs/msg/TFMessage"
_USUAL_FRAMES = ("world", "map", "odom")
_FRAMED_KINDS = (StreamKind.OPERATOR, StreamKind.MOCAP, StreamKind.OBJECT, StreamKind.WRENCH)


@dataclass(frozen=True, slots=True)
class BagStream:
    """One topic of a bag that has messages."""

    name: str
    """Its name in the profile; without one the topic."""
    topic: str
    type: str
    kind: StreamKind
    is_guessed: bool
    """The kind was guessed from type and topic, because nothing says it."""
    qos: QosRequest
    """What a subscription must ask for to hear it when it is played as it was sent."""
    spec: StreamSpec | None = None
    """Its entry in the profile of the recording."""


@dataclass(frozen=True, slots=True)
class BagContents:
    """One bag, as far as showing it needs."""

    path: Path
    streams: tuple[BagStream, ...]
    urdf: Urdf | None
    """The robot; None when the bag has none that can be read."""
    description_topic: str | None
    """Where the URDF is played; None without one."""
    commanded_joints: frozenset[str] | None
    """Joints that the first command names; None without a command that is a JointState."""
    fixed_frame: str
    """What is shown at rest: the root link of the URDF; without one the usual frame of the poses and wrenches."""
    profile: RobotProfile | None
    episode: EpisodeFile | None
    notes: tuple[str, ...]
    """What a reader should know of what cannot be shown, one sentence each."""

    def of_kind(self, *kinds: StreamKind) -> tuple[BagStream, ...]:
        """Return the streams of some kinds, in the order of the bag."""
        return tuple(stream for stream in self.streams if stream.kind in kinds)


def read_contents(path: Path) -> BagContents:
    """Look into a bag: its indexes, ``episode.json`` if there is one, and the first message of a few topics.

    Raises:
        BagReadError: There is no complete bag at ``path``, it is damaged where we looked, or its ``episode.json`` is:
            then nothing says which of its topics are commands.
    """
    reader = BagReader(path)
    info = {topic.name: topic for topic in reader.summary().topics if topic.message_count}
    episode, notes = _read_episode(reader.path if reader.path.is_dir() else reader.path.parent)
    profile = _read_profile(episode, notes)
    streams = _streams(info.values(), episode, profile)
    first = _FirstMessages(reader, info)
    urdf, description_topic = _read_urdf(streams, first, notes)
    commands = [stream for stream in streams if stream.kind is StreamKind.COMMAND and stream.type == JOINT_STATE]
    named = [frozenset(message.name) for stream in commands if (message := first.decoded(stream.topic)) is not None]
    guessed = [stream for stream in streams if stream.is_guessed]
    if guessed:
        notes.append(f"what {len(guessed)} of {len(streams)} topics show was guessed from their types and names")
    return BagContents(
        path=reader.path,
        streams=streams,
        urdf=urdf,
        description_topic=description_topic,
        commanded_joints=named[0] if named else None,
        fixed_frame=urdf.root_link if urdf is not None else _usual_frame(streams, first),
        profile=profile,
        episode=episode,
        notes=tuple(notes),
    )


class _FirstMessages:
    """The first message of a topic, decoded."""

    def __init__(self, reader: BagReader, info: Mapping[str, BagTopicInfo]) -> None:
        self._reader, self._info = reader, info

    def decoded(self, topic: str) -> Any | None:
        """Return it; None when it cannot be decoded."""
        for message in self._reader.messages([topic]):
            try:
                return decode_message(message, self._info[topic].definition)
            except BagReadError:
                return None
        return None


def _read_episode(directory: Path) -> tuple[EpisodeFile | None, list[str]]:
    if not (directory / EPISODE_FILE).is_file():
        return None, [f"there is no {EPISODE_FILE}: the bag was not recorded by us"]
    return EpisodeFile.read(directory), []


def _read_profile(episode: EpisodeFile | None, notes: list[str]) -> RobotProfile | None:
    text = episode.start.provenance.profile_text if episode is not None else ""
    if not text:
        return None
    try:
        return YamlDocument.from_bytes(text.encode(), name="the profile in the bag").validate(RobotProfile)
    except SpecError as error:
        notes.append(f"the profile in the bag cannot be read ({error.message.splitlines()[0]})")
        return None


def _streams(
    topics: Iterable[BagTopicInfo], episode: EpisodeFile | None, profile: RobotProfile | None
) -> tuple[BagStream, ...]:
    recorded = [*episode.start.streams, *episode.streams_joined_later] if episode is not None else []
    records = {record.topic: record for record in recorded}
    specs = dict(profile.streams) if profile is not None else {}
    streams = []
    for topic in topics:
        record = records.get(topic.name)
        said = record.kind if record is not None and record.kind in set(StreamKind) else StreamKind.OTHER
        kind = StreamKind(said)
        guess = guess_kind(topic.name, topic.type) if kind is StreamKind.OTHER else kind
        streams.append(
            BagStream(
                name=record.name if record is not None else topic.name,
                topic=topic.name,
                type=topic.type,
                kind=guess,
                is_guessed=guess is not kind,
                qos=_qos(topic, guess),
                spec=specs.get(record.name) if record is not None else None,
            )
        )
    return tuple(streams)


def _qos(topic: BagTopicInfo, kind: StreamKind) -> QosRequest:
    """Ask for what is offered when the bag is played: all of it as recorded, and a description latched."""
    request = adapt_request(topic.offered_qos, rate_hz=topic.rate_hz)
    if kind is StreamKind.DESCRIPTION and (
        not topic.offered_qos or any(offer.is_latched for offer in topic.offered_qos)
    ):
        return replace(request, durability=Durability.TRANSIENT_LOCAL)
    return request


def _read_urdf(streams: Iterable[BagStream], first: _FirstMessages, notes: list[str]) -> tuple[Urdf | None, str | None]:
    topic = next((stream.topic for stream in streams if stream.kind is StreamKind.DESCRIPTION), None)
    if topic is None:
        notes.append("the bag has no /robot_description: the robot itself is not shown")
        return None, None
    message = first.decoded(topic)
    try:
        urdf = parse_urdf(str(message.data) if message is not None else "")
    except SpecError as error:
        notes.append(f"the robot itself is not shown: {error.message} ({topic})")
        return None, None
    if urdf.mesh_packages:
        notes.append(f"the URDF's meshes show only where these packages are installed: {', '.join(urdf.mesh_packages)}")
    return urdf, topic


def _usual_frame(streams: Iterable[BagStream], first: _FirstMessages) -> str:
    frames: list[str] = []
    for stream in streams:
        if stream.kind in _FRAMED_KINDS and stream.type.startswith("geometry_msgs/"):
            message = first.decoded(stream.topic)
            frames.append(str(message.header.frame_id) if message is not None else "")
    named = [frame for frame in frames if frame]
    usual = [frame for frame in _USUAL_FRAMES if frame in named]
    return usual[0] if usual else max(named, key=named.count, default=_USUAL_FRAMES[0])
