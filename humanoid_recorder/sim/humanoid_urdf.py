"""The URDF of the simulated humanoid as it is published: its own links and joints, drawn with primitives.

The meshes of the original are ``package://`` paths that nobody who gets a bag can resolve.
"""

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from humanoid_recorder.sim.humanoid import description, scene
from humanoid_recorder.sim.humanoid.shapes import Shape, link_shapes
from humanoid_recorder.sim.humanoid_links import CameraMount
from humanoid_recorder.sim.humanoid_streams import WORLD, camera_frame

Array = npt.NDArray[np.float64]
_COLOURS = {"dark": "0.22 0.23 0.25 1", "white": "0.86 0.87 0.88 1", "pad": "0.36 0.38 0.42 1"}


def make_urdf(mounts: Iterable[CameraMount]) -> str:
    """Write the URDF.

    Args:
        mounts: The cameras, whose optical frames become links.

    Returns:
        XML text; one tree with ``world`` as its root.

    Raises:
        SpecError: The robot description is not installed.
    """
    root = ET.parse(description.urdf_path()).getroot()  # noqa: S314 - a file of an installed package
    links = {link.get("name", ""): link for link in root.iterfind("link")}
    for link in links.values():
        for part in [*link.iterfind("visual"), *link.iterfind("collision")]:
            link.remove(part)
    for name, colour in _COLOURS.items():
        ET.SubElement(ET.SubElement(root, "material", name=name), "color", rgba=colour)
    for name, shape in link_shapes():
        _draw(links[name], shape)
    _add_link(root, "pelvis", WORLD, (0.0, 0.0, scene.PELVIS_HEIGHT_M), (0.0, 0.0, 0.0), new=WORLD)
    for mount in mounts:
        frame = camera_frame(mount.camera)
        _add_link(root, frame, mount.link, mount.position_m, _roll_pitch_yaw(mount.quaternion), new=frame)
    return ET.tostring(root, encoding="unicode")


def _add_link(
    root: ET.Element, child: str, parent: str, xyz: Iterable[float], rpy: Iterable[float], *, new: str
) -> None:
    ET.SubElement(root, "link", name=new)
    joint = ET.SubElement(root, "joint", name=f"{child}_mount", type="fixed")
    _origin(joint, xyz, rpy)
    ET.SubElement(joint, "parent", link=parent)
    ET.SubElement(joint, "child", link=child)


def _draw(link: ET.Element, shape: Shape) -> None:
    a, b = np.array(shape.a), np.array(shape.b)
    middle, along = (a + b) / 2, b - a
    if shape.kind == "box":
        _visual(link, shape, middle, (0.0, 0.0, 0.0), "box", size=_text(along))
        return
    # A capsule: URDF knows none, so a cylinder and a ball at each end.
    length = float(np.linalg.norm(along))
    pitch, yaw = math.atan2(math.hypot(along[0], along[1]), along[2]), math.atan2(along[1], along[0])
    radius = f"{shape.radius:g}"
    _visual(link, shape, middle, (0.0, pitch, yaw), "cylinder", radius=radius, length=f"{length:g}")
    for end in (a, b):
        _visual(link, shape, end, (0.0, 0.0, 0.0), "sphere", radius=radius)


def _visual(link: ET.Element, shape: Shape, xyz: Iterable[float], rpy: Iterable[float], kind: str, **size: str) -> None:
    visual = ET.SubElement(link, "visual")
    _origin(visual, xyz, rpy)
    ET.SubElement(ET.SubElement(visual, "geometry"), kind, size)
    ET.SubElement(visual, "material", name=shape.tone)


def _origin(element: ET.Element, xyz: Iterable[float], rpy: Iterable[float]) -> None:
    ET.SubElement(element, "origin", xyz=_text(xyz), rpy=_text(rpy))


def _text(values: Iterable[float]) -> str:
    return " ".join(f"{value:.6g}" for value in values)


def _roll_pitch_yaw(quaternion: Array) -> tuple[float, float, float]:
    """Turn a quaternion w, x, y, z into angles about the fixed axes x, y, z."""
    w, x, y, z = (float(value) for value in quaternion)
    roll = math.atan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y))
    pitch = math.asin(max(-1.0, min(1.0, 2 * (w * y - z * x))))
    return roll, pitch, math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
