"""The physical model: links and joints of the URDF, primitives for shapes, motors, sensors and cameras.

The pelvis is fixed in the world. A motor is a spring and a damper towards the commanded position, limited to the
torque of the URDF; like the real controllers, it also carries the weight of the robot's own links (feed-forward
gravity compensation), not that of what the hands hold.
"""

import re

import mujoco
import numpy as np

from humanoid_recorder.sim.humanoid import description, scene
from humanoid_recorder.sim.humanoid.shapes import Shape, link_shapes

TIMESTEP_S = 0.001
"""One step; the wrists are measured at 1 kHz."""
STIFFNESS_PER_NM = 8.0
"""Stiffness of a motor (N m/rad) per N m of its largest torque: full torque at an error of 1/8 rad."""
DAMPING_S = 0.05
"""Damping of a motor (N m s/rad) per N m/rad of its stiffness."""
ARMATURE_PER_NM = 0.0008
"""Inertia of the rotor behind its gear (kg m2) per N m of largest torque."""
SIDES = ("left", "right")
HEAD, IMU = "head_link", "imu_in_pelvis"
CAMERAS = ("head", "left_wrist", "right_wrist")
OVERVIEW = "overview"
"""A camera beside the table, for pictures of the scene; the robot does not have it."""
FIELD_OF_VIEW_DEG = {"head": 58.0, "left_wrist": 75.0, "right_wrist": 75.0, OVERVIEW: 42.0}
"""Vertical."""
HOME_RAD = {
    "shoulder_pitch": 0.25, "shoulder_roll": 0.35, "shoulder_yaw": 0.0, "elbow": -0.95,
    "wrist_roll": 0.0, "wrist_pitch": 0.0, "wrist_yaw": 0.0,
}  # fmt: skip
"""Arms at the start, left side: forearms raised in front of the body, clear of the table."""

_TONES = {"dark": (0.22, 0.23, 0.25, 1.0), "white": (0.86, 0.87, 0.88, 1.0), "pad": (0.36, 0.38, 0.42, 1.0)}


def build(task: scene.Task | None) -> mujoco.MjModel:
    """Compile the robot with the scene of a task; without one, the robot alone (for kinematics).

    Raises:
        SpecError: The robot description is not installed.
    """
    spec = mujoco.MjSpec.from_string(_without_meshes(description.urdf_path().read_text(encoding="utf-8")))
    spec.compiler.fusestatic = False
    spec.compiler.discardvisual = False
    _set_options(spec)
    spec.body("pelvis").pos = [0, 0, scene.PELVIS_HEIGHT_M]
    for body in spec.bodies[1:]:
        body.gravcomp = 1.0
    for link, shape in link_shapes():
        _add_shape(spec.body(link), shape)
    _add_motors(spec)
    _add_sensors(spec)
    _add_cameras(spec)
    if task is not None:
        scene.add_scene(spec, task)
    return spec.compile()


def home_position() -> scene.Array:
    """Joint positions at the start, rad, shape (43,), in the order of the URDF."""
    position = np.zeros(len(description.joints()))
    for index, joint in enumerate(description.joints()):
        side, _, rest = joint.name.removesuffix("_joint").partition("_")
        angle = HOME_RAD.get(rest, 0.0)
        position[index] = -angle if side == "right" and rest.endswith(("roll", "yaw")) else angle
    return position


def _without_meshes(urdf: str) -> str:
    """Drop the geometry: it names files of 100 MB by ``package://`` paths, and primitives replace it."""
    return re.sub(r"<(visual|collision)\b.*?</\1>", "", urdf, flags=re.DOTALL)


def _set_options(spec: mujoco.MjSpec) -> None:
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    # Elliptic cones with much impedance against sliding: what is held does not creep out of the hands.
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10.0
    spec.visual.quality.shadowsize = 0
    spec.visual.quality.offsamples = 0
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = [0.42] * 3, [0.22] * 3
    spec.visual.headlight.specular = [0.05] * 3
    spec.visual.global_.offwidth, spec.visual.global_.offheight = 1280, 960
    spec.visual.map.znear = 0.005


def _add_shape(body: mujoco.MjsBody, shape: Shape) -> None:
    geom = body.add_geom(rgba=_TONES[shape.tone], mass=0.0, contype=int(shape.collides), conaffinity=2 * shape.collides)
    if shape.kind == "capsule":
        geom.type = mujoco.mjtGeom.mjGEOM_CAPSULE
        geom.fromto = [*shape.a, *shape.b]
        geom.size = [shape.radius, 0, 0]
    else:
        low, high = np.array(shape.a), np.array(shape.b)
        geom.type = mujoco.mjtGeom.mjGEOM_BOX
        geom.pos, geom.size = (low + high) / 2, (high - low) / 2
    if shape.tone == "pad":
        geom.name = f"{body.name}_pad"
        geom.friction = [1.2, 0.02, 0.001]
        geom.condim = 4


def _add_motors(spec: mujoco.MjSpec) -> None:
    for joint in description.joints():
        body_joint = spec.joint(joint.name)
        body_joint.armature = ARMATURE_PER_NM * joint.effort_nm
        body_joint.damping = [0.1 * DAMPING_S * joint.effort_nm, 0, 0]
        body_joint.actgravcomp = 1
        stiffness = STIFFNESS_PER_NM * joint.effort_nm
        motor = spec.add_actuator(name=joint.name, target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        motor.set_to_position(kp=stiffness, kv=DAMPING_S * stiffness)
        motor.ctrllimited, motor.ctrlrange = True, [joint.lower_rad, joint.upper_rad]
        motor.forcelimited, motor.forcerange = True, [-joint.effort_nm, joint.effort_nm]


def _add_sensors(spec: mujoco.MjSpec) -> None:
    def sensor(name: str, kind: mujoco.mjtSensor, site: str) -> None:
        spec.add_sensor(name=name, type=kind, objtype=mujoco.mjtObj.mjOBJ_SITE, objname=site)

    for side in SIDES:
        palm = spec.body(f"{side}_hand_palm_link")
        palm.add_site(name=f"{side}_wrist", size=[0.002] * 3, group=5)
        sensor(f"{side}_force", mujoco.mjtSensor.mjSENS_FORCE, f"{side}_wrist")
        sensor(f"{side}_torque", mujoco.mjtSensor.mjSENS_TORQUE, f"{side}_wrist")
    spec.body(IMU).add_site(name="imu", size=[0.002] * 3, group=5)
    sensor("imu_orientation", mujoco.mjtSensor.mjSENS_FRAMEQUAT, "imu")
    sensor("imu_gyro", mujoco.mjtSensor.mjSENS_GYRO, "imu")
    sensor("imu_accelerometer", mujoco.mjtSensor.mjSENS_ACCELEROMETER, "imu")


def _add_cameras(spec: mujoco.MjSpec) -> None:
    def camera(body: mujoco.MjsBody, name: str, at_m: list[float], towards_m: list[float]) -> None:
        towards = _looking(np.array(at_m), np.array(towards_m))
        body.add_camera(name=name, pos=at_m, quat=towards, fovy=FIELD_OF_VIEW_DEG[name])

    camera(spec.body("d435_link"), "head", [0.0, 0.0, 0.0], [1.0, 0.0, 0.0])
    for sign, side in zip((1, -1), SIDES, strict=True):
        palm = spec.body(f"{side}_hand_palm_link")
        camera(palm, f"{side}_wrist", [-0.03, sign * 0.01, 0.1], [0.1, -sign * 0.08, 0.0])
    camera(spec.worldbody, OVERVIEW, [1.45, -1.05, 1.65], [0.15, 0.0, 0.88])


def _looking(position_m: scene.Array, at_m: scene.Array) -> scene.Array:
    """Return the quaternion of a camera (it looks along its -z) that looks at a point, its top towards z."""
    back = position_m - at_m
    right = np.cross([0.0, 0.0, 1.0], back)
    up = np.cross(back, right)
    axes = np.stack([axis / np.linalg.norm(axis) for axis in (right, up, back)], axis=1)
    quaternion = np.zeros(4)
    mujoco.mju_mat2Quat(quaternion, axes.ravel())
    return quaternion
