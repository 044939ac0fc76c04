"""A URDF as data: its joints, its root link, and the files it refers to.

A URDF in a bag comes from elsewhere, so nothing in it may make us read, fetch or expand anything: a document type
declaration, which is where XML entities are made, is refused. Format: https://wiki.ros.org/urdf/XML.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from humanoid_recorder.core.errors import SpecError

Vector = tuple[float, float, float]


class JointType(StrEnum):
    """The joints that can be followed from one number; ``floating`` and ``planar`` need more."""

    FIXED = "fixed"
    REVOLUTE = "revolute"
    CONTINUOUS = "continuous"
    PRISMATIC = "prismatic"


@dataclass(frozen=True, slots=True)
class Mimic:
    """A joint that follows another: position = multiplier * position of the other + offset."""

    joint: str
    multiplier: float
    offset: float


@dataclass(frozen=True, slots=True)
class UrdfJoint:
    """One joint."""

    name: str
    type: JointType
    parent: str
    child: str
    xyz_m: Vector
    """Where the joint is in the frame of its parent link."""
    rpy_rad: Vector
    """How it is turned there: roll, pitch, yaw about the fixed axes x, y, z."""
    axis: Vector
    """Unit vector in the frame of the joint; no meaning for a fixed one."""
    mimic: Mimic | None = None


@dataclass(frozen=True, slots=True)
class Urdf:
    """One robot."""

    text: str
    root_link: str
    joints: tuple[UrdfJoint, ...]
    """In the order of the file."""
    mesh_packages: tuple[str, ...]
    """ROS packages that must be installed for its ``package://`` meshes to show."""

    @property
    def moving_joints(self) -> tuple[str, ...]:
        """Names of the joints that joint states must name: neither fixed nor following another."""
        return tuple(joint.name for joint in self.joints if joint.type is not JointType.FIXED and joint.mimic is None)


class _NoDocumentType(ET.TreeBuilder):
    def doctype(self, name: str, _public: str | None, _system: str | None) -> None:
        raise SpecError(f"the URDF has a document type declaration ({name}), which is refused")


def parse_urdf(text: str) -> Urdf:
    """Read a URDF.

    Raises:
        SpecError: It is not XML, declares a document type, is not one tree of links, or has a joint that cannot be
            followed from one number.
    """
    try:
        robot = ET.fromstring(text, parser=ET.XMLParser(target=_NoDocumentType()))  # noqa: S314 - see above
    except (ET.ParseError, ValueError) as error:
        raise SpecError(f"the URDF is not XML: {error}") from error
    links = [link.get("name", "") for link in robot.iterfind("link")]
    joints = tuple(_joint(element) for element in robot.iterfind("joint"))
    return Urdf(text, _root_link(links, joints), joints, _mesh_packages(robot))


def _joint(element: ET.Element) -> UrdfJoint:
    name = element.get("name", "")
    try:
        kind = JointType(element.get("type", ""))
    except ValueError as error:
        raise SpecError(f"the URDF's joint {name!r} is of type {element.get('type')!r}") from error
    origin, axis, mimic = element.find("origin"), element.find("axis"), element.find("mimic")
    return UrdfJoint(
        name=name,
        type=kind,
        parent=_link_of(element, "parent"),
        child=_link_of(element, "child"),
        xyz_m=_vector(_attributes(origin), "xyz", (0.0, 0.0, 0.0), of=name),
        rpy_rad=_vector(_attributes(origin), "rpy", (0.0, 0.0, 0.0), of=name),
        axis=_unit(_vector(_attributes(axis), "xyz", (1.0, 0.0, 0.0), of=name), of=name),
        mimic=None if mimic is None else _mimic(mimic, of=name),
    )


def _mimic(element: ET.Element, *, of: str) -> Mimic:
    multiplier, offset = element.get("multiplier", "1"), element.get("offset", "0")
    (factor, added) = _numbers(f"{multiplier} {offset}", 2, of=of)
    return Mimic(element.get("joint", ""), factor, added)


def _link_of(element: ET.Element, end: str) -> str:
    link = _attributes(element.find(end)).get("link", "")
    if not link:
        raise SpecError(f"the URDF's joint {element.get('name')!r} has no {end} link")
    return link


def _attributes(element: ET.Element | None) -> Mapping[str, str]:
    return {} if element is None else element.attrib


def _vector(attributes: Mapping[str, str], key: str, default: Vector, *, of: str) -> Vector:
    if key not in attributes:
        return default
    x, y, z = _numbers(attributes[key], 3, of=of)
    return x, y, z


def _unit(axis: Vector, *, of: str) -> Vector:
    length = math.hypot(*axis)
    if not length:
        raise SpecError(f"the URDF's joint {of!r} has an axis without a direction")
    return axis[0] / length, axis[1] / length, axis[2] / length


def _numbers(text: str, count: int, *, of: str) -> list[float]:
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError as error:
        raise SpecError(f"the URDF's joint {of!r} has {text!r} where {count} numbers belong") from error
    if len(numbers) != count or not all(map(math.isfinite, numbers)):
        raise SpecError(f"the URDF's joint {of!r} has {text!r} where {count} numbers belong")
    return numbers


def _root_link(links: list[str], joints: tuple[UrdfJoint, ...]) -> str:
    parent_of = {joint.child: joint.parent for joint in joints}
    roots = [link for link in links if link not in parent_of]
    unknown = sorted({name for pair in parent_of.items() for name in pair} - set(links))
    if unknown:
        raise SpecError(f"the URDF's joints name the link {unknown[0]!r}, which it does not have")
    if len(parent_of) < len(joints) or len(roots) != 1 or len(links) != len(set(links)):
        raise SpecError(f"the URDF is not one tree: of its {len(links)} links, {len(roots)} have no parent")
    if _hangs_on(roots[0], parent_of) < len(links):
        raise SpecError("the URDF is not one tree: some of its links are each other's parents")
    return roots[0]


def _hangs_on(root: str, parent_of: Mapping[str, str]) -> int:
    """Count the links that can be reached from the root."""
    children: dict[str, list[str]] = {}
    for child, parent in parent_of.items():
        children.setdefault(parent, []).append(child)
    reached, open_ends = 0, [root]
    while open_ends:
        reached += 1
        open_ends += children.get(open_ends.pop(), [])
    return reached


def _mesh_packages(robot: ET.Element) -> tuple[str, ...]:
    names = {
        mesh.get("filename", "").removeprefix("package://").split("/")[0]
        for mesh in robot.iterfind("link/visual/geometry/mesh")
        if mesh.get("filename", "").startswith("package://")
    }
    return tuple(sorted(names))
