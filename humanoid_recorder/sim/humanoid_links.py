"""Where the links of the simulated humanoid are: each relative to its parent, and the frames of the cameras."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from humanoid_recorder.sim.humanoid.robot import SimHumanoid
from humanoid_recorder.sim.humanoid.scene import Pose
from humanoid_recorder.sim.humanoid_streams import WORLD, camera_frame

Array = npt.NDArray[np.float64]

_XYZW = [1, 2, 3, 0]
_HALF_TURN_ABOUT_X = np.array([0.0, 1.0, 0.0, 0.0])
"""From a camera that looks along its -z to an optical frame."""


@dataclass(frozen=True, slots=True)
class CameraMount:
    """Where the optical frame of a camera is on its link."""

    camera: str
    link: str
    position_m: Array
    quaternion: Array
    """w, x, y, z."""


class Links:
    """Every link relative to its parent."""

    def __init__(self, sim: SimHumanoid, cameras: Sequence[str]) -> None:
        physics = sim.physics
        self._state = sim.state
        self._bodies = np.arange(1, physics.nbody)
        self._parents = physics.body_parentid[1:].copy()
        mounts = []
        for name in cameras:
            number = int(physics.camera(name).id)
            link = physics.body(int(physics.cam_bodyid[number])).name
            turn = multiply(physics.cam_quat[number], _HALF_TURN_ABOUT_X)
            mounts.append(CameraMount(name, link, physics.cam_pos[number].copy(), turn))
        self.mounts = tuple(mounts)
        """Where the cameras are."""
        names = [physics.body(body).name for body in range(physics.nbody)]
        names[0] = WORLD
        self.frames = tuple((names[parent], names[body]) for body, parent in enumerate(self._parents, start=1))
        self.frames += tuple((mount.link, camera_frame(mount.camera)) for mount in mounts)
        self._fixed = np.array([[*mount.position_m, *xyzw(mount.quaternion)] for mount in mounts]).reshape(-1, 7)

    def measure(self) -> Array:
        """Return position and quaternion x, y, z, w of each frame in its parent, shape (frames, 7)."""
        state = self._state
        away = state.xpos[self._bodies] - state.xpos[self._parents]
        position = np.einsum("nji,nj->ni", state.xmat[self._parents].reshape(-1, 3, 3), away)
        inverse = state.xquat[self._parents] * [1.0, -1.0, -1.0, -1.0]
        quaternion = xyzw(multiply(inverse, state.xquat[self._bodies]))
        return np.concatenate((np.hstack((position, quaternion)), self._fixed))


def multiply(a: Array, b: Array) -> Array:
    """Multiply quaternions w, x, y, z; shapes (..., 4)."""
    w, v = (
        a[..., :1] * b[..., :1] - (a[..., 1:] * b[..., 1:]).sum(axis=-1, keepdims=True),
        np.cross(a[..., 1:], b[..., 1:]),
    )
    return np.concatenate((w, a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:] + v), axis=-1)


def xyzw(quaternion: Array) -> Array:
    """Put w of quaternions w, x, y, z last, as ROS has it; shape (..., 4)."""
    return quaternion[..., _XYZW]


def flat(pose: Pose) -> Array:
    """Return position and quaternion x, y, z, w, shape (7,)."""
    return np.concatenate((pose.position_m, xyzw(pose.quaternion)))
