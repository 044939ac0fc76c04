"""The sections of a profile about motion: what may be commanded (``action``) and how far it may go (``limits``)."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from humanoid_recorder.spec.model import Number, Positive, SpecModel, refuse
from humanoid_recorder.spec.names import JointName, MessageType, StreamName, TopicName, repeated

COMMAND_TYPES = (
    "sensor_msgs/msg/JointState",
    "std_msgs/msg/Float64MultiArray",
    "trajectory_msgs/msg/JointTrajectory",
)
"""Message types a command can be issued as."""
_NEEDED_TO_MOVE = ("velocity_scale", "acceleration_rad_s2", "jerk_rad_s3")


def _check_command_type(name: str) -> str:
    if name not in COMMAND_TYPES:
        raise ValueError(f"{name!r} cannot carry a joint command; use one of {', '.join(COMMAND_TYPES)}")
    return name


class ActionSpec(SpecModel):
    """The joints a policy may move, and the topic that moves them."""

    joints: Annotated[tuple[JointName, ...], Field(min_length=1)]
    """In the order of ``Float64MultiArray``; the other types carry the names themselves."""
    topic: TopicName
    type: Annotated[MessageType, AfterValidator(_check_command_type)]
    rate_hz: Positive
    """Rate at which commands are issued."""

    @model_validator(mode="after")
    def _joints_are_named_once(self) -> Self:
        refuse(self, [(("joints", at), f"{name!r} is named twice") for at, name in repeated(self.joints)])
        return self


class JointLimits(SpecModel):
    """Limits of one joint. A key left out is taken from ``limits.every_joint``, then from the URDF where it has it."""

    position_rad: tuple[Number, Number] | None = None
    """Lowest and highest position, tightening the URDF."""
    velocity_scale: Annotated[Positive, Field(le=1)] | None = None
    """Share of the URDF's velocity limit that may be used, in (0, 1]."""
    acceleration_rad_s2: Positive | None = None
    jerk_rad_s3: Positive | None = None
    effort_nm: Positive | None = None

    @model_validator(mode="after")
    def _range_is_ordered(self) -> Self:
        if self.position_rad is not None and self.position_rad[0] >= self.position_rad[1]:
            refuse(self, [(("position_rad",), "the lower position must come first and be less than the upper one")])
        return self


class WrenchLimits(SpecModel):
    """Largest magnitudes of one wrist's force and moment."""

    force_n: Positive
    moment_nm: Positive


class TouchLimits(SpecModel):
    """Largest value of any taxel of one tactile stream."""

    max_value: Positive
    """In the stream's ``unit``."""


class Box(SpecModel):
    """A box that links must not leave."""

    frame: str
    """Frame the corners are given in."""
    links: Annotated[tuple[str, ...], Field(min_length=1)]
    """Links whose origins must stay inside."""
    min_m: tuple[Number, Number, Number]
    max_m: tuple[Number, Number, Number]

    @model_validator(mode="after")
    def _corners_are_ordered(self) -> Self:
        corners = zip("xyz", self.min_m, self.max_m, strict=True)
        wrong = [f"{axis}: {low:g} is not less than {high:g}" for axis, low, high in corners if low >= high]
        refuse(self, [(("min_m",), f"the box is empty along {text}") for text in wrong])
        return self


class LimitsSpec(SpecModel):
    """How far commanded motion may go. Accelerations and jerks stand here because URDFs do not have them."""

    every_joint: JointLimits = JointLimits()
    """Limits of each joint that ``joints`` does not set otherwise."""
    joints: dict[JointName, JointLimits] = Field(default_factory=dict)
    """By joint name."""
    wrench: dict[StreamName, WrenchLimits] = Field(default_factory=dict)
    """By the name of a stream of kind wrench."""
    touch: dict[StreamName, TouchLimits] = Field(default_factory=dict)
    """By the name of a stream of kind tactile."""
    workspace: dict[str, Box] = Field(default_factory=dict)
    """By a name of the user's choice."""

    def of_joint(self, name: str) -> JointLimits:
        """Return the limits of a joint, with what it leaves out taken from ``every_joint``."""
        own = self.joints.get(name, JointLimits())
        return self.every_joint.model_copy(update=own.model_dump(exclude_none=True))

    def undeclared(self, joints: tuple[str, ...]) -> dict[str, list[str]]:
        """Return the keys without which a joint cannot be moved, each with the joints it is declared nowhere for."""
        of_joint = {name: self.of_joint(name).model_dump(exclude_none=True) for name in joints}
        lacking = {key: [name for name in joints if key not in of_joint[name]] for key in _NEEDED_TO_MOVE}
        return {key: names for key, names in lacking.items() if names}
