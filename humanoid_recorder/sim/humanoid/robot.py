"""The simulated humanoid: command joints, step time, read sensors."""

import mujoco
import numpy as np

from humanoid_recorder.sim.humanoid import description, model
from humanoid_recorder.sim.humanoid.cameras import Cameras, Pixels
from humanoid_recorder.sim.humanoid.scene import Array, Pose, Task, object_names, start_poses
from humanoid_recorder.sim.humanoid.sensors import ImuSample, JointSample, ObjectSample, Sensors
from humanoid_recorder.sim.humanoid.touch import Skin

STEP_NS = 1_000_000
"""One step of the physics."""


class SimHumanoid:
    """A G1 with hands at a table, in simulated time.

    Everything it does follows from the seed and the commands: two with the same agree to the last bit.

    Args:
        seed: Where things stand at the start; not negative.
        task: What stands on the table.

    Raises:
        SpecError: The robot description is not installed.
    """

    def __init__(self, seed: int, task: Task) -> None:
        self.task = task
        self.joint_names = tuple(joint.name for joint in description.joints())
        """The 43 joints in the order of every joint array."""
        self.physics = model.build(task)
        """The compiled model; do not change it."""
        self.state = mujoco.MjData(self.physics)
        """The state of the physics, always with everything computed for its time; for rendering."""
        self._count = len(self.joint_names)
        self._skin = Skin(self.physics)
        self._objects = {name: self.physics.body(name).id for name in object_names(task)}
        self._palms = [self.physics.body(f"{side}_hand_palm_link").id for side in model.SIDES]
        self._head = self.physics.body(model.HEAD).id
        self._steps = 0
        self._cameras: Cameras | None = None
        self.reset(seed)

    @property
    def time_ns(self) -> int:
        """Simulated time since the last reset; every sensor is measured at this instant."""
        return self._steps * STEP_NS

    def reset(self, seed: int) -> None:
        """Put robot and things back to the start, at time 0, things placed by ``seed``.

        Raises:
            ValueError: The seed is negative.
        """
        poses = start_poses(self.task, seed)
        mujoco.mj_resetData(self.physics, self.state)
        home = model.home_position()
        self.state.qpos[: self._count] = home
        self.state.ctrl[:] = home
        for name, pose in poses.items():
            at = int(self.physics.joint(f"{name}_free").qposadr[0])
            self.state.qpos[at : at + 7] = [*pose.position_m, *pose.quaternion]
        self._steps = 0
        mujoco.mj_forward(self.physics, self.state)

    def command(self, position_rad: Array) -> None:
        """Set the position targets of all joints; they hold until the next command.

        Args:
            position_rad: Shape (43,), in the order of ``joint_names``. A target beyond a joint's limits is moved to
                the limit, as a motor's controller does.

        Raises:
            ValueError: Wrong shape, or a value is not finite; the last command stays.
        """
        target = np.asarray(position_rad, dtype=np.float64)
        if target.shape != (self._count,):
            raise ValueError(f"a command needs {self._count} positions, not shape {target.shape}")
        if not np.isfinite(target).all():
            raise ValueError("a command must be finite")
        self.state.ctrl[:] = target

    def step(self, dt_ns: int = STEP_NS) -> None:
        """Let time pass.

        Args:
            dt_ns: A multiple of ``STEP_NS``.

        Raises:
            ValueError: It is none.
        """
        steps, rest = divmod(dt_ns, STEP_NS)
        if rest or steps < 0:
            raise ValueError(f"dt_ns must be a multiple of {STEP_NS}, not {dt_ns}")
        for _ in range(steps):
            # mj_step the other way round: advance first, then compute everything for the new instant, so that
            # positions, forces and contacts that are read together belong together.
            mujoco.mj_implicit(self.physics, self.state)
            mujoco.mj_forward(self.physics, self.state)
        self._steps += steps

    def joints(self) -> JointSample:
        """Measure the joints."""
        n = self._count
        return JointSample(self.state.qpos[:n].copy(), self.state.qvel[:n].copy(), self.state.qfrc_actuator[:n].copy())

    def wrench(self) -> Array:
        """Measure both wrists, shape (2, 6); cheap enough for every step."""
        return np.asarray(-self.state.sensordata[:12].reshape(2, 6))

    def touch(self) -> Array:
        """Measure the skin of both hands in Pa, shape (2, 7, 12)."""
        return self._skin.read(self.state)

    def imu(self) -> ImuSample:
        """Measure at the pelvis."""
        values = self.state.sensordata[12:22]
        return ImuSample(values[:4].copy(), values[4:7].copy(), values[7:10].copy())

    def hands(self) -> tuple[Pose, Pose]:
        """Where the palms are, left and right."""
        return self._pose(self._palms[0]), self._pose(self._palms[1])

    def head(self) -> Pose:
        """Where the head is."""
        return self._pose(self._head)

    def objects(self) -> dict[str, ObjectSample]:
        """Where the things are and how they move."""
        return {name: self._object(body) for name, body in self._objects.items()}

    def configuration(self) -> Array:
        """Where everything is, for ``Cameras.show``."""
        return np.asarray(self.state.qpos.copy())

    def render(self, camera: str) -> Pixels:
        """Take a picture in this process, which costs far more than a step; see ``Cameras`` for another one.

        Args:
            camera: One of ``model.CAMERAS``, or ``model.OVERVIEW``.

        Returns:
            RGB, shape (240, 320, 3).

        Raises:
            KeyError: There is no such camera.
        """
        if self._cameras is None:
            self._cameras = Cameras(self.task)
        self._cameras.show(self.configuration())
        return self._cameras.picture(camera)

    def sensors(self) -> Sensors:
        """Measure everything at this instant."""
        return Sensors(
            time_ns=self.time_ns,
            joints=self.joints(),
            wrench=self.wrench(),
            touch_pa=self.touch(),
            imu=self.imu(),
            hands=self.hands(),
            head=self.head(),
            objects=self.objects(),
        )

    def _pose(self, body: int) -> Pose:
        return Pose(self.state.xpos[body].copy(), self.state.xquat[body].copy())

    def _object(self, body: int) -> ObjectSample:
        first = int(self.physics.body_dofadr[body])
        velocity = self.state.qvel[first : first + 6]
        return ObjectSample(self._pose(body), float(np.linalg.norm(velocity[:3])), float(np.linalg.norm(velocity[3:])))
