"""The recorder node: lifecycle, parameters, services and topics around an ``ActiveRecorder``.

Inactive = the profile is loaded. Active = subscribed and armed. Deactivating while recording seals the episode.
"""

import contextlib
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.msg import SetParametersResult
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.exceptions import InvalidHandle
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from std_msgs.msg import String

from humanoid_recorder.core.errors import EXIT_BAD, HumanoidRecorderError, RecorderUnavailableError
from humanoid_recorder.nodes.active_recorder import ActiveRecorder, robot_name
from humanoid_recorder.nodes.recorder_diagnostics import diagnostics
from humanoid_recorder.nodes.recorder_log import RecorderLog
from humanoid_recorder.nodes.recorder_parameters import (
    LABELS,
    RecorderParameters,
    declare_parameters,
    read_instance,
    read_labels,
    read_parameters,
    refuse_fixed,
)
from humanoid_recorder.nodes.recorder_services import RecorderServices
from humanoid_recorder.nodes.twin_watch import DISCOVERY_S, TwinWatch
from humanoid_recorder.recording.episode_recorder import EpisodeRecorder
from humanoid_recorder.recording.name_claim import NameClaim
from humanoid_recorder.recording.state import Phase, RecorderState
from humanoid_recorder.recording.state_builder import inactive_state
from humanoid_recorder.ros.qos import LATCHED
from humanoid_recorder.ros.running import RunnableNode, StopRequest, declare_stop_with_parent, run_node
from humanoid_recorder.storage.layout import SessionFolder

_STATE_PERIOD_S = 0.5
_LAST_WORD = Duration(seconds=0.5)
_DISCOVERY_PERIOD_NS = 100_000_000
_CALM_DISCOVERY_PERIOD_NS = 1_000_000_000
"""When every known stream is subscribed and arrives. A turn costs a millisecond, even when there is nothing to do."""


class Recorder(LifecycleNode, RunnableNode):
    """Records episodes; see the module's description and ``docs/reference/recorder.md``."""

    def __init__(self, stop: StopRequest) -> None:
        super().__init__("recorder")
        # Before the services are there: a twin must not get any of our commands.
        self._claim = NameClaim(self.get_fully_qualified_name(), domain_id=self.context.get_domain_id())
        self._stop = stop
        self._lock = threading.RLock()
        self._active: ActiveRecorder | None = None
        self._unfinished: list[EpisodeRecorder] = []
        """Closed, and still at work since the disk is too slow."""
        self._settings: RecorderParameters | None = None
        self._idle_state: RecorderState | None = None
        self._exit_code = EXIT_BAD
        self._is_closing = False
        self._was_ready = False
        self._log = RecorderLog(self.get_logger())
        declare_parameters(self)
        declare_stop_with_parent(self)
        self._state_publisher = self.create_publisher(String, "~/state", LATCHED)
        self._events_publisher = self.create_publisher(String, "~/events", 10)
        self._diagnostics_publisher = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._instance = read_instance(self)
        self._twins = TwinWatch(
            self, instance=self._instance, is_recording=self._is_recording, on_twin=self._leave_to_twin
        )
        self._commands = RecorderServices(self, active=lambda: self._active, on_mark=self._publish_event)
        self._changed = self.create_guard_condition(self._publish_state)
        self.add_on_set_parameters_callback(self._judge_parameters)
        self.add_post_set_parameters_callback(self._take_labels)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # the node's own may be simulated, and stand still
        self.create_timer(_STATE_PERIOD_S, self._on_state_timer, clock=steady)
        self._discovery_timer = self.create_timer(_DISCOVERY_PERIOD_NS / 1e9, self._on_discovery_timer, clock=steady)
        if bool(self.get_parameter("autostart").value):
            self._autostart_timer = self.create_timer(DISCOVERY_S, self._autostart, clock=steady)

    # Lifecycle -------------------------------------------------------------------------------------------------------

    def on_configure(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Load the profile and make sure that we are alone."""
        return self._attempt(self._configure)

    def on_activate(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Begin a session and subscribe."""
        return self._attempt(self._activate)

    def on_deactivate(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Seal what is being recorded, end the session and unsubscribe."""
        return self._attempt(lambda: self._deactivate("deactivated"))

    def on_cleanup(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the parameters, so that they may be changed."""
        self._settings = self._idle_state = None
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, _state: LifecycleState) -> TransitionCallbackReturn:
        """Seal what is being recorded and end the session."""
        return self._attempt(lambda: self._deactivate("shutdown"))

    def close(self, reason: str) -> None:
        """Seal what is being recorded, publish the last state and give the name up."""
        with self._lock:
            self._is_closing = True  # the executor may be in the middle of an activation
            self._deactivate(reason)
            self._claim.release()
        if self.context.ok():  # a client must hear how the last episode ended before we are gone
            self._state_publisher.wait_for_all_acked(_LAST_WORD)

    def linger(self) -> None:
        """Wait for a disk that was too slow; launch and systemd say by SIGKILL how long they have patience."""
        for recorder in self._unfinished:
            recorder.finish()

    def _configure(self) -> None:
        self._settings = read_parameters(self)
        if self._twins.error is not None:
            raise self._twins.error
        self._idle_state = inactive_state(
            node=self.get_fully_qualified_name(),
            instance=self._instance,
            robot=robot_name(self, self._settings),
        )
        self._publish_state()

    def _activate(self) -> None:
        with self._lock:
            if self._settings is None or self._is_closing:
                raise RecorderUnavailableError("The recorder is not configured, or it is shutting down.")
            if self._twins.error is not None:  # heard since it was configured
                raise self._twins.error
            robot = robot_name(self, self._settings)
            folder = SessionFolder.open(self._settings.out, robot=robot, now_ns=time.time_ns())
            active = ActiveRecorder(
                self,
                folder,
                self._settings,
                instance=self._instance,
                labels=read_labels(self),
                on_change=self._on_change,
            )
            try:
                active.discover()
            except BaseException:
                active.close("it could not be started")
                raise
            self._active = active
        self.get_logger().info(f"session {folder.path}")
        self._publish_state()

    def _deactivate(self, reason: str) -> None:
        with self._lock:
            active, self._active = self._active, None
            if active is None:
                return
            if not active.close(reason):
                self._unfinished.append(active.recorder)
                self.get_logger().error(
                    "The disk is too slow: it has not taken everything yet, and the process goes on until it has."
                )
            # It keeps what was sealed last: a client's only news of an episode that the shutdown cut short.
            self._idle_state = active.state().model_copy(update={"phase": Phase.INACTIVE})
            self._publish(self._idle_state)

    def _attempt(self, action: Callable[[], None]) -> TransitionCallbackReturn:
        try:
            action()
        except HumanoidRecorderError as error:
            self.get_logger().error(str(error))
            self._exit_code = error.exit_code
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # rclpy would swallow it without a word
            self.get_logger().fatal("".join(traceback.format_exception(error)))
            return TransitionCallbackReturn.ERROR
        return TransitionCallbackReturn.SUCCESS

    def _autostart(self) -> None:
        self.destroy_timer(self._autostart_timer)
        for transition in (self.trigger_configure, self.trigger_activate):
            if transition() is not TransitionCallbackReturn.SUCCESS:
                self._stop.request("the recorder could not be started", exit_code=self._exit_code)
                return

    def _is_recording(self) -> bool:
        active = self._active
        return active is not None and active.recorder.live() is not None

    def _leave_to_twin(self) -> None:
        if self._active is not None and self._twins.error is not None:
            self.get_logger().error(str(self._twins.error))
            self._stop.request("a twin", exit_code=self._twins.error.exit_code)

    # Timers and topics -----------------------------------------------------------------------------------------------

    def _on_state_timer(self) -> None:
        with self._lock:
            if self._active is not None:
                self._active.supervise()
        self._publish_state()

    def _on_discovery_timer(self) -> None:
        with self._lock:
            if self._active is None:
                return
            self._active.discover()
            is_ready = self._active.readiness().is_ready
            is_calm = is_ready and self._active.has_all_streams()
            period_ns = _CALM_DISCOVERY_PERIOD_NS if is_calm else _DISCOVERY_PERIOD_NS
            if self._discovery_timer.timer_period_ns != period_ns:
                self._discovery_timer.timer_period_ns = period_ns
            if is_ready != self._was_ready:
                self._was_ready = is_ready
                self._publish_state()

    def _judge_parameters(self, parameters: "list[Parameter[Any]]") -> SetParametersResult:
        return SetParametersResult(successful=True) if self._settings is None else refuse_fixed(parameters)

    def _take_labels(self, parameters: "list[Parameter[Any]]") -> None:
        with self._lock:
            if self._active is not None and any(parameter.name in LABELS for parameter in parameters):
                self._active.recorder.labels = read_labels(self)

    def _on_change(self) -> None:
        with contextlib.suppress(InvalidHandle):  # an episode may be sealed after the node has gone
            self._changed.trigger()

    def _publish_state(self) -> None:
        with self._lock:
            state = self._active.state() if self._active is not None else self._idle_state
            if state is not None:
                self._publish(state)

    def _publish(self, state: RecorderState) -> None:
        self._log.follow(state)
        if not self.context.ok():
            return  # somebody has shut rclpy down; the log is all that is left
        self._state_publisher.publish(String(data=state.model_dump_json()))
        self._diagnostics_publisher.publish(diagnostics(state))

    def _publish_event(self, event: str) -> None:
        self._events_publisher.publish(String(data=event))


def main(args: Sequence[str] | None = None) -> int:
    """Run the recorder until a signal."""
    return run_node(Recorder, args)


if __name__ == "__main__":
    sys.exit(main())
