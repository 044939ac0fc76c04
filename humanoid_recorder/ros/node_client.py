"""A client of a running node of ours: its state, its commands, its parameters.

What the state means is the caller's business, who brings the parser: this layer does not know the models.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

import rclpy
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.client import Client
from rclpy.node import Node
from rclpy.parameter import Parameter
from std_msgs.msg import String
from std_srvs.srv import Trigger

from humanoid_recorder.core.errors import CommandRefused, RecorderUnavailableError
from humanoid_recorder.ros.asking import ask
from humanoid_recorder.ros.qos import FROM_SEVERAL_LATCHED
from humanoid_recorder.ros.running import ros_context, spinning

StateT = TypeVar("StateT")
ClientT = TypeVar("ClientT")
SLICE_S = 0.05
"""How often a wait looks whether the node still runs and whether the caller has lost interest."""


def always() -> bool:
    """Say yes."""
    return True


def _never() -> bool:
    return False


class NodeClient(Generic[StateT]):
    """Talks to one node. Somebody else must spin ours; every method may be called from any other thread.

    Args:
        node: Owns the subscription and the clients.
        name: Fully qualified name of the node that is talked to.
        what: What it is, for messages: recorder, player.
        commands: Its services without a request.
        parse: Turns the JSON of ``~/state`` into a state, or into None for a state to be ignored, such as a twin's.
        is_running: Whether its process is alive, where that can be known.
    """

    def __init__(
        self,
        node: Node,
        name: str,
        *,
        what: str,
        commands: Sequence[str],
        parse: Callable[[str], StateT | None],
        is_running: Callable[[], bool] = always,
    ) -> None:
        self._node = node
        self._who = f"{what} {name}"
        self._parse = parse
        self._is_running = is_running
        self._news = threading.Condition()
        self._state: StateT | None = None
        self._heard_s = time.monotonic()
        self._heard_another_s = 0.0
        self._unreadable = ""
        self._services: dict[str, Client[Any, Any]] = {
            command: node.create_client(Trigger, f"{name}/{command}") for command in commands
        }
        self._parameters: Client[Any, Any] = node.create_client(
            SetParametersAtomically, f"{name}/set_parameters_atomically"
        )
        self._subscription = node.create_subscription(String, f"{name}/state", self._hear, FROM_SEVERAL_LATCHED)

    @property
    def state(self) -> StateT | None:
        """The newest state; None before the first."""
        with self._news:
            return self._state

    @property
    def silence_s(self) -> float:
        """Since the newest state, or since the beginning."""
        with self._news:
            return time.monotonic() - self._heard_s

    def wait_for(
        self,
        accept: Callable[[StateT], bool],
        *,
        timeout_s: float | None = None,
        give_up: Callable[[], bool] = _never,
    ) -> StateT | None:
        """Wait until the newest state is one the caller is waiting for.

        Args:
            accept: Looks at a state.
            timeout_s: None = for as long as it takes.
            give_up: Asked every 50 ms; True ends the wait.

        Returns:
            The state; None when the time was over or the caller gave up.

        Raises:
            RecorderUnavailableError: The recorder has ended, or what it says cannot be understood.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        with self._news:
            while True:
                state = self._state
                if state is not None and accept(state):
                    return state
                self.require_running()
                left_s = SLICE_S if deadline_s is None else min(SLICE_S, deadline_s - time.monotonic())
                if left_s <= 0 or give_up():
                    return None
                self._news.wait(left_s)

    def call(self, command: str) -> dict[str, object]:
        """Give a command and return the answer.

        Raises:
            CommandRefused: With the node's own words.
            RecorderUnavailableError: It has ended or does not answer.
        """
        response = self._ask(self._services[command], Trigger.Request())
        answer: dict[str, object] = json.loads(response.message)
        if not response.success:
            raise CommandRefused(str(answer["error"]), remedy=str(answer["remedy"]))
        return answer

    def set_parameters(self, values: Mapping[str, str | float | bool]) -> None:
        """Set parameters, all of them or none.

        Raises:
            CommandRefused: With the node's reason.
            RecorderUnavailableError: It has ended or does not answer.
        """
        request = SetParametersAtomically.Request()
        request.parameters = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        result = self._ask(self._parameters, request).result
        if not result.successful:
            raise CommandRefused(f"{', '.join(values)} cannot be set: {result.reason}.")

    def require_running(self) -> None:
        """Look whether the node is still there.

        Raises:
            RecorderUnavailableError: It has ended, or what it says cannot be understood.
        """
        if self._unreadable:
            raise RecorderUnavailableError(
                f"What the {self._who} says cannot be understood: {self._unreadable}",
                remedy="Use the same version of humanoid_recorder on both sides.",
            )
        if not self._is_running():
            raise RecorderUnavailableError(f"The {self._who} has ended.")

    def _ask(self, client: "Client[Any, Any]", request: object) -> Any:
        return ask(client, request, who=f"The {self._who}", require=self.require_running)

    def _hear(self, message: String) -> None:
        try:
            state, unreadable = self._parse(message.data), ""
        except ValueError as error:
            state, unreadable = None, str(error)
        with self._news:
            self._unreadable = unreadable
            if state is not None:
                self._state = state
                self._heard_s = time.monotonic()
            elif not unreadable:
                self._heard_another_s = time.monotonic()
            self._news.notify_all()


@contextmanager
def connected(make: Callable[[Node], ClientT]) -> Iterator[ClientT]:
    """Make a client with a context and a thread of its own for as long as the block lasts.

    The process's main context must not be initialised yet.

    Args:
        make: Makes the client of a node.
    """
    with ros_context(()):
        node = rclpy.create_node(
            f"_client_{os.getpid()}",
            enable_rosout=False,
            start_parameter_services=False,
            use_global_arguments=False,
        )
        try:
            client = make(node)
            with spinning(node):
                yield client
        finally:
            node.destroy_node()
