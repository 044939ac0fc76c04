"""The YAML of the synthetic robot: which streams, how many, how fast and how large."""

from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from humanoid_recorder.core.qos import Reliability
from humanoid_recorder.sim.synthetic_pictures import DIGITS, MCU_PX
from humanoid_recorder.spec.model import Flag, Number, Positive, SpecModel, refuse
from humanoid_recorder.spec.names import JointName, TopicName, repeated

Frame = Annotated[str, Field(pattern=r"^[A-Za-z0-9_/]+$")]


class StreamConfig(SpecModel):
    """What every stream has."""

    topic: TopicName
    rate_hz: Annotated[Number, Field(gt=0, le=10_000)]
    frame: Frame = "base_link"
    """``header.frame_id`` before the running number."""
    reliability: Literal[Reliability.RELIABLE, Reliability.BEST_EFFORT] = Reliability.RELIABLE
    depth: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Messages the publisher keeps for readers that lag behind."""
    start_after_s: Annotated[Number, Field(ge=0)] = 0.0
    """The first message is measured this long after the others' first."""
    silent: Flag = False
    """Advertised, but never published: a sensor that hangs."""

    @property
    def rate(self) -> Fraction:
        """The rate in Hz as an exact fraction, so that stamps are exactly periodic for hours."""
        return Fraction(self.rate_hz).limit_denominator(1000)


class JointStateConfig(StreamConfig):
    """A ``sensor_msgs/msg/JointState`` stream."""

    joints: Annotated[tuple[JointName, ...], Field(min_length=1)]
    """Joint names, in the order of the message."""

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        refuse(self, [(("joints", at), f"{name!r} is named twice") for at, name in repeated(self.joints)])
        return self


class WrenchConfig(StreamConfig):
    """A ``geometry_msgs/msg/WrenchStamped`` stream."""


class TouchConfig(StreamConfig):
    """A touch array as ``sensor_msgs/msg/Image``, 32FC1, in Pa."""

    rows: Annotated[int, Field(ge=1, le=4096)]
    columns: Annotated[int, Field(ge=1, le=4096)]
    peak_pa: Positive = 20_000.0


class ImuConfig(StreamConfig):
    """A ``sensor_msgs/msg/Imu`` stream."""


class CameraConfig(StreamConfig):
    """A camera: pictures, and a ``sensor_msgs/msg/CameraInfo`` for each if a topic is given for it."""

    name: Annotated[str, Field(min_length=1)]
    """Drawn into the picture."""
    encoding: Literal["jpeg", "raw"] = "jpeg"
    """``sensor_msgs/msg/CompressedImage`` with JPEG, or ``sensor_msgs/msg/Image`` with rgb8."""
    width: Annotated[int, Field(ge=DIGITS * MCU_PX, le=8192)] = 640
    height: Annotated[int, Field(ge=MCU_PX, le=8192)] = 480
    quality: Annotated[int, Field(ge=30, le=95)] = 80
    """JPEG quality; below 30 the number in the picture becomes illegible."""
    loop_frames: Annotated[int, Field(ge=1, le=300)] = 30
    """Different backgrounds, drawn once at start and held in memory; the number in the picture runs on."""
    info_topic: TopicName | None = None


class PoseConfig(StreamConfig):
    """A ``geometry_msgs/msg/PoseStamped`` stream."""


class JoyConfig(StreamConfig):
    """A ``sensor_msgs/msg/Joy`` stream."""

    axes: Annotated[int, Field(ge=0, le=64)] = 4
    buttons: Annotated[int, Field(ge=0, le=64)] = 8


class SyntheticRobotConfig(SpecModel):
    """The whole file."""

    numbered: Flag = True
    """Append ``#<running number>`` to every ``frame_id``; off to look at the robot in rviz, which wants real frames."""
    robot_description_topic: TopicName | None = "robot_description"
    """Latched ``std_msgs/msg/String`` with a URDF of all joints and frames of this file; null for none."""
    joint_states: tuple[JointStateConfig, ...] = ()
    wrenches: tuple[WrenchConfig, ...] = ()
    touch_arrays: tuple[TouchConfig, ...] = ()
    imus: tuple[ImuConfig, ...] = ()
    cameras: tuple[CameraConfig, ...] = ()
    poses: tuple[PoseConfig, ...] = ()
    joys: tuple[JoyConfig, ...] = ()

    @property
    def streams(self) -> tuple[StreamConfig, ...]:
        """All streams but the description and the camera_info that go with cameras."""
        groups: tuple[tuple[StreamConfig, ...], ...] = (
            self.joint_states,
            self.wrenches,
            self.touch_arrays,
            self.imus,
            self.cameras,
            self.poses,
            self.joys,
        )
        return tuple(stream for group in groups for stream in group)

    @model_validator(mode="after")
    def _topics_are_unique(self) -> Self:
        topics = [stream.topic for stream in self.streams]
        topics += [camera.info_topic for camera in self.cameras if camera.info_topic]
        topics += [self.robot_description_topic] if self.robot_description_topic else []
        refuse(self, [((), f"the topic {topic} is used twice") for _, topic in repeated(tuple(topics))])
        return self
