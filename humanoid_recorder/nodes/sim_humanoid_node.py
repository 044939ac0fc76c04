"""The node of the simulated humanoid: wires the loop to DDS."""

import json
import threading
import time
from collections.abc import Iterable
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, String
from std_srvs.srv import Trigger

from humanoid_recorder.core.cdr import encode_string_message
from humanoid_recorder.core.errors import TypeUnavailableError
from humanoid_recorder.nodes import sim_humanoid_parameters as parameters
from humanoid_recorder.ros.message_types import message_class
from humanoid_recorder.ros.qos import LATCHED
from humanoid_recorder.ros.running import RunnableNode, StopRequest, declare_stop_with_parent
from humanoid_recorder.sim.faults.text import format_fault
from humanoid_recorder.sim.humanoid_loop import HumanoidLoop, Progress
from humanoid_recorder.sim.humanoid_rig import HumanoidRig
from humanoid_recorder.sim.humanoid_urdf import make_urdf
from humanoid_recorder.sim.render_client import RenderClient

_LEAST_DEPTH = 100
_COMMANDS = "joint_commands"
_STATE_PERIOD_S = 0.5
_FACTOR_NS = 400_000_000
"""The real-time factor is that of this long at least."""
_RESET_S = 2.0


class SimHumanoidNode(RunnableNode):
    """A simulated humanoid: one thread lives and publishes, the executor serves parameters and ``~/reset``."""

    def __init__(self, stop: StopRequest) -> None:
        super().__init__("sim_humanoid")
        self._stop = stop
        declare_stop_with_parent(self)
        parameters.declare_parameters(self)
        has_transforms = _is_installed("tf2_msgs/msg/TFMessage")
        options = parameters.read_options(self, transforms=has_transforms)
        self._rig = HumanoidRig(options)
        self._kinds = {name: stream.kind for name, stream in self._rig.streams.items()}
        faults = parameters.read_faults(self, self._kinds)
        self._topics: dict[str, Publisher[Any] | None] = {name: self._publisher(name) for name in self._rig.streams}
        self._state_publisher = self.create_publisher(String, "~/state", LATCHED)
        self._success_publisher = self.create_publisher(Bool, "~/success", LATCHED)
        self._description_publisher = self.create_publisher(String, "robot_description", LATCHED)
        self._description_publisher.publish(encode_string_message(make_urdf(self._rig.camera_mounts)))
        if not has_transforms:
            self.get_logger().info("tf2_msgs is not installed: there is no /tf; robot_state_publisher can make it")
        self._renderer = None
        if options.cameras:
            self._renderer = RenderClient(options.task, options.cameras, self._warn)
        self._loop = HumanoidLoop(self._rig, self._renderer, self, seed=options.seed)
        self._loop.set_faults(faults)
        self._last, self._factor = Progress(0, 0, 0), 0.0
        self._success: bool | None = None
        self._last_refusal = ""
        self.add_on_set_parameters_callback(self._check)
        self.add_post_set_parameters_callback(self._changed)
        self.create_service(Trigger, "~/reset", self._reset)
        if not options.operator:
            self.create_subscription(JointState, _COMMANDS, self._take_command, 10)
        self.create_timer(_STATE_PERIOD_S, self._publish_state)
        self._thread = threading.Thread(target=self._run, name="simulated humanoid")
        self._thread.start()

    def close(self, reason: str) -> None:
        """Stop the robot and end the process that takes its pictures."""
        self._loop.stop()
        self._thread.join()
        if self._renderer is not None:
            self._renderer.close()
        self._publish_state()
        self.get_logger().info(f"ended ({reason})")

    def send(self, stream: str, data: bytes) -> None:
        """Publish, if there is a publisher just now."""
        publisher = self._topics[stream]
        if publisher is not None:
            publisher.publish(data)

    def set_present(self, stream: str, present: bool) -> None:
        """Have a publisher for a stream, or none."""
        publisher = self._topics[stream]
        if present and publisher is None:
            self._topics[stream] = self._publisher(stream)
        elif not present and publisher is not None:
            self._topics[stream] = None
            self.destroy_publisher(publisher)

    def _publisher(self, name: str) -> "Publisher[Any]":
        stream = self._rig.streams[name]
        qos = QoSProfile(depth=max(_LEAST_DEPTH, stream.rate_hz), reliability=ReliabilityPolicy.RELIABLE)
        return self.create_publisher(message_class(stream.type), stream.topic.removeprefix("/"), qos)

    def _run(self) -> None:
        rate_hz = sum(stream.rate_hz for stream in self._rig.streams.values())
        self.get_logger().info(f"{self._rig.task}: {len(self._rig.streams)} streams, {rate_hz} messages a second")
        complete = False
        try:
            self._loop.run(time.monotonic_ns(), time.time_ns())
            complete = True
        finally:
            if not complete:
                self._stop.request("a failure", exit_code=1)

    def _warn(self, text: str) -> None:
        self.get_logger().warning(text)

    def _check(self, changes: "Iterable[Parameter[Any]]") -> SetParametersResult:
        return parameters.check_changes(changes, self._kinds)

    def _changed(self, changes: "Iterable[Parameter[Any]]") -> None:
        if parameters.FAULTS in [change.name for change in changes]:
            faults = parameters.read_faults(self, self._kinds)
            self._loop.set_faults(faults)
            self.get_logger().info(f"faults: {', '.join(map(format_fault, faults)) or 'none'}")

    def _reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        seed, done = parameters.read_seed(self), threading.Event()

        def reset() -> None:
            self._rig.reset(seed)
            done.set()

        self._loop.ask_aligned(reset)
        response.success = done.wait(_RESET_S)
        response.message = json.dumps({"task": self._rig.task, "seed": seed})
        self._publish_state()
        return response

    def _take_command(self, message: JointState) -> None:
        names, positions = list(message.name), list(message.position)
        self._loop.ask(lambda: self._command(names, positions))

    def _command(self, names: list[str], positions: list[float]) -> None:
        try:
            self._rig.command(names, positions)
        except ValueError as error:
            if str(error) != self._last_refusal:
                self._last_refusal = str(error)
                self.get_logger().warning(f"a command was refused: {error}")

    def _publish_state(self) -> None:
        progress, rig = self._loop.progress, self._rig
        elapsed_ns = progress.elapsed_ns - self._last.elapsed_ns
        if elapsed_ns >= _FACTOR_NS:
            self._factor = (progress.simulated_ns - self._last.simulated_ns) / elapsed_ns
            self._last = progress
        state = {
            "task": rig.task,
            "seed": rig.seed,
            "time_s": rig.time_ns / 1e9,
            "phase": rig.phase,
            "success": rig.success,
            "missing": rig.verdict.reason,
            "real_time_factor": round(self._factor, 3),
            "given_up_s": progress.given_up_ns / 1e9,
            "pictures": "none" if self._renderer is None else self._renderer.mode,
            "pictures_left_out": 0 if self._renderer is None else self._renderer.left_out,
            "faults": [format_fault(fault) for fault in parameters.read_faults(self, self._kinds)],
        }
        self._state_publisher.publish(encode_string_message(json.dumps(state)))
        if rig.success is not self._success:
            self._success = rig.success
            self._success_publisher.publish(Bool(data=rig.success))


def _is_installed(type_name: str) -> bool:
    try:
        message_class(type_name)
    except TypeUnavailableError:
        return False
    return True
