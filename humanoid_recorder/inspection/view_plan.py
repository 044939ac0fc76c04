"""What is shown of a bag, and who makes what rviz cannot make by itself; decided once, before anything starts."""

from dataclasses import dataclass
from enum import StrEnum

from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.inspection.bag_contents import JOINT_STATE, TF_MESSAGE, BagContents, BagStream
from humanoid_recorder.inspection.topics import decoded_topic

COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
IMAGE = "sensor_msgs/msg/Image"
_TOUCH_TYPES = (IMAGE, "std_msgs/msg/Float32MultiArray", "std_msgs/msg/Float64MultiArray")


class FrameSource(StrEnum):
    """Who publishes the frames of a robot; never two."""

    BAG = "bag"
    """They were recorded."""
    STATE_PUBLISHER = "robot_state_publisher"
    OURS = "tf_publisher"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Installed:
    """What there is on this computer beside us."""

    state_publisher: bool
    """robot_state_publisher."""
    tf2_messages: bool
    """tf2_msgs, for Python."""
    compressed_transport: bool
    """compressed_image_transport, with which rviz decodes pictures itself."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user wants to see."""

    commanded: bool = True
    """The commanded robot beside the measured one."""
    touch: bool = True


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera in one window."""

    stream: BagStream
    shown_topic: str
    """The topic that rviz is told."""
    is_decoded: bool
    """By us, on that topic."""


@dataclass(frozen=True, slots=True)
class ViewPlan:
    """All decisions."""

    contents: BagContents
    robot_frames: FrameSource
    commanded_frames: FrameSource
    cameras: tuple[Camera, ...]
    touch: tuple[BagStream, ...]
    notes: tuple[str, ...]
    """What is not shown and why, or what it takes; one sentence each."""


def joint_topics(contents: BagContents, kind: StreamKind) -> tuple[str, ...]:
    """Return the JointState topics of a kind, ``joint`` or ``command``."""
    return tuple(stream.topic for stream in contents.of_kind(kind) if stream.type == JOINT_STATE)


def touch_arrays(contents: BagContents) -> tuple[BagStream, ...]:
    """Return the touch arrays whose type can be shown."""
    return tuple(stream for stream in contents.of_kind(StreamKind.TACTILE) if stream.type in _TOUCH_TYPES)


def make_plan(contents: BagContents, installed: Installed, wishes: Wishes) -> ViewPlan:
    """Decide what is shown and by whom."""
    notes = list(contents.notes)
    robot = _robot_frames(contents, installed, notes)
    commanded = _commanded_frames(contents, installed, robot, notes) if wishes.commanded else FrameSource.NOBODY
    cameras = tuple(_camera(stream, installed) for stream in contents.of_kind(StreamKind.CAMERA) if _is_picture(stream))
    if not cameras:
        notes.append("the bag has no pictures that rviz can show")
    touch = touch_arrays(contents) if wishes.touch else ()
    unshown = [stream for stream in contents.of_kind(StreamKind.TACTILE) if wishes.touch and stream not in touch]
    notes += [f"touch of type {stream.type} is not shown ({stream.topic})" for stream in unshown]
    return ViewPlan(contents, robot, commanded, cameras, touch, tuple(notes))


def _robot_frames(contents: BagContents, installed: Installed, notes: list[str]) -> FrameSource:
    if any(stream.topic == "/tf" and stream.type == TF_MESSAGE for stream in contents.streams):
        if installed.tf2_messages:
            return FrameSource.BAG
        notes.append("/tf of the bag is not played: that takes tf2_msgs for Python")
    if contents.urdf is None:
        notes.append("nothing says where the robot's links are: the bag has neither /tf nor a URDF")
        return FrameSource.NOBODY
    if not joint_topics(contents, StreamKind.JOINT):
        notes.append("nothing says how the robot's joints stand: the bag has neither /tf nor joint states")
        return FrameSource.NOBODY
    if installed.state_publisher and len(joint_topics(contents, StreamKind.JOINT)) == 1:
        return FrameSource.STATE_PUBLISHER
    if installed.tf2_messages:
        return FrameSource.OURS
    notes.append("the robot does not move: there are no frames without robot_state_publisher or tf2_msgs")
    return FrameSource.NOBODY


def _commanded_frames(contents: BagContents, installed: Installed, robot: FrameSource, notes: list[str]) -> FrameSource:
    if contents.urdf is None or contents.commanded_joints is None or robot is FrameSource.NOBODY:
        return FrameSource.NOBODY
    names_all = contents.commanded_joints >= set(contents.urdf.moving_joints)
    if installed.state_publisher and names_all and len(joint_topics(contents, StreamKind.COMMAND)) == 1:
        return FrameSource.STATE_PUBLISHER
    if installed.tf2_messages:
        return FrameSource.OURS
    notes.append("the commanded robot is not shown: that takes robot_state_publisher or tf2_msgs")
    return FrameSource.NOBODY


def _is_picture(stream: BagStream) -> bool:
    return stream.type in (IMAGE, COMPRESSED_IMAGE)


def _camera(stream: BagStream, installed: Installed) -> Camera:
    """Let rviz decode what it can: it tells the transport from the end of the topic's name."""
    if stream.type != COMPRESSED_IMAGE:
        return Camera(stream, stream.topic, is_decoded=False)
    if installed.compressed_transport and stream.topic.endswith("/compressed"):
        return Camera(stream, stream.topic, is_decoded=False)
    return Camera(stream, decoded_topic(stream.topic), is_decoded=True)
