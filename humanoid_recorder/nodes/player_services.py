"""The player's services: ``std_srvs/Trigger``, answered at once, with JSON in the message."""

import json
from collections.abc import Callable

from rclpy.node import Node
from std_srvs.srv import Trigger

from humanoid_recorder.playback.playback import NS_PER_S, Playback
from humanoid_recorder.playback.state import Phase, PlayerState

Change = Callable[[Playback, int], None]


class PlayerServices:
    """Serves the commands.

    Args:
        node: Owns the services.
        command: Changes what is played, and returns what came of it.
        step_s: Says how long a step is; 0 = one message.
    """

    def __init__(self, node: Node, *, command: Callable[[Change], PlayerState], step_s: Callable[[], float]) -> None:
        self._command = command
        self._step_s = step_s
        changes: dict[str, Change] = {
            "pause": lambda playback, now_ns: playback.pause(now_ns),
            "resume": lambda playback, _now_ns: playback.resume(),
            "toggle": _toggle,
            "step": self._step,
            "restart": lambda playback, _now_ns: playback.seek(playback.start_ns),
        }
        self._services = [
            node.create_service(Trigger, f"~/{name}", self._handler(change)) for name, change in changes.items()
        ]

    def _handler(self, change: Change) -> Callable[[Trigger.Request, Trigger.Response], Trigger.Response]:
        def handle(_request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
            state = self._command(change)
            response.success = state.phase is not Phase.FINISHED
            if response.success:
                answer: dict[str, object] = {"phase": state.phase.value, "position_s": state.position_s}
            else:
                answer = {"error": "The bag has been played to its end.", "remedy": "Start the player again."}
            response.message = json.dumps(answer)
            return response

        return handle

    def _step(self, playback: Playback, now_ns: int) -> None:
        span_ns = round(self._step_s() * NS_PER_S)
        if span_ns:
            playback.step_span(span_ns, now_ns)
        else:
            playback.step_message(now_ns)


def _toggle(playback: Playback, now_ns: int) -> None:
    if playback.is_paused:
        playback.resume()
    else:
        playback.pause(now_ns)
