"""A client of a running recorder: its state, its commands, its labels."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rclpy.node import Node

from humanoid_recorder.core.errors import CommandRefused
from humanoid_recorder.ros.node_client import SLICE_S, NodeClient, StateT, always, connected

COMMANDS = ("start", "stop", "succeed", "fail", "discard", "undo_discard", "mark")

_COMPANY_S = 1.0
"""A living recorder says something twice a second."""


class RecorderClient(NodeClient[StateT]):
    """Talks to one recorder; see ``NodeClient``.

    Args:
        node: Owns the subscription and the clients.
        recorder: Fully qualified name of the recorder's node.
        parse: Turns the JSON of ``~/state`` into a state, or into None for a state to be ignored, such as a twin's.
        is_running: Whether the recorder's process is alive, where that can be known.
    """

    def __init__(
        self,
        node: Node,
        recorder: str,
        *,
        parse: Callable[[str], StateT | None],
        is_running: Callable[[], bool] = always,
    ) -> None:
        super().__init__(node, recorder, what="recorder", commands=COMMANDS, parse=parse, is_running=is_running)

    def has_company(self) -> bool:
        """Whether another recorder is alive under the same name: a command would reach both, and either may answer.

        Takes no time when nobody else is in sight, and at most a second otherwise: one that was killed stays in sight
        for a while and says nothing.

        Raises:
            RecorderUnavailableError: The recorder has ended, as the younger one of two does.
        """
        asked_s = time.monotonic()
        while self._node.count_publishers(self._subscription.topic_name) > 1:
            self.require_running()
            with self._news:
                if self._heard_another_s > asked_s:
                    return True
                if time.monotonic() - asked_s > _COMPANY_S:
                    return False
                self._news.wait(SLICE_S)
        return False

    def set_labels(self, labels: Mapping[str, str]) -> None:
        """Set labels (task, prompt, operator, scene, reason), all of them or none.

        Raises:
            CommandRefused: There is no such label.
            RecorderUnavailableError: The recorder has ended or does not answer.
        """
        try:
            self.set_parameters(labels)
        except CommandRefused as refusal:
            raise CommandRefused(f"The labels {refusal.message}") from refusal


@contextmanager
def connect(
    recorder: str, *, parse: Callable[[str], StateT | None], is_running: Callable[[], bool] = always
) -> Iterator[RecorderClient[StateT]]:
    """Make a client with a context and a thread of its own for as long as the block lasts; arguments as the client's.

    The process's main context must not be initialised yet.
    """
    with connected(lambda node: RecorderClient(node, recorder, parse=parse, is_running=is_running)) as client:
        yield client
