"""The robot profile: one YAML per robot, used by recording, checks, the policy runner, inspection and export."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.streams import Stream, StreamKind
from humanoid_recorder.spec.align_spec import LONGEST_MS, AlignSpec
from humanoid_recorder.spec.model import Path as KeyPath
from humanoid_recorder.spec.model import Positive, SpecModel, refuse
from humanoid_recorder.spec.motion_spec import ActionSpec, LimitsSpec
from humanoid_recorder.spec.names import JointName, RobotName, StreamName, repeated
from humanoid_recorder.spec.stream_spec import StreamSpec
from humanoid_recorder.spec.yaml_problems import did_you_mean
from humanoid_recorder.spec.yaml_source import YamlDocument

_FIXED_RATE = re.compile(r"(?P<rate>\d+(?:\.\d+)?) ?Hz")
_SLOWEST_HZ, _FASTEST_HZ = 0.01, 10_000


class RobotSpec(SpecModel):
    """Which robot this is."""

    name: RobotName
    """Part of every session's folder name."""
    serial: str = ""
    urdf: Annotated[str, Field(min_length=1)] | None = None
    """Path of the URDF, relative to the profile."""
    joints: tuple[JointName, ...] = ()
    """All joints, as joint states and the URDF name them."""

    @model_validator(mode="after")
    def _joints_are_named_once(self) -> Self:
        refuse(self, [(("joints", at), f"{name!r} is named twice") for at, name in repeated(self.joints)])
        return self


def _check_clock(clock: str) -> str:
    fixed = _FIXED_RATE.fullmatch(clock)
    if fixed is None and not re.fullmatch(r"[A-Za-z]\w*", clock):
        raise ValueError(f"{clock!r} is neither the name of a stream nor a rate such as '30 Hz'")
    if fixed is not None and not _SLOWEST_HZ <= float(fixed["rate"]) <= _FASTEST_HZ:
        raise ValueError(f"{clock!r} is not a rate to align by; give one from {_SLOWEST_HZ} to {_FASTEST_HZ} Hz")
    return clock


class SyncSpec(SpecModel):
    """How streams are aligned into frames."""

    clock: Annotated[str, AfterValidator(_check_clock)]
    """A stream, each message of which makes a tick, or a fixed rate such as ``30 Hz``."""
    tolerance_ms: Annotated[Positive, Field(le=LONGEST_MS)] = 20.0
    """Largest distance between a tick and a sample still accepted."""
    hold_off_ms: Annotated[float, Field(strict=True, ge=0, le=LONGEST_MS, allow_inf_nan=False)] = 60.0
    """How long a tick waits for samples that arrive late."""
    stamp: Literal["header", "publish", "log"] = "header"
    """The time that is compared: the stamp, the publish time or the log time."""

    @property
    def clock_stream(self) -> str | None:
        """The stream that makes the ticks; None for a fixed rate."""
        return None if _FIXED_RATE.fullmatch(self.clock) else self.clock

    @property
    def clock_rate_hz(self) -> float | None:
        """The fixed rate of the ticks; None when a stream makes them."""
        fixed = _FIXED_RATE.fullmatch(self.clock)
        return float(fixed["rate"]) if fixed else None


class RecordingSpec(SpecModel):
    """How this robot is recorded."""

    compression: Compression = Compression.NONE
    """Of what is not compressed already; a parameter of the recorder may say otherwise."""


def _no_joint(joint: str, joints: tuple[str, ...]) -> str:
    return f"{joint!r} is not one of robot.joints{did_you_mean(joint, joints)}"


class RobotProfile(SpecModel):
    """What one robot publishes, how its streams belong together, and what may be commanded.

    Example:
        >>> profile = RobotProfile.load(Path("config/robots/synthetic.yaml"))  # doctest: +SKIP
        >>> [stream.topic for stream in profile.streams_to_record()]  # doctest: +SKIP
    """

    robot: RobotSpec
    streams: Annotated[dict[StreamName, StreamSpec], Field(min_length=1)]
    sync: SyncSpec | None = None
    recording: RecordingSpec = RecordingSpec()
    action: ActionSpec | None = None
    limits: LimitsSpec | None = None

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        refuse(
            self, [*self._topic_problems(), *self._clock_problems(), *self._action_problems(), *self._limit_problems()]
        )
        return self

    def _topic_problems(self) -> Iterator[tuple[KeyPath, str]]:
        owners: dict[str, str] = {}
        for name, stream in self.streams.items():
            owner = owners.setdefault(stream.topic, name)
            if owner != name:
                yield ("streams", name, "topic"), f"{stream.topic} is already the topic of stream {owner!r}"

    def _clock_problems(self) -> Iterator[tuple[KeyPath, str]]:
        if self.sync is None or self.sync.clock_stream is None:
            return
        name = self.sync.clock
        problem = f"there is no stream {name!r}"
        if (clock := self.streams.get(name)) is None:
            problem += did_you_mean(name, self.streams) or "; name a stream, or a rate such as '30 Hz'"
        elif clock.rate_hz is None:
            problem = f"stream {name!r} has no rate_hz: an event stream cannot make the ticks"
        elif (align := clock.align or AlignSpec()).method(clock.kind) is None:
            problem = f"stream {name!r} takes no part in frames: give it an align.rule, or choose another clock"
        elif self.sync.stamp == "header" and align.time is None and clock.has_no_stamp:
            problem = f"stream {name!r} has 'stamp: none': choose another clock, or sync.stamp publish or log"
        else:
            return
        yield ("sync", "clock"), problem

    def _action_problems(self) -> Iterator[tuple[KeyPath, str]]:
        if self.action is None:
            return
        for position, joint in enumerate(self.action.joints):
            if joint not in self.robot.joints:
                yield ("action", "joints", position), _no_joint(joint, self.robot.joints)
        for name, stream in self.streams.items():
            if stream.topic == self.action.topic and stream.type != self.action.type:
                yield ("action", "type"), f"stream {name!r} says that {stream.topic} is {stream.type}"

    def _limit_problems(self) -> Iterator[tuple[KeyPath, str]]:
        if self.limits is None:
            return
        for joint in self.limits.joints:
            if joint not in self.robot.joints:
                yield ("limits", "joints", joint), _no_joint(joint, self.robot.joints)
        for key, names, kind in (
            ("wrench", self.limits.wrench, StreamKind.WRENCH),
            ("touch", self.limits.touch, StreamKind.TACTILE),
        ):
            of_kind = [name for name, stream in self.streams.items() if stream.kind is kind]
            for name in names:
                if name not in of_kind:
                    hint = did_you_mean(name, of_kind)
                    yield ("limits", key, name), f"there is no stream {name!r} of kind {kind}{hint}"
        for key, joints in self.limits.undeclared(self.action.joints if self.action else ()).items():
            others = f" and {len(joints) - 1} more" if len(joints) > 1 else ""
            yield ("limits",), f"no {key} is declared for {joints[0]!r}{others}, which action moves"

    @classmethod
    def load(cls, path: Path) -> "RobotProfile":
        """Load a profile; ``load_profile`` also keeps what provenance needs.

        Raises:
            SpecError: As ``load_profile``.
        """
        return load_profile(path).profile

    def streams_to_record(self) -> tuple[Stream, ...]:
        """Return every stream, in the order of the file; relative topics are left to the node to resolve."""
        return tuple(spec.to_stream(name) for name, spec in self.streams.items())


@dataclass(frozen=True, slots=True)
class LoadedProfile:
    """A profile and the files it came from, for provenance."""

    profile: RobotProfile
    path: Path
    source_text: str
    """The YAML as it was read, comments included."""
    sha256: str
    """Of the YAML file's bytes, hexadecimal."""
    urdf_text: str | None
    """None when the profile names no URDF."""
    urdf_sha256: str | None
    """Of the URDF file's bytes, hexadecimal."""


def load_profile(path: Path) -> LoadedProfile:
    """Load a robot profile and the URDF it names.

    Args:
        path: The YAML file.

    Raises:
        SpecError: The file cannot be read or is wrong, with one line for each fault, or its URDF cannot be read.
    """
    document = YamlDocument.read(path)
    profile = document.validate(RobotProfile)
    urdf_text = urdf_sha256 = None
    if profile.robot.urdf is not None:
        urdf_path = path.parent / profile.robot.urdf
        try:
            data = urdf_path.read_bytes()
            urdf_text, urdf_sha256 = data.decode(), hashlib.sha256(data).hexdigest()
        except (OSError, ValueError) as err:
            raise document.error(("robot", "urdf"), f"{profile.robot.urdf!r} cannot be read: {err}") from err
    return LoadedProfile(
        profile=profile,
        path=path,
        source_text=document.text,
        sha256=document.sha256,
        urdf_text=urdf_text,
        urdf_sha256=urdf_sha256,
    )
