"""What the simulated humanoid measures, as plain arrays. Everything in one value was true at the same instant."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from humanoid_recorder.sim.humanoid.scene import Pose

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class JointSample:
    """All joints, in the order of the URDF."""

    position_rad: Array
    """Shape (43,)."""
    velocity_rad_s: Array
    """Shape (43,)."""
    effort_nm: Array
    """Torque of the motors, gravity compensation included; shape (43,)."""


@dataclass(frozen=True, slots=True)
class ImuSample:
    """Inertial measurement in the frame ``imu_in_pelvis``."""

    quaternion: Array
    """Orientation in the world, w, x, y, z."""
    angular_velocity_rad_s: Array
    """Shape (3,)."""
    acceleration_m_s2: Array
    """What an accelerometer feels (+9.81 upwards at rest), shape (3,)."""


@dataclass(frozen=True, slots=True)
class ObjectSample:
    """A thing that can move, as motion capture sees it."""

    pose: Pose
    speed_m_s: float
    spin_rad_s: float


@dataclass(frozen=True, slots=True)
class Sensors:
    """Everything at one instant."""

    time_ns: int
    """Simulated time since the last reset."""
    joints: JointSample
    wrench: Array
    """Force (N) and torque (N m) of hand and load on the left and the right wrist, in the frame of the palm link at its
    origin; shape (2, 6). A hand that hangs still shows its weight pointing down."""
    touch_pa: Array
    """Shape (2, 7, 12): see ``touch``."""
    imu: ImuSample
    hands: tuple[Pose, Pose]
    """Palm links, left and right, in the world."""
    head: Pose
    objects: dict[str, ObjectSample]
    """By name, in the order of ``scene.object_names``."""
