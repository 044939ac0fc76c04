"""A client of the simulated humanoid: a new attempt, and how it goes."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rcl_interfaces.srv import SetParametersAtomically
from rclpy.client import Client
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import String
from std_srvs.srv import Trigger

from humanoid_recorder.core.errors import CommandRefused
from humanoid_recorder.ros.asking import ask
from humanoid_recorder.ros.qos import LATCHED

_SLICE_S = 0.05
_DONE = "done"
_AFTER_DONE_S = 3.0
"""How long things may take to come to rest after the operator has let go."""


@dataclass(frozen=True, slots=True)
class SimState:
    """What the simulated humanoid says of itself."""

    task: str
    seed: int
    time_s: float
    """Simulated, since the last reset."""
    phase: str
    """What the operator is doing; ``done`` at the end."""
    success: bool
    missing: str
    """What keeps the task from being done."""


class SimClient:
    """Talks to one simulated humanoid. Somebody else spins the node; methods are called from another thread.

    Args:
        node: Owns the subscription and the clients.
        robot: Fully qualified name of the robot's node.
        require: Called while waiting; raises when there is no point in waiting any longer.
    """

    def __init__(self, node: Node, robot: str, *, require: Callable[[], None]) -> None:
        self._robot = robot
        self._require = require
        self._news = threading.Condition()
        self._state: SimState | None = None
        self._seed: Client[Any, Any] = node.create_client(SetParametersAtomically, f"{robot}/set_parameters_atomically")
        self._reset: Client[Any, Any] = node.create_client(Trigger, f"{robot}/reset")
        node.create_subscription(String, f"{robot}/state", self._hear, LATCHED)

    def reset(self, seed: int) -> None:
        """Begin a new attempt.

        Raises:
            CommandRefused: The robot will not.
            RecorderUnavailableError: It does not answer.
        """
        request = SetParametersAtomically.Request()
        request.parameters = [Parameter("seed", value=seed).to_parameter_msg()]
        result = ask(self._seed, request, who=self._robot, require=self._require).result
        if not result.successful:
            raise CommandRefused(f"The seed {seed} cannot be set: {result.reason}.")
        response = ask(self._reset, Trigger.Request(), who=self._robot, require=self._require)
        if not response.success:
            raise CommandRefused(f"{self._robot} did not reset: {response.message}")

    def wait_for_end(self, seed: int, *, longest_s: float) -> SimState | None:
        """Wait until the attempt has succeeded, or has ended without.

        Args:
            seed: Of the attempt; states of an earlier one are passed over.
            longest_s: How long an attempt may take.

        Returns:
            The last state; None when nothing was heard of this attempt.
        """
        deadline_s = time.monotonic() + longest_s
        done_s: float | None = None
        while True:
            self._require()
            with self._news:
                self._news.wait(_SLICE_S)
                state = self._state if self._state is not None and self._state.seed == seed else None
            now_s = time.monotonic()
            if state is not None and state.phase == _DONE and done_s is None:
                done_s = now_s
            is_over = now_s > deadline_s or (done_s is not None and now_s - done_s > _AFTER_DONE_S)
            if is_over or (state is not None and state.success):
                return state

    def _hear(self, message: String) -> None:
        said = json.loads(message.data)
        state = SimState(**{name: said[name] for name in SimState.__slots__})
        with self._news:
            self._state = state
            self._news.notify_all()
