"""The scripts of the tasks: what a person would do, phase by phase.

Box and tray are squeezed between both palms, with the fingers bent against their sides, and held by friction alone.
Parts are picked from above between two fingers and the thumb, also by friction alone: nothing is ever glued to a hand.
"""

import math
from collections.abc import Generator
from dataclasses import dataclass
from functools import cache

import numpy as np

from humanoid_recorder.sim.humanoid import scene
from humanoid_recorder.sim.humanoid.kinematics import ArmKinematics, HandTarget
from humanoid_recorder.sim.humanoid.model import home_position
from humanoid_recorder.sim.humanoid.motion import CLAW_CLOSED, CLAW_OPEN, FLAT, PRESS, HandShape
from humanoid_recorder.sim.humanoid.phases import Hands, Phase, Phases, Script
from humanoid_recorder.sim.humanoid.scene import Array, Pose, Task
from humanoid_recorder.sim.humanoid.sensors import Sensors

_PALM_M = np.array([0.075, 0.0204, 0.0])
"""Where a palm presses; y is towards what it holds."""
_BEHIND_M = 0.045
"""The palms press this far behind the middle, clear of the thumbs; the fingers cover the rest."""
_PINCH_M = np.array([0.0543, 0.089, 0.0])
"""Where finger tips and thumb meet; y is out of the palm."""
_PICK_HEADING_RAD = 0.05
"""The waist turns so that a hand picks and drops with its fingers pointing this far outwards: there the wrist can
follow."""
_CLEAR_M = 0.09
"""So much higher a hand and a part in it pass over other parts."""
_SQUEEZE_M = 0.03
"""How far beyond the surface the palms aim: the arms give way and press with about 35 N."""


@dataclass(frozen=True, slots=True)
class Grip:
    """Two palms on the sides of an upright thing, as seen with a straight waist."""

    centre_m: Array
    """Middle between the palms' targets, shape (3,)."""
    yaw_rad: float
    width_m: float
    """Of the thing, from palm to palm."""

    def hands(self, *, gap_m: float, up_m: float = 0.0) -> Hands:
        """Palms beside the thing, ``gap_m`` away from its sides (negative: pressing), ``up_m`` higher."""
        rotation = _about_z(self.yaw_rad)
        left, right = (self._hand(rotation, sign, gap_m, up_m) for sign in (1.0, -1.0))
        return left, right

    def _hand(self, rotation: Array, sign: float, gap_m: float, up_m: float) -> HandTarget:
        palm = rotation @ np.array([-_BEHIND_M, sign * (self.width_m / 2 + gap_m), up_m])
        contact = rotation @ (_PALM_M * [1.0, -sign, 1.0])
        return HandTarget(self.centre_m + palm - contact, rotation)

    def moved(self, by_m: Array, turn_rad: float) -> "Grip":
        """Return the grip elsewhere."""
        return Grip(self.centre_m + by_m, self.yaw_rad + turn_rad, self.width_m)


def lift_box(sensors: Sensors) -> Phases:
    """Squeeze the box, lift it, turn to the shelf, set it down on the spot."""
    yield from _squeeze_and_carry(sensors, Task.LIFT_BOX, "box", scene.BOX_SIZE_M[1], rise_m=0.16, up_m=0.0)


def carry_tray(sensors: Sensors) -> Phases:
    """Squeeze the tray by its grips, carry it slowly to B, set it down."""
    yield from _squeeze_and_carry(sensors, Task.CARRY_TRAY, "tray", scene.TRAY_SIZE_M[1], rise_m=0.10, up_m=0.012)


def _squeeze_and_carry(
    sensors: Sensors, task: Task, name: str, width_m: float, *, rise_m: float, up_m: float
) -> Phases:
    thing = sensors.objects[name].pose
    start_rad, goal = _bearing(thing), scene.spot(task)
    goal_rad = _bearing(goal)
    seen = _turned(thing, -start_rad)
    grip = Grip(seen.position_m + _up(up_m), seen.yaw_rad, width_m)
    flat, press, pressing = (FLAT, FLAT), (PRESS, PRESS), -_SQUEEZE_M
    yield Phase("turn to it", 1.8, waist_rad=start_rad, hands=grip.hands(gap_m=0.09, up_m=0.16), shapes=flat)
    yield Phase("reach", 1.2, hands=grip.hands(gap_m=0.05))
    yield Phase("touch", 0.6, hands=grip.hands(gap_m=0.0))
    yield Phase("squeeze", 0.6, hands=grip.hands(gap_m=pressing), shapes=press)
    grip = grip.moved(_up(rise_m), 0.0)
    yield Phase("lift", 1.4, hands=grip.hands(gap_m=pressing))
    sensors = yield Phase("turn to the spot", 2.4, waist_rad=goal_rad)
    for phase in ("line up", "line up again"):
        error, turn = _error(sensors.objects[name].pose, goal, goal_rad)
        grip = grip.moved(np.array([*error[:2], 0.0]), turn)
        sensors = yield Phase(phase, 0.8, hands=grip.hands(gap_m=pressing))
    error, turn = _error(sensors.objects[name].pose, goal, goal_rad)
    grip = grip.moved(error - _up(0.004), turn)
    yield Phase("set down", 1.6, hands=grip.hands(gap_m=pressing))
    yield Phase("let go", 0.5, hands=grip.hands(gap_m=0.0), shapes=flat)
    yield Phase("part", 0.6, hands=grip.hands(gap_m=0.05))
    yield Phase("raise", 0.8, hands=grip.hands(gap_m=0.09, up_m=0.16))
    yield Phase("go home", 2.0, waist_rad=0.0, hands=_home(), swing=True)


def sort_parts(sensors: Sensors) -> Phases:
    """Pick the parts one after another, red ones with the left hand, blue ones with the right, and drop them."""
    names = sorted(sensors.objects, key=lambda name: -abs(_bearing(sensors.objects[name].pose)))
    dropped = {"red": 0, "blue": 0}
    for name in names:
        colour = name.split("_")[1]
        sensors = yield from _pick_and_drop(sensors, name, colour, dropped[colour])
        dropped[colour] += 1
    yield Phase("go home", 2.0, waist_rad=0.0, hands=_home(), swing=True)


def _pick_and_drop(sensors: Sensors, name: str, colour: str, nth: int) -> Generator[Phase, Sensors, Sensors]:
    hand = 0 if colour == "red" else 1
    side, home = 1.0 - 2.0 * hand, _home()
    part = sensors.objects[name].pose
    waist_rad = part.yaw_rad - side * _PICK_HEADING_RAD
    seen = _turned(part, -waist_rad)

    def go(name: str, duration_s: float, where: Pose, up_m: float, shape: HandShape, *, swing: bool = False) -> Phase:
        heading_rad = math.remainder(where.yaw_rad, math.pi)
        target = _from_above(where.position_m + _up(up_m), heading_rad, hand)
        hands = (target, home[1]) if hand == 0 else (home[0], target)
        return Phase(name, duration_s, waist_rad, hands, (shape, None) if hand == 0 else (None, shape), swing)

    yield go(f"turn to {name}", 2.0, seen, _CLEAR_M, CLAW_OPEN, swing=True)
    yield go(f"reach {name}", 1.0, seen, 0.0, CLAW_OPEN)
    yield go(f"grasp {name}", 0.6, seen, 0.0, CLAW_CLOSED)
    yield go(f"lift {name}", 1.0, seen, _CLEAR_M, CLAW_CLOSED)
    bin_ = scene.bin_pose(colour)
    waist_rad = bin_.yaw_rad - side * _PICK_HEADING_RAD
    over = _turned(bin_, -waist_rad)
    along = np.array([math.cos(over.yaw_rad), math.sin(over.yaw_rad), 0.0])
    over = Pose(over.position_m + (0.04 - 0.08 * nth) * along, over.quaternion)
    yield go(f"turn to the {colour} bin", 1.8, over, 0.16, CLAW_CLOSED)
    yield go(f"lower {name}", 0.8, over, 0.10, CLAW_CLOSED)
    yield go(f"drop {name}", 0.5, over, 0.10, CLAW_OPEN)
    return (yield go("raise", 0.8, over, 0.16, CLAW_OPEN))


SCRIPTS: dict[Task, Script] = {Task.LIFT_BOX: lift_box, Task.CARRY_TRAY: carry_tray, Task.SORT_PARTS: sort_parts}


def _from_above(position_m: Array, heading_rad: float, hand: int) -> HandTarget:
    """Palm down, fingers pointing along ``heading_rad``, with a place between finger tips and thumb at a position."""
    side = 1.0 - 2.0 * hand
    along = np.array([math.cos(heading_rad), math.sin(heading_rad), 0.0])
    y = np.array([0.0, 0.0, side])
    rotation = np.stack([along, y, np.cross(along, y)], axis=1)
    return HandTarget(position_m - rotation @ (_PINCH_M * [1.0, -side, 1.0]), rotation)


@cache
def _home() -> Hands:
    kinematics, position = ArmKinematics(), home_position()
    return kinematics.hand(position, 0, np.zeros(3)), kinematics.hand(position, 1, np.zeros(3))


def _bearing(pose: Pose) -> float:
    return math.atan2(pose.position_m[1], pose.position_m[0])


def _up(height_m: float) -> Array:
    return np.array([0.0, 0.0, height_m])


def _about_z(angle_rad: float) -> Array:
    c, s = math.cos(angle_rad), math.sin(angle_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _turned(pose: Pose, angle_rad: float) -> Pose:
    """Return an upright pose as it is after turning the world about the axis of the waist."""
    yaw = pose.yaw_rad + angle_rad
    return Pose(_about_z(angle_rad) @ pose.position_m, np.array([math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)]))


def _error(thing: Pose, goal: Pose, waist_rad: float) -> tuple[Array, float]:
    """Return how far and how much (rad) a thing must still go, as seen with a straight waist."""
    turn = math.remainder(goal.yaw_rad - thing.yaw_rad, 2 * math.pi)
    return _about_z(-waist_rad) @ (goal.position_m - thing.position_m), turn
