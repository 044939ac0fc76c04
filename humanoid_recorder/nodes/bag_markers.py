"""Shows the events of a bag that is played, and the findings of its ``episode.json``, as lines of text in rviz.

They are read from the files, not heard: so they are right after every jump and every loop. The time is that of
``/clock`` (``use_sim_time``).
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from visualization_msgs.msg import MarkerArray

from humanoid_recorder.inspection.bag_contents import read_contents
from humanoid_recorder.inspection.event_timeline import Moment, read_timeline
from humanoid_recorder.inspection.topics import TIMELINE
from humanoid_recorder.ros.markers import delete_all, text_marker
from humanoid_recorder.ros.qos import LATCHED
from humanoid_recorder.ros.running import RunnableNode, StopRequest, declare_stop_with_parent, run_node

_PERIOD_S = 0.1
_TOP_M = (0.0, 1.0, 1.6)
_LINE_M = 0.07
_TITLE, _EVENT, _FINDING = (1.0, 1.0, 1.0, 1.0), (0.5, 0.85, 1.0, 1.0), (1.0, 0.6, 0.2, 1.0)


class BagMarkers(RunnableNode):
    """Parameter: ``bag``."""

    def __init__(self, _stop: StopRequest) -> None:
        super().__init__("bag_markers")
        declare_stop_with_parent(self)
        contents = read_contents(Path(str(self.declare_parameter("bag", "").value)))
        self._frame = contents.fixed_frame
        self._timeline = read_timeline(contents)
        self._publisher = self.create_publisher(MarkerArray, TIMELINE, LATCHED)
        self._shown: Sequence[Moment] | None = None
        self.create_timer(_PERIOD_S, self._follow, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"{len(self._timeline.moments)} events and findings in {contents.path.name}")

    def close(self, reason: str) -> None:
        """Say why."""
        self.get_logger().info(f"ended ({reason})")

    def _follow(self) -> None:
        moments = self._timeline.until(self.get_clock().now().nanoseconds)
        if moments == self._shown:
            return
        self._shown = moments
        lines = [(self._timeline.title, _TITLE)]
        lines += [(self._timeline.line(moment), _FINDING if moment.is_finding else _EVENT) for moment in moments]
        markers = [delete_all()]
        for number, (text, colour) in enumerate(lines):
            x, y, z = _TOP_M
            at_m = (x, y, z - number * _LINE_M)
            markers.append(
                text_marker(
                    self._frame, "timeline", number, text=text, at_m=at_m, height_m=0.7 * _LINE_M, colour=colour
                )
            )
        self._publisher.publish(MarkerArray(markers=markers))


def main(args: Sequence[str] | None = None) -> int:
    """Show what happened until a signal."""
    return run_node(BagMarkers, args)


if __name__ == "__main__":
    sys.exit(main())
