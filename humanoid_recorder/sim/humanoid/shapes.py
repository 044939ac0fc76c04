"""What the links of the G1 look like to physics and cameras: a few primitives each, measured from the meshes.

Meshes cost a tenfold in rendering and much in collision, and need 100 MB of files. Only the left half is written down:
the right one is its mirror image in y.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Vector = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """A primitive in the frame of its link."""

    kind: Literal["capsule", "box"]
    a: Vector
    """Capsule: centre of one end (m). Box: lowest corner."""
    b: Vector
    """Capsule: centre of the other end (m). Box: highest corner."""
    radius: float = 0.0
    """Of a capsule (m)."""
    tone: Literal["dark", "white", "pad"] = "dark"
    """Colour; ``pad`` is also what touches: it has the friction of rubber."""
    collides: bool = False
    """Hands, forearms and the trunk do; what can never meet anything does not."""

    def mirrored(self) -> "Shape":
        """Return the same shape of the other side (y negated)."""
        (ax, ay, az), (bx, by, bz) = self.a, self.b
        if self.kind == "box":
            ay, by = by, ay
        return Shape(self.kind, (ax, -ay, az), (bx, -by, bz), self.radius, self.tone, self.collides)


def _capsule(a: Vector, b: Vector, radius: float, tone: Literal["dark", "white"] = "dark") -> Shape:
    return Shape("capsule", a, b, radius, tone)


def _hard(a: Vector, b: Vector, radius: float) -> Shape:
    return Shape("capsule", a, b, radius, "white", collides=True)


def _finger(a: Vector, b: Vector, radius: float) -> Shape:
    return Shape("capsule", a, b, radius, "pad", collides=True)


_MIDDLE: dict[str, tuple[Shape, ...]] = {
    "pelvis": (_capsule((0.0, -0.03, -0.07), (0.0, 0.03, -0.07), 0.06),),
    "torso_link": (
        _capsule((0.0, 0.0, 0.06), (0.0, 0.0, 0.1), 0.068, "white"),
        Shape("capsule", (0.0, -0.045, 0.2), (0.0, 0.045, 0.2), 0.075, "white", collides=True),
        _capsule((0.0, -0.04, 0.27), (0.0, 0.04, 0.27), 0.05, "white"),
    ),
    "head_link": (_capsule((0.005, 0.0, 0.39), (0.005, 0.0, 0.455), 0.065, "white"),),
}
_INNER = _finger((0.003, 0.0, 0.0), (0.044, 0.0, 0.0), 0.0107)
_TIP = _finger((0.003, 0.0, 0.0), (0.042, 0.0, 0.0), 0.0098)
_LEFT: dict[str, tuple[Shape, ...]] = {
    "left_hip_pitch_link": (_capsule((0.0, 0.03, -0.02), (0.0, 0.06, -0.02), 0.045),),
    "left_hip_roll_link": (_capsule((0.03, 0.0, 0.0), (0.03, 0.0, -0.08), 0.048),),
    "left_hip_yaw_link": (_capsule((-0.03, 0.0, -0.04), (-0.07, 0.0, -0.17), 0.05, "white"),),
    "left_knee_link": (_capsule((0.0, 0.0, -0.01), (0.0, 0.0, -0.28), 0.036, "white"),),
    "left_ankle_roll_link": (
        _capsule((-0.045, 0.018, -0.015), (0.12, 0.018, -0.015), 0.02),
        _capsule((-0.045, -0.018, -0.015), (0.12, -0.018, -0.015), 0.02),
    ),
    "left_shoulder_pitch_link": (_capsule((0.0, 0.03, 0.0), (0.0, 0.05, -0.012), 0.036),),
    "left_shoulder_roll_link": (_capsule((0.0, 0.0, -0.01), (0.0, 0.005, -0.075), 0.035, "white"),),
    "left_shoulder_yaw_link": (_capsule((0.0, 0.0, 0.0), (0.01, 0.0, -0.08), 0.033, "white"),),
    "left_elbow_link": (_hard((0.0, 0.0, -0.005), (0.08, 0.002, -0.01), 0.031),),
    "left_wrist_roll_link": (_hard((0.012, 0.0, 0.0), (0.035, 0.0, 0.0), 0.028),),
    "left_wrist_pitch_link": (_capsule((0.0, 0.0, 0.0), (0.045, 0.0, 0.0), 0.027),),
    "left_wrist_yaw_link": (_hard((0.0, 0.002, 0.0), (0.02, 0.002, 0.0), 0.027),),
    "left_hand_palm_link": (
        Shape("box", (0.004, -0.0204, -0.0439), (0.08, 0.0214, 0.0439), tone="pad", collides=True),
    ),
    "left_hand_thumb_0_link": (_capsule((0.0, -0.004, 0.0), (0.0, -0.018, 0.0), 0.0095),),
    "left_hand_thumb_1_link": (_finger((0.0, -0.003, 0.0), (0.0, -0.044, 0.0), 0.0107),),
    "left_hand_thumb_2_link": (_finger((0.0, -0.003, 0.0), (0.0, -0.042, 0.0), 0.0098),),
    "left_hand_middle_0_link": (_INNER,),
    "left_hand_middle_1_link": (_TIP,),
    "left_hand_index_0_link": (_INNER,),
    "left_hand_index_1_link": (_TIP,),
}


def link_shapes() -> Iterator[tuple[str, Shape]]:
    """Every shape with the name of its link."""
    for link, shapes in _MIDDLE.items():
        yield from ((link, shape) for shape in shapes)
    for link, shapes in _LEFT.items():
        for shape in shapes:
            yield link, shape
            yield link.replace("left_", "right_", 1), shape.mirrored()
