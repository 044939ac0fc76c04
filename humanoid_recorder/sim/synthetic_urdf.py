"""A small URDF of primitives with the joints and frames of the synthetic robot, so that rviz can draw it at once.

It contains no meshes: those would be ``package://`` paths that nobody who gets a bag can resolve. Joints of a Unitree
G1 are put where a humanoid has them; a joint with another name hangs on the base.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from humanoid_recorder.sim.synthetic_signals import JOINT_AMPLITUDE_RAD

BASE = "base_link"
_CHAINS = (
    ("waist", ("waist_",), (0.0, 0.0, 0.05)),
    ("leg", ("_hip_", "_knee_", "_ankle_"), (0.0, 0.09, -0.08)),
    ("arm", ("_shoulder_", "_elbow_", "_wrist_"), (0.0, 0.16, 0.28)),
)
_LENGTH_M = {"_hip_yaw": 0.3, "_knee": 0.3, "_shoulder_yaw": 0.2, "_elbow": 0.2, "waist_pitch": 0.0}
"""How far the next joint of the limb lies below this one; the others sit on top of each other."""
_AXES = {"_roll": "1 0 0", "_yaw": "0 0 1"}
_MARGIN_RAD = 0.4
_MOUNTS = {
    "head_camera_color_optical_frame": ("torso", (0.08, 0.0, 0.42), (-1.9, 0.0, -1.5708)),
    "imu_link": ("torso", (0.0, 0.0, 0.1), (0.0, 0.0, 0.0)),
    "left_wrist_camera_color_optical_frame": ("left_hand", (0.05, 0.0, -0.05), (3.1416, 0.0, -1.5708)),
    "right_wrist_camera_color_optical_frame": ("right_hand", (0.05, 0.0, -0.05), (3.1416, 0.0, -1.5708)),
    "left_palm": ("left_hand", (0.0, 0.0, -0.08), (0.0, 0.0, 0.0)),
    "right_palm": ("right_hand", (0.0, 0.0, -0.08), (0.0, 0.0, 0.0)),
}
"""Frame: limb whose last link carries it, position (m), orientation (roll, pitch, yaw in rad)."""


@dataclass(slots=True)
class _Limb:
    tip: str
    """Link on which the next joint of the limb is put."""
    next_m: tuple[float, float, float]
    """Where, in the frame of that link."""


def make_urdf(joints: Sequence[str], frames: Iterable[str], *, robot_name: str = "synthetic_robot") -> str:
    """Write the URDF.

    Args:
        joints: Joint names; the link moved by ``x_joint`` is ``x_link``.
        frames: Every other frame that messages are measured in; those that are no link of a joint become fixed links.
        robot_name: Name of the robot in the URDF.

    Returns:
        XML text; one tree with ``base_link`` as its root.
    """
    limbs: dict[str, _Limb] = {}
    parts = [f"<robot name={quoteattr(robot_name)}>", _link(BASE, _box(0.16, 0.2, 0.12, 0.0))]
    links = {BASE}
    for joint in _waist_first(joints):
        limb, length_m = _limb_of(joint, limbs), _length_m(joint)
        link = _link_name(joint)
        origin = _origin(limb.next_m, (0.0, 0.0, 0.0))
        axis = next((axis for ending, axis in _AXES.items() if ending in joint), "0 1 0")
        reach_rad = JOINT_AMPLITUDE_RAD + _MARGIN_RAD
        parts += [
            _link(link, _shape(joint, length_m)),
            f'<joint name={quoteattr(joint)} type="revolute"><parent link={quoteattr(limb.tip)}/>'
            f'<child link={quoteattr(link)}/>{origin}<axis xyz="{axis}"/>'
            f'<limit lower="{-reach_rad}" upper="{reach_rad}" effort="100" velocity="20"/></joint>',
        ]
        links.add(link)
        limb.tip, limb.next_m = link, (0.0, 0.0, -length_m)
    for frame in sorted(set(frames) - links):
        limb_name, xyz_m, rpy_rad = _MOUNTS.get(frame, ("", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)))
        parent = limbs[_TIPS[limb_name]].tip if _TIPS.get(limb_name) in limbs else BASE
        parts += [
            f"<link name={quoteattr(frame)}/>",
            f'<joint name={quoteattr(f"{frame}_mount")} type="fixed"><parent link={quoteattr(parent)}/>'
            f"<child link={quoteattr(frame)}/>{_origin(xyz_m, rpy_rad)}</joint>",
        ]
    return "\n".join([*parts, "</robot>\n"])


_TIPS = {"torso": "waist", "left_hand": "left arm", "right_hand": "right arm"}


def _waist_first(joints: Sequence[str]) -> list[str]:
    return sorted(joints, key=lambda joint: not joint.startswith("waist_"))


def _limb_of(joint: str, limbs: dict[str, _Limb]) -> _Limb:
    """Return the limb a joint belongs to, started at its root if this is its first joint."""
    for chain, words, (x_m, y_m, z_m) in _CHAINS:
        if any(word in joint for word in words):
            side = joint.partition("_")[0]
            name = chain if chain == "waist" else f"{side} {chain}"
            root = limbs["waist"].tip if chain == "arm" and "waist" in limbs else BASE
            return limbs.setdefault(name, _Limb(root, (x_m, -y_m if side == "right" else y_m, z_m)))
    return limbs.setdefault(joint, _Limb(BASE, (0.0, 0.0, 0.0)))


def _length_m(joint: str) -> float:
    return next((length_m for word, length_m in _LENGTH_M.items() if word in joint), 0.0)


def _link_name(joint: str) -> str:
    return f"{joint.removesuffix('_joint')}_link"


def _shape(joint: str, length_m: float) -> str:
    if "waist_pitch" in joint:
        return _box(0.16, 0.26, 0.36, 0.18)
    if "_ankle_roll" in joint:
        return _box(0.2, 0.07, 0.04, -0.03)
    if "_wrist_yaw" in joint:
        return _box(0.05, 0.08, 0.14, -0.08)
    if length_m:
        origin = _origin((0.0, 0.0, -length_m / 2), (0.0, 0.0, 0.0))
        return f'{origin}<geometry><cylinder radius="0.04" length="{length_m}"/></geometry>'
    return '<geometry><sphere radius="0.045"/></geometry>'


def _box(x_m: float, y_m: float, z_m: float, centre_z_m: float) -> str:
    origin = _origin((0.0, 0.0, centre_z_m), (0.0, 0.0, 0.0))
    return f'{origin}<geometry><box size="{x_m} {y_m} {z_m}"/></geometry>'


def _link(name: str, visual: str) -> str:
    return f"<link name={quoteattr(name)}><visual>{visual}</visual></link>"


def _origin(xyz_m: tuple[float, float, float], rpy_rad: tuple[float, float, float]) -> str:
    xyz, rpy = (" ".join(f"{value:g}" for value in values) for values in (xyz_m, rpy_rad))
    return f'<origin xyz="{xyz}" rpy="{rpy}"/>'
