"""The displays of rviz2 that are used, typed; names and values are those rviz itself writes into its files.

Read from ros2/rviz, branch jazzy and later: each class is one of ``rviz_default_plugins``, each key the name of one of
its properties. A property that is left out keeps rviz's default.
"""

from dataclasses import dataclass
from typing import Protocol

from humanoid_recorder.core.qos import Durability, QosRequest, Reliability

Config = dict[str, object]
Colour = tuple[int, int, int]
"""Red, green, blue, 0..255."""

_DEPTH = 5
_RELIABILITY = {Reliability.RELIABLE: "Reliable", Reliability.BEST_EFFORT: "Best Effort"}
_DURABILITY = {Durability.TRANSIENT_LOCAL: "Transient Local", Durability.VOLATILE: "Volatile"}
OURS = QosRequest(Reliability.RELIABLE, Durability.VOLATILE, _DEPTH)
"""What our own nodes offer."""
OURS_LATCHED = QosRequest(Reliability.RELIABLE, Durability.TRANSIENT_LOCAL, _DEPTH)


class Display(Protocol):
    """One entry of the list of displays."""

    def config(self) -> Config:
        """Return it as rviz writes it."""


@dataclass(frozen=True, slots=True)
class RobotModel:
    """A robot, drawn from its URDF at the frames of its links."""

    name: str
    topic: str
    qos: QosRequest
    tf_prefix: str = ""
    """In front of the links' frames, with a ``/`` that rviz puts between."""
    alpha: float = 1.0

    def config(self) -> Config:
        """Return it as rviz writes it."""
        return _display(self.name, "RobotModel") | {
            "Alpha": self.alpha,
            "Collision Enabled": False,
            "Description File": "",
            "Description Source": "Topic",
            "Description Topic": _topic(self.topic, self.qos),
            "Mass Properties": {"Inertia": False, "Mass": False},
            "TF Prefix": self.tf_prefix,
            "Update Interval": 0,
            "Visual Enabled": True,
        }


@dataclass(frozen=True, slots=True)
class Frames:
    """All frames as small axes, without their names."""

    name: str
    scale: float = 0.15

    def config(self) -> Config:
        """Return it as rviz writes it."""
        return _display(self.name, "TF") | {
            "Frame Timeout": 15,
            "Frames": {"All Enabled": True},
            "Marker Scale": self.scale,
            "Show Arrows": False,
            "Show Axes": True,
            "Show Names": False,
            "Tree": {},
            "Update Interval": 0,
        }


@dataclass(frozen=True, slots=True)
class Picture:
    """A camera in a window of its own."""

    name: str
    topic: str
    """rviz takes the transport from its end: ``/compressed`` or, for every other end, raw."""
    qos: QosRequest

    def config(self) -> Config:
        """Return it as rviz writes it."""
        return _display(self.name, "Image") | {
            "Max Value": 1,
            "Median window": 5,
            "Min Value": 0,
            "Normalize Range": True,
            "Topic": _topic(self.topic, self.qos),
        }


@dataclass(frozen=True, slots=True)
class Wrench:
    """Force and moment as arrows at the frame of the sensor."""

    name: str
    topic: str
    qos: QosRequest
    m_per_n: float = 0.02
    m_per_nm: float = 0.1

    def config(self) -> Config:
        """Return it as rviz writes it."""
        return _display(self.name, "Wrench") | {
            "Accept NaN Values": False,
            "Alpha": 1,
            "Arrow Width": 0.2,
            "Force Arrow Scale": self.m_per_n,
            "Force Color": _colour((204, 51, 51)),
            "History Length": 1,
            "Topic": _topic(self.topic, self.qos) | {"Filter size": 10},
            "Torque Arrow Scale": self.m_per_nm,
            "Torque Color": _colour((204, 204, 51)),
        }


@dataclass(frozen=True, slots=True)
class Pose:
    """A PoseStamped as axes."""

    name: str
    topic: str
    qos: QosRequest
    length_m: float = 0.1

    def config(self) -> Config:
        """Return it as rviz writes it."""
        return _display(self.name, "Pose") | {
            "Alpha": 1,
            "Axes Length": self.length_m,
            "Axes Radius": self.length_m / 12,
            "Shape": "Axes",
            "Topic": _topic(self.topic, self.qos) | {"Filter size": 10},
        }


@dataclass(frozen=True, slots=True)
class PoseArray:
    """A PoseArray as axes."""

    name: str
    topic: str
    qos: QosRequest
    length_m: float = 0.06

    def config(self) -> Config:
        """Return it as rviz writes it."""
        return _display(self.name, "PoseArray") | {
            "Alpha": 1,
            "Axes Length": self.length_m,
            "Axes Radius": self.length_m / 12,
            "Shape": "Axes",
            "Topic": _topic(self.topic, self.qos) | {"Filter size": 10},
        }


@dataclass(frozen=True, slots=True)
class Markers:
    """What one of our own nodes draws."""

    name: str
    topic: str
    qos: QosRequest

    def config(self) -> Config:
        """Return it as rviz writes it."""
        return _display(self.name, "MarkerArray") | {"Namespaces": {}, "Topic": _topic(self.topic, self.qos)}


def _display(name: str, kind: str) -> Config:
    return {"Class": f"rviz_default_plugins/{kind}", "Enabled": True, "Name": name, "Value": True}


def _topic(topic: str, qos: QosRequest) -> Config:
    return {
        "Depth": _DEPTH,
        "Durability Policy": _DURABILITY[qos.durability],
        "History Policy": "Keep Last",
        "Reliability Policy": _RELIABILITY[qos.reliability],
        "Value": topic,
    }


def _colour(colour: Colour) -> str:
    return "; ".join(map(str, colour))
