"""Markers for rviz: many coloured points as one, and lines of text."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker

Array = npt.NDArray[np.float64]
Colour = tuple[float, float, float, float]
"""Red, green, blue, alpha, 0..1."""


def points_marker(frame: str, name: str, number: int, *, positions_m: Array, colours: Array, size_m: float) -> Marker:
    """Return balls at places in a frame, which go with the frame.

    Args:
        frame: Its newest place counts, whatever the time of the data.
        name: Namespace; with ``number`` it says which earlier marker is replaced.
        number: Within the namespace.
        positions_m: Shape (n, 3).
        colours: Red, green, blue, alpha, shape (n, 4).
        size_m: Diameter.
    """
    marker = _marker(frame, name, number, Marker.SPHERE_LIST)
    marker.scale.x = marker.scale.y = marker.scale.z = size_m
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in positions_m.tolist()]
    marker.colors = [ColorRGBA(r=r, g=g, b=b, a=a) for r, g, b, a in colours.tolist()]
    return marker


def text_marker(
    frame: str, name: str, number: int, *, text: str, at_m: Iterable[float], height_m: float, colour: Colour
) -> Marker:
    """Return a line of text at a place in a frame, turned to whoever looks.

    Args:
        frame: As of ``points_marker``.
        name: Namespace.
        number: Within the namespace.
        text: One line.
        at_m: x, y, z.
        height_m: Of a capital letter.
        colour: Of the letters.
    """
    marker = _marker(frame, name, number, Marker.TEXT_VIEW_FACING)
    marker.text = text
    marker.scale.z = height_m
    marker.pose.position.x, marker.pose.position.y, marker.pose.position.z = at_m
    marker.color.r, marker.color.g, marker.color.b, marker.color.a = colour
    return marker


def delete_all() -> Marker:
    """Return what takes away every marker of the topic."""
    return Marker(action=Marker.DELETEALL)


def _marker(frame: str, name: str, number: int, kind: int) -> Marker:
    marker = Marker(ns=name, id=number, type=kind, action=Marker.ADD, frame_locked=True)
    marker.header.frame_id = frame
    marker.pose.orientation.w = 1.0
    return marker
