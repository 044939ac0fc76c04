"""What stands around the robot: a table, and per task the things on it. Lengths in m, masses in kg.

World frame: origin on the floor below the pelvis, x forward, y left, z up. Things are placed by bearing (angle about z
from straight ahead) and distance, because the robot reaches to the side by turning its waist.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import mujoco
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Numbers = Sequence[float]

PELVIS_HEIGHT_M = 0.793
TABLE_TOP_M = 0.80
SPOT_RADIUS_M = 0.38
"""Distance of marked spots from the axis of the waist."""

BOX_SIZE_M = (0.16, 0.24, 0.15)
SHELF_TOP_M = TABLE_TOP_M + 0.06
SHELF_BEARING_RAD = math.radians(36)
TRAY_SIZE_M = (0.20, 0.28, 0.09)
"""Outer: depth, width between the two grips, height of the grips."""
TRAY_BEARING_RAD = math.radians(32)
"""Of marked spot B."""
CUP_RADIUS_M, CUP_HEIGHT_M = 0.028, 0.07
PART_SIZE_M = (0.036, 0.075, 0.06)
BIN_INNER_M, BIN_HEIGHT_M = 0.17, 0.07
BIN_BEARING_RAD, BIN_DISTANCE_M = math.radians(62), 0.40
PART_COUNT = 4

_ROBOT, _THINGS = 1, 2
_RED, _BLUE, _GREEN = (0.80, 0.22, 0.20, 1.0), (0.20, 0.38, 0.78, 1.0), (0.25, 0.62, 0.35, 1.0)
_WOOD, _STEEL, _CARDBOARD = (0.72, 0.58, 0.42, 1.0), (0.62, 0.65, 0.68, 1.0), (0.78, 0.62, 0.40, 1.0)


class Task(StrEnum):
    """What the operator can do."""

    LIFT_BOX = "lift_box"
    """Squeeze a box between both hands, lift it off the table and set it down on the marked spot of the shelf."""
    CARRY_TRAY = "carry_tray"
    """Carry a tray with a cup on it from A to B with both hands, level."""
    SORT_PARTS = "sort_parts"
    """Pick red and blue parts from the table and drop each into the bin of its colour."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Where something is in the world."""

    position_m: Array
    """Shape (3,)."""
    quaternion: Array
    """Unit quaternion w, x, y, z, shape (4,)."""

    @property
    def yaw_rad(self) -> float:
        """Heading of its x axis in the plane of the table."""
        w, x, y, z = self.quaternion
        return math.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))

    @property
    def tilt_rad(self) -> float:
        """Angle between its z axis and the vertical."""
        _, x, y, _ = self.quaternion
        return math.acos(max(-1.0, min(1.0, 1 - 2 * (x * x + y * y))))


def standing(bearing_rad: float, distance_m: float, height_m: float, yaw_rad: float) -> Pose:
    """Return the pose of something upright, its centre at ``height_m``."""
    position = np.array([distance_m * math.cos(bearing_rad), distance_m * math.sin(bearing_rad), height_m])
    return Pose(position, np.array([math.cos(yaw_rad / 2), 0.0, 0.0, math.sin(yaw_rad / 2)]))


def object_names(task: Task) -> tuple[str, ...]:
    """Names of the things that can move, in the order in which sensors report them."""
    if task is Task.LIFT_BOX:
        return ("box",)
    if task is Task.CARRY_TRAY:
        return ("tray", "cup")
    return tuple(f"part_{'red' if index % 2 == 0 else 'blue'}_{index // 2}" for index in range(PART_COUNT))


def spot(task: Task) -> Pose:
    """Where the box or the tray belongs: the pose of its centre when it stands on the mark.

    Raises:
        ValueError: The task has no marked spot.
    """
    if task is Task.LIFT_BOX:
        return standing(SHELF_BEARING_RAD, SPOT_RADIUS_M, SHELF_TOP_M + BOX_SIZE_M[2] / 2, SHELF_BEARING_RAD)
    if task is Task.CARRY_TRAY:
        return standing(TRAY_BEARING_RAD, SPOT_RADIUS_M, TABLE_TOP_M + TRAY_SIZE_M[2] / 2, TRAY_BEARING_RAD)
    raise ValueError(f"{task} has no marked spot")


def bin_pose(colour: str) -> Pose:
    """Return the middle of the floor of the ``red`` (left) or the ``blue`` (right) bin."""
    bearing = BIN_BEARING_RAD if colour == "red" else -BIN_BEARING_RAD
    return standing(bearing, BIN_DISTANCE_M, TABLE_TOP_M, bearing)


def start_poses(task: Task, seed: int) -> dict[str, Pose]:
    """Draw where things stand at the start; the same seed always gives the same poses.

    Raises:
        ValueError: The seed is negative.
    """
    draw = np.random.default_rng([seed, list(Task).index(task)])

    def around(bearing_rad: float, distance_m: float, height_m: float) -> Pose:
        bearing = bearing_rad + draw.uniform(-0.08, 0.08)
        return standing(bearing, distance_m + draw.uniform(-0.02, 0.02), height_m, bearing + draw.uniform(-0.12, 0.12))

    if task is Task.LIFT_BOX:
        return {"box": around(-0.5, SPOT_RADIUS_M, TABLE_TOP_M + BOX_SIZE_M[2] / 2)}
    if task is Task.CARRY_TRAY:
        tray = around(-0.5, SPOT_RADIUS_M, TABLE_TOP_M + TRAY_SIZE_M[2] / 2)
        offset = np.array([*draw.uniform(-0.03, 0.03, 2), -TRAY_SIZE_M[2] / 2 + 0.0085 + CUP_HEIGHT_M / 2])
        return {"tray": tray, "cup": Pose(tray.position_m + offset, np.array([1.0, 0.0, 0.0, 0.0]))}
    slots = draw.permutation(PART_COUNT)
    poses = {}
    for name, slot in zip(object_names(task), slots, strict=True):
        bearing = (slot - (PART_COUNT - 1) / 2) * 0.36 + draw.uniform(-0.03, 0.03)
        distance = 0.36 + draw.uniform(-0.02, 0.02)
        poses[name] = standing(bearing, distance, TABLE_TOP_M + PART_SIZE_M[2] / 2, bearing + draw.uniform(-0.2, 0.2))
    return poses


def add_scene(spec: mujoco.MjSpec, task: Task) -> None:
    """Put floor, light, table and the things of a task into the world."""
    world = spec.worldbody
    spec.add_texture(
        name="sky", type=mujoco.mjtTexture.mjTEXTURE_SKYBOX, builtin=mujoco.mjtBuiltin.mjBUILTIN_GRADIENT,
        rgb1=[0.78, 0.83, 0.88], rgb2=[0.55, 0.6, 0.66], width=64, height=384,
    )  # fmt: skip
    _plain(world, "floor", mujoco.mjtGeom.mjGEOM_PLANE, (0, 0, 0), (3, 3, 0.1), (0.82, 0.84, 0.86, 1))
    for direction, brightness in (((0.3, -0.5, -1.0), 0.45), ((-0.8, 0.4, -0.6), 0.25)):
        light = world.add_light(type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL, pos=[0, 0, 3], castshadow=False)
        light.dir, light.diffuse, light.specular = direction, [brightness] * 3, [0.1 * brightness] * 3
    _solid(world, "table", (0.43, 0, TABLE_TOP_M - 0.015), (0.29, 0.62, 0.015), _WOOD)
    for x, y in ((0.68, 0.58), (0.68, -0.58), (0.18, 0.58), (0.18, -0.58)):
        _plain(world, "", mujoco.mjtGeom.mjGEOM_BOX, (x, y, 0.385), (0.02, 0.02, 0.385), _STEEL)
    {Task.LIFT_BOX: _add_box, Task.CARRY_TRAY: _add_tray, Task.SORT_PARTS: _add_parts}[task](spec)


def _add_box(spec: mujoco.MjSpec) -> None:
    goal = spot(Task.LIFT_BOX)
    shelf = spec.worldbody.add_body(name="shelf", pos=[*goal.position_m[:2], 0], quat=goal.quaternion)
    half = (SHELF_TOP_M - TABLE_TOP_M) / 2
    _solid(shelf, "shelf_board", (0, 0, TABLE_TOP_M + half), (0.10, 0.13, half), _STEEL)
    _mark(shelf, SHELF_TOP_M, (BOX_SIZE_M[0] / 2, BOX_SIZE_M[1] / 2))
    box = _movable(spec, "box")
    x, y, z = (edge / 2 for edge in BOX_SIZE_M)
    _solid(box, "box", (0, 0, 0), (x, y, z), _CARDBOARD, mass=0.8)
    _plain(box, "", mujoco.mjtGeom.mjGEOM_BOX, (0, 0, 0), (x + 0.0005, 0.02, z + 0.0005), (0.85, 0.8, 0.65, 1))


def _add_tray(spec: mujoco.MjSpec) -> None:
    goal = spot(Task.CARRY_TRAY)
    mark = spec.worldbody.add_body(name="mark", pos=[*goal.position_m[:2], 0], quat=goal.quaternion)
    x, y, z = (edge / 2 for edge in TRAY_SIZE_M)
    _mark(mark, TABLE_TOP_M, (x, y))
    tray = _movable(spec, "tray")
    _solid(tray, "tray_floor", (0, 0, 0.004 - z), (x, y, 0.004), _BLUE, mass=0.35)
    for side in (-1, 1):
        _solid(tray, f"tray_grip_{side}", (0, side * (y - 0.006), 0), (x * 0.9, 0.006, z), _BLUE, mass=0.1)
        _solid(tray, f"tray_rim_{side}", (side * (x - 0.004), 0, 0.015 - z), (0.004, y, 0.015), _BLUE, mass=0.05)
    cup = _movable(spec, "cup")
    size = (CUP_RADIUS_M, CUP_HEIGHT_M / 2, 0)
    _solid(cup, "cup", (0, 0, 0), size, _GREEN, mass=0.15, kind=mujoco.mjtGeom.mjGEOM_CYLINDER)


def _add_parts(spec: mujoco.MjSpec) -> None:
    for colour, rgba in (("red", _RED), ("blue", _BLUE)):
        pose = bin_pose(colour)
        bin_ = spec.worldbody.add_body(name=f"bin_{colour}", pos=pose.position_m, quat=pose.quaternion)
        inner, height = BIN_INNER_M / 2, BIN_HEIGHT_M / 2
        _solid(bin_, f"bin_{colour}_floor", (0, 0, 0.003), (inner, inner, 0.003), rgba)
        for side in (-1, 1):
            _solid(bin_, "", (side * inner, 0, height), (0.004, inner, height), rgba)
            _solid(bin_, "", (0, side * inner, height), (inner, 0.004, height), rgba)
    for index, name in enumerate(object_names(Task.SORT_PARTS)):
        part = _movable(spec, name)
        _solid(
            part, name, (0, 0, 0), tuple(edge / 2 for edge in PART_SIZE_M), _RED if index % 2 == 0 else _BLUE, mass=0.08
        )


def _movable(spec: mujoco.MjSpec, name: str) -> mujoco.MjsBody:
    body = spec.worldbody.add_body(name=name)
    body.add_freejoint(name=f"{name}_free")
    return body


def _mark(body: mujoco.MjsBody, height_m: float, half_m: tuple[float, float]) -> None:
    """Paint a marked spot."""
    size = (half_m[0], half_m[1], 0.0005)
    _plain(body, "", mujoco.mjtGeom.mjGEOM_BOX, (0, 0, height_m + 0.0005), size, (0.95, 0.85, 0.2, 1))


def _plain(
    body: mujoco.MjsBody, name: str, kind: mujoco.mjtGeom, position: Numbers, size: Numbers, rgba: Numbers
) -> None:
    """Add something to look at that touches nothing."""
    body.add_geom(name=name, type=kind, pos=position, size=size, rgba=rgba, contype=0, conaffinity=0, mass=0)


def _solid(
    body: mujoco.MjsBody,
    name: str,
    position: Numbers,
    half: Numbers,
    rgba: Numbers,
    *,
    mass: float = 0.0,
    kind: mujoco.mjtGeom = mujoco.mjtGeom.mjGEOM_BOX,
) -> None:
    """Add something that meets the hands and everything that moves."""
    body.add_geom(
        name=name,
        type=kind,
        pos=position,
        size=half,
        rgba=rgba,
        mass=mass,
        friction=[0.9, 0.01, 0.0005],
        condim=4,
        contype=_THINGS,
        conaffinity=_ROBOT | _THINGS,
    )
