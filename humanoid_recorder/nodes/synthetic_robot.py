"""``ros2 run humanoid_recorder synthetic_robot``: a small signal source on real DDS, for demo, tests and benchmarks.

Parameters: ``config`` (YAML file; empty for the one that comes with the package), ``duration_s`` (0 = until stopped),
``report`` (file written at the end: JSON, topic -> sent, first_ns, last_ns; empty for none). The same JSON is on the
latched topic ``~/sent``, at most once a second.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from rcl_interfaces.msg import ParameterDescriptor
from rclpy.duration import Duration
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import String

from humanoid_recorder.core.cdr import encode_string_message
from humanoid_recorder.core.errors import SessionError
from humanoid_recorder.core.qos import Reliability
from humanoid_recorder.ros.message_types import message_class
from humanoid_recorder.ros.qos import LATCHED
from humanoid_recorder.ros.running import RunnableNode, StopRequest, declare_stop_with_parent, run_node
from humanoid_recorder.ros.share import share_directory
from humanoid_recorder.sim.message_layout import NS_PER_S
from humanoid_recorder.sim.synthetic_config import StreamConfig, SyntheticRobotConfig
from humanoid_recorder.sim.synthetic_schedule import Schedule, Sent
from humanoid_recorder.sim.synthetic_streams import build_streams
from humanoid_recorder.sim.synthetic_urdf import make_urdf
from humanoid_recorder.spec.yaml_source import load_yaml

_DURATION_IS_OVER = "duration_s is over"
_ACKNOWLEDGE_NS = 500_000_000
"""How long a signal's end waits at most for reliable readers to acknowledge what they have."""
_ACKNOWLEDGE_UNHURRIED_NS = 4_000_000_000
"""The same when ``duration_s`` is over. Fast DDS asks for acknowledgements, and repeats what was lost, every 3 s."""


class SyntheticRobot(RunnableNode):
    """Publishes every stream of its YAML from one thread."""

    def __init__(self, stop: StopRequest) -> None:
        super().__init__("synthetic_robot")
        self._stop = stop
        declare_stop_with_parent(self)
        either = ParameterDescriptor(dynamic_typing=True)  # so that `duration_s:=5` is as good as `5.0`
        duration_s = float(self.declare_parameter("duration_s", 0.0, either).value)
        self._report = str(self.declare_parameter("report", "").value)
        if self._report and not os.access(Path(self._report).parent, os.W_OK):
            raise SessionError(
                f"The report {self._report} cannot be written.", remedy="Create its folder, or name another file."
            )
        config_file = str(self.declare_parameter("config", "").value)
        path = Path(config_file) if config_file else share_directory() / "config" / "synthetic" / "default.yaml"
        config = load_yaml(path, SyntheticRobotConfig)
        self._streams = build_streams(config)
        self._publishers = [
            self.create_publisher(message_class(stream.type), stream.topic, _qos(stream.config))
            for stream in self._streams
        ]
        self._sent_publisher = self.create_publisher(String, "~/sent", LATCHED)
        self._publish_description(config)
        self._active = [index for index, stream in enumerate(self._streams) if not stream.config.silent]
        self._schedule = Schedule(
            [self._streams[index] for index in self._active],
            self._sender(),
            duration_ns=round(duration_s * NS_PER_S) if duration_s > 0 else None,
            on_first_late=self._say_late,
        )
        self.create_timer(1.0, self._publish_sent)
        self._thread = threading.Thread(target=self._run, name="synthetic robot")
        self._thread.start()

    def close(self, reason: str) -> None:
        """Stop publishing, give reliable readers time to take the last messages, and write the report."""
        self._schedule.stop()
        self._thread.join()
        wait_ns = _ACKNOWLEDGE_UNHURRIED_NS if reason == _DURATION_IS_OVER else _ACKNOWLEDGE_NS
        deadline_ns = time.monotonic_ns() + wait_ns
        for publisher in self._publishers:
            publisher.wait_for_all_acked(Duration(nanoseconds=max(0, deadline_ns - time.monotonic_ns())))
        self._publish_sent()
        if self._report:
            Path(self._report).write_text(json.dumps(self._sent(), indent=1) + "\n")
        total = sum(account.sent for account in self._schedule.sent)
        self.get_logger().info(f"ended ({reason}): {total} messages sent, {self._schedule.late} of them late")

    def _run(self) -> None:
        for stream in self._streams:
            stream.encode(0, 0)  # computes the first values, so that the first messages are not late
        rate_hz = sum(float(self._streams[index].rate) for index in self._active)
        self.get_logger().info(f"publishing {len(self._active)} streams, {rate_hz:.0f} messages a second")
        start_ns, wall_start_ns = time.monotonic_ns(), time.time_ns()
        complete = False
        try:
            self._schedule.run(start_ns, wall_start_ns)
            complete = True
        finally:
            self._stop.request(_DURATION_IS_OVER if complete else "a failure", exit_code=0 if complete else 1)

    def _sender(self) -> Callable[[int, int, int], None]:
        publish = [self._publishers[index].publish for index in self._active]
        encode = [self._streams[index].encode for index in self._active]

        def send(index: int, number: int, stamp_ns: int) -> None:
            publish[index](encode[index](number, stamp_ns))

        return send

    def _say_late(self, late_ns: int) -> None:
        self.get_logger().warning(
            f"a message went out {late_ns / 1e6:.0f} ms after its measurement: this computer is too busy for the load; "
            "nothing is left out, later cases are counted only"
        )

    def _sent(self) -> dict[str, dict[str, int | None]]:
        sent = {stream.topic: Sent() for stream in self._streams}
        sent |= {
            self._streams[index].topic: account
            for index, account in zip(self._active, self._schedule.sent, strict=True)
        }
        return {self.resolve_topic_name(topic): asdict(account) for topic, account in sent.items()}

    def _publish_sent(self) -> None:
        self._sent_publisher.publish(encode_string_message(json.dumps(self._sent())))

    def _publish_description(self, config: SyntheticRobotConfig) -> None:
        if config.robot_description_topic is None:
            return
        joints = [name for item in config.joint_states for name in item.joints]
        urdf = make_urdf(list(dict.fromkeys(joints)), {stream.frame for stream in config.streams})
        publisher = self.create_publisher(String, config.robot_description_topic, LATCHED)
        publisher.publish(encode_string_message(urdf))


def _qos(config: StreamConfig) -> QoSProfile:
    reliable = config.reliability is Reliability.RELIABLE
    return QoSProfile(
        depth=config.depth, reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
    )


def main(args: Sequence[str] | None = None) -> int:
    """Run until a signal, or until ``duration_s`` is over."""
    return run_node(SyntheticRobot, args)


if __name__ == "__main__":
    sys.exit(main())
