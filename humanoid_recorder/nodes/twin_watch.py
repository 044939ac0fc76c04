"""Listens for another recorder under our own name on another computer, for as long as we run.

On this one a ``NameClaim`` decides, at once. The graph alone cannot tell: a recorder that was killed stays in it until
its lease runs out (20 s with Fast DDS), and its successor must not wait for that. A living one publishes its state,
latched, so a newcomer hears it as soon as the two have found each other. Of two, the one that is recording stays, else
the older one.

A bag that is played may hold the state of another day's recorder. So a state counts only while a second node of our
name publishes states.
"""

from collections.abc import Callable

from rclpy.node import Node
from std_msgs.msg import String

from humanoid_recorder.core.errors import RecorderUnavailableError
from humanoid_recorder.recording.name_claim import twin_error
from humanoid_recorder.recording.state import RecorderState
from humanoid_recorder.recording.state_builder import PROCESS_STARTED_NS
from humanoid_recorder.ros.qos import FROM_SEVERAL_LATCHED

_UNKNOWN = "_NODE_NAME_UNKNOWN_"
"""What a publisher's node is called until its name has been heard: a twin's state may come before its name."""
DISCOVERY_S = 0.6
"""How long a newcomer listens before it starts: two processes on one network find each other in 0.1 to 0.5 s."""


class TwinWatch:
    """Finds an older recorder of our name.

    Args:
        node: The recorder; it publishes ``RecorderState`` on ``~/state``.
        instance: By which our own states are known.
        is_recording: Whether an episode is being recorded here.
        on_twin: Called once, from the executor, when one has been heard to which we have to give way.
    """

    def __init__(
        self, node: Node, *, instance: str, is_recording: Callable[[], bool], on_twin: Callable[[], None]
    ) -> None:
        self.error: RecorderUnavailableError | None = None
        """Why we must not run; None while we are alone, or the older one."""
        self._node = node
        self._logger = node.get_logger()
        self._instance = instance
        self._is_recording = is_recording
        self._on_twin = on_twin
        self._subscription = node.create_subscription(String, "~/state", self._hear, FROM_SEVERAL_LATCHED)

    def _hear(self, message: String) -> None:
        if self._instance in message.data or self.error is not None:
            return
        try:
            other = RecorderState.model_validate_json(message.data)
        except ValueError as error:
            self._logger.warning(
                f"Somebody else publishes on our ~/state, and no state of this version: {error}", once=True
            )
            return
        if not self._has_namesake():
            return
        # The clock of the other's computer may be wrong, so age alone must never cut an episode short.
        if self._is_recording() or (other.episode is None and other.since_ns > PROCESS_STARTED_NS):
            return
        self.error = twin_error(other.node)
        self._on_twin()

    def _has_namesake(self) -> bool:
        """Whether another node of our name publishes states beside us, or one that may have it."""
        publishers = self._node.get_publishers_info_by_topic(self._subscription.topic_name)
        ours = (self._node.get_name(), self._node.get_namespace())
        named = [(each.node_name, each.node_namespace) for each in publishers]
        return named.count(ours) > 1 or any(name == _UNKNOWN for name, _ in named)
