"""The recorder's services: ``std_srvs/Trigger``, answered at once, with JSON in the message."""

import json
from collections.abc import Callable
from dataclasses import asdict

from rclpy.node import Node
from rclpy.parameter import Parameter
from std_srvs.srv import Trigger

from humanoid_recorder.core.errors import CommandRefused, HumanoidRecorderError
from humanoid_recorder.core.labels import Outcome
from humanoid_recorder.nodes.active_recorder import ActiveRecorder

_NOT_ACTIVE = CommandRefused("The recorder is not active.", remedy="Activate it, or start it with autostart.")

Answer = dict[str, object]


class RecorderServices:
    """Serves the operator's commands.

    Args:
        node: Owns the services.
        active: Returns what records, or None while the node is inactive.
        on_mark: Called with the JSON of every mark, to be published.
    """

    def __init__(
        self, node: Node, *, active: Callable[[], ActiveRecorder | None], on_mark: Callable[[str], None]
    ) -> None:
        self._node = node
        self._active = active
        self._on_mark = on_mark
        commands: dict[str, Callable[[ActiveRecorder], Answer]] = {
            "start": self._start,
            "stop": lambda active: _about(active, active.recorder.stop().id),
            "succeed": lambda active: _about(active, active.recorder.judge(Outcome.SUCCESS), outcome="success"),
            "fail": lambda active: _about(active, active.recorder.judge(Outcome.FAILURE), outcome="failure"),
            "discard": lambda active: _about(active, active.recorder.discard(), discarded=True),
            "undo_discard": lambda active: _about(active, active.recorder.undo_discard(), discarded=False),
            "mark": self._mark,
        }
        self._services = [
            node.create_service(Trigger, f"~/{name}", self._handler(name, command))
            for name, command in commands.items()
        ]

    def _handler(
        self, name: str, command: Callable[[ActiveRecorder], Answer]
    ) -> Callable[[Trigger.Request, Trigger.Response], Trigger.Response]:
        def handle(_request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            try:
                active = self._active()
                if active is None:
                    raise _NOT_ACTIVE
                response.message = json.dumps(command(active))
                response.success = True
            except HumanoidRecorderError as error:
                response.message = json.dumps({"error": error.message, "remedy": error.remedy})
                response.success = False
                self._node.get_logger().warning(f"{name} refused: {error}")
            return response

        return handle

    def _start(self, active: ActiveRecorder) -> Answer:
        episode = active.start()
        self._node.set_parameters([Parameter("reason", value="")])
        return _about(active, episode.id)

    def _mark(self, active: ActiveRecorder) -> Answer:
        text = active.recorder.mark()
        self._on_mark(text)
        event = json.loads(text)
        return _about(active, event["episode"], event=event)


def _about(active: ActiveRecorder, episode_id: str, **more: object) -> Answer:
    """Answer with the episode and its labels as they stand, and what else the command has to say."""
    return {"episode": episode_id, "labels": asdict(active.recorder.labels_of(episode_id)), **more}
