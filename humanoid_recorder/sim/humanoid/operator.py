"""The scripted operator: follows a task's script and turns it into joint targets.

A script is a generator of phases. It looks at the sensors when a phase ends and says where waist, hands and fingers go
next; the operator moves them there smoothly and solves the arms' inverse kinematics on the way.
"""

import numpy as np

from humanoid_recorder.sim.humanoid import description, model
from humanoid_recorder.sim.humanoid.kinematics import ArmKinematics
from humanoid_recorder.sim.humanoid.motion import finger_indices
from humanoid_recorder.sim.humanoid.phases import Move, Phases, Posture
from humanoid_recorder.sim.humanoid.scene import Array, Task
from humanoid_recorder.sim.humanoid.scripts import SCRIPTS
from humanoid_recorder.sim.humanoid.sensors import Sensors

_ORIGIN = np.zeros(3)
_ITERATIONS, _ITERATIONS_FROM_AFAR = 4, 200


class Operator:
    """Does one task once.

    Args:
        task: What to do; it starts from the home posture.

    Raises:
        SpecError: The robot description is not installed.
    """

    def __init__(self, task: Task) -> None:
        self._script = SCRIPTS[task]
        self._phases: Phases | None = None
        self._kinematics = ArmKinematics()
        self._position = model.home_position()
        names = [joint.name for joint in description.joints()]
        self._waist = names.index("waist_yaw_joint")
        self._fingers = (finger_indices(0), finger_indices(1))
        left, right = (self._kinematics.hand(self._position, hand, _ORIGIN) for hand in (0, 1))
        self._posture = Posture(0.0, (left, right), (np.zeros(7), np.zeros(7)))
        self._move: Move | None = None
        self._swing = (self._position, self._position)
        self._done = False
        self.worst_reach_m = 0.0
        """How far a hand was from its target at most, because the target was out of reach."""

    @property
    def done(self) -> bool:
        """The script is over; targets stay where they are."""
        return self._done

    @property
    def phase(self) -> str:
        """Name of the phase under way; empty before the start."""
        return "" if self._move is None else self._move.phase.name

    def targets(self, time_ns: int, sensors: Sensors) -> Array:
        """Say where the joints should be now.

        Args:
            time_ns: Time; must not go back. Meant to be asked at 100 to 200 Hz.
            sensors: What is measured now.

        Returns:
            Position targets of all joints, rad, shape (43,).
        """
        if not self._done and (self._move is None or self._move.over(time_ns)):
            self._next_phase(time_ns, sensors)
        if self._move is not None and not self._done:
            if self._move.phase.swing:
                share = self._move.share(time_ns)
                self._position = (1.0 - share) * self._swing[0] + share * self._swing[1]
            else:
                self._position = self._reach(self._move.at(time_ns), _ITERATIONS)
        return self._position.copy()

    def _next_phase(self, time_ns: int, sensors: Sensors) -> None:
        if self._move is not None:
            self._posture = self._move.end
        try:
            if self._phases is None:
                self._phases = self._script(sensors)
                phase = next(self._phases)
            else:
                phase = self._phases.send(sensors)
        except StopIteration:
            self._done = True
            return
        self._move = Move(phase, time_ns, self._posture)
        if phase.swing:
            self._swing = (self._position, self._reach(self._move.end, _ITERATIONS_FROM_AFAR))

    def _reach(self, posture: Posture, iterations: int) -> Array:
        position = self._position
        for hand in (0, 1):
            target = posture.hands[hand]
            position, error = self._kinematics.solve(position, hand, _ORIGIN, target, iterations=iterations)
            self.worst_reach_m = max(self.worst_reach_m, error)
            position[self._fingers[hand]] = posture.fingers[hand]
        position[self._waist] = posture.waist_rad
        return position
