"""The player node: services, settable parameters and ``~/state`` around a ``Player``."""

import gc
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.parameter import Parameter
from std_msgs.msg import String

from humanoid_recorder.core.cdr import encode_string_message
from humanoid_recorder.core.errors import EXIT_BAD
from humanoid_recorder.nodes.player_outlet import PlayerOutlet
from humanoid_recorder.nodes.player_parameters import declare_parameters, judge_changes, read_parameters
from humanoid_recorder.nodes.player_services import PlayerServices
from humanoid_recorder.nodes.player_state import PlayerReport
from humanoid_recorder.playback.playback import NS_PER_S, Playback, PlaybackOptions
from humanoid_recorder.playback.player import Player
from humanoid_recorder.playback.program import open_program
from humanoid_recorder.playback.read_ahead import ReadAhead
from humanoid_recorder.playback.state import PlayerState
from humanoid_recorder.ros.publishing import why_not_publishable
from humanoid_recorder.ros.qos import LATCHED
from humanoid_recorder.ros.running import (
    RunnableNode,
    StopRequest,
    declare_stop_with_parent,
    run_node,
)

_STATE_PERIOD_S = 0.5
_LOOK_S = 0.05
_SETTLE_S = 0.2
"""From our side a subscriber may be connected a moment before it is from its own."""
_ACKNOWLEDGE_S = 0.5
"""After a signal; reliable subscribers have so long to take what is on its way."""
_ACKNOWLEDGE_UNHURRIED_S = 5.0
"""At the end of the bag. Fast DDS repeats what was lost every 3 s."""
_PARENT_S = 10.0
"""The command that started us is given so long to hear our state."""
_SWITCH_INTERVAL_S = 0.0005
"""How long another thread of ours may hold up the one that publishes."""


class PlayerNode(RunnableNode):
    """Plays one bag; see the module's description and ``docs/reference/player.md``."""

    def __init__(self, stop: StopRequest) -> None:
        super().__init__("player")
        self._stop = stop
        self._resources = ExitStack()
        self._is_skipping_wait = threading.Event()
        self._is_closing = threading.Event()
        declare_parameters(self)
        declare_stop_with_parent(self)
        self._settings = parameters = read_parameters(self)
        program = self._resources.enter_context(
            open_program(
                parameters.bag,
                parameters.choice,
                by=parameters.by,
                window=parameters.window,
                check_type=why_not_publishable,
            )
        )
        self._outlet = PlayerOutlet(self, program, with_clock=parameters.clock_hz > 0)
        changed = threading.Condition()
        self._feed = ReadAhead(program.timeline.messages, on_news=lambda: _notify(changed))
        options = PlaybackOptions(
            start_ns=program.start_ns,
            end_ns=program.end_ns,
            rate=parameters.rate,
            loop=parameters.loop,
            paused=parameters.paused,
            clock_hz=parameters.clock_hz,
        )
        self._player = Player(changed, Playback(self._feed, options), self._outlet)
        self._report = PlayerReport(
            program, self._player, self._outlet, node=self.get_fully_qualified_name(), instance=parameters.instance
        )
        self._report.log_beginning(self.get_logger())
        self._state_publisher = self.create_publisher(String, "~/state", LATCHED)
        self._commands = PlayerServices(self, command=self._command, step_s=self._step_s)
        self.add_on_set_parameters_callback(self._judge_parameters)
        self.add_post_set_parameters_callback(self._take_parameters)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # the node's own may be the one we publish
        self.create_timer(_STATE_PERIOD_S, self._on_timer, clock=steady)
        self._thread = threading.Thread(target=self._run, name="player")
        self._thread.start()

    def close(self, reason: str) -> None:
        """Stop playing, let subscribers take what is on its way, and publish the last state."""
        self._is_closing.set()
        self._player.stop()
        self._thread.join()
        if not self._report.is_finished:
            self._outlet.publishers.wait_until_taken(_ACKNOWLEDGE_S)
        self._publish_state()
        # Whoever started us wants to know how it went, and we are about to go.
        self._state_publisher.wait_for_all_acked(Duration(seconds=_ACKNOWLEDGE_S))
        self._report.log_end(self.get_logger(), reason)
        self._resources.close()

    def _run(self) -> None:
        exit_code, reason = EXIT_BAD, "a failure"
        try:
            with self._feed:
                self._wait_for_subscribers()
                gc.freeze()  # looking through all that the start has made would hold up messages for tens of ms
                self._report.begin()
                self._player.run()
            if self._is_closing.is_set():
                return
            self._report.end(self._feed.error)
            self._publish_state()
            if not self._outlet.publishers.wait_until_taken(_ACKNOWLEDGE_UNHURRIED_S):
                self.get_logger().warning("a subscriber has not taken everything within 5 s")
            exit_code, reason = 0 if self._report.state().is_good else EXIT_BAD, "the bag has been played"
        except Exception as error:  # a mistake in the program must end the process, not one thread of it
            self.get_logger().fatal("".join(traceback.format_exception(error)))
        self._stop.request(reason, exit_code=exit_code)

    def _wait_for_subscribers(self) -> None:
        begun_s = time.monotonic()
        heard_s: float | None = None
        while not (self._is_closing.is_set() or self._is_skipping_wait.is_set()):
            now_s = time.monotonic()
            heard_s = None if self._is_waited_for(now_s - begun_s) else heard_s or now_s
            settle_s = _SETTLE_S if self._settings.wait_for_subscribers else 0.0
            if heard_s is not None and now_s >= max(heard_s + settle_s, begun_s + self._settings.delay_s):
                return
            self._is_closing.wait(_LOOK_S)

    def _is_waited_for(self, waited_s: float) -> bool:
        """Whether somebody has yet to find us: a subscriber, or the command that started us and shows how we do."""
        if self._settings.wait_for_subscribers and self._outlet.publishers.unheard():
            return True
        is_shown = self._settings.is_named_by_parent and waited_s < _PARENT_S
        return is_shown and not self._state_publisher.get_subscription_count()

    def _command(self, change: Callable[[Playback, int], None]) -> PlayerState:
        """Change what is played, and return what came of it."""
        self._is_skipping_wait.set()
        self._player.command(change)
        return self._publish_state()

    def _step_s(self) -> float:
        return float(self.get_parameter("step_s").value or 0.0)

    def _judge_parameters(self, parameters: "list[Parameter[Any]]") -> SetParametersResult:
        return judge_changes(parameters)

    def _take_parameters(self, parameters: "list[Parameter[Any]]") -> None:
        changes = {parameter.name: parameter.value for parameter in parameters}

        def change(playback: Playback, now_ns: int) -> None:
            if "rate" in changes:
                playback.set_rate(float(changes["rate"]), now_ns)
            if "loop" in changes:
                playback.loop = bool(changes["loop"])
            if "position_s" in changes:
                playback.seek(round(float(changes["position_s"]) * NS_PER_S))

        if changes.keys() & {"rate", "loop", "position_s"}:
            self._player.command(change)
            self._publish_state()

    def _on_timer(self) -> None:
        self._publish_state()

    def _publish_state(self) -> PlayerState:
        state = self._report.state()
        if self.context.ok():  # else somebody has shut rclpy down; the log is all that is left
            self._state_publisher.publish(encode_string_message(state.model_dump_json()))
        return state


def _notify(changed: threading.Condition) -> None:
    with changed:
        changed.notify_all()


def main(args: Sequence[str] | None = None) -> int:
    """Play until the end of the bag, or until a signal."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    return run_node(PlayerNode, args)


if __name__ == "__main__":
    sys.exit(main())
