"""Shows the touch arrays of a bag that is played as coloured balls where the taxels are."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from sensor_msgs.msg import Image
from visualization_msgs.msg import MarkerArray

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.inspection.bag_contents import BagContents, BagStream, read_contents
from humanoid_recorder.inspection.taxel_layout import TaxelLayout, assumed_layout, declared_layout
from humanoid_recorder.inspection.topics import markers_topic
from humanoid_recorder.inspection.touch_colours import TouchScale, with_unit
from humanoid_recorder.inspection.touch_values import values_of_image
from humanoid_recorder.inspection.view_plan import touch_arrays
from humanoid_recorder.ros.markers import points_marker, text_marker
from humanoid_recorder.ros.message_types import message_class
from humanoid_recorder.ros.qos import LATCHED, to_qos_profile
from humanoid_recorder.ros.running import RunnableNode, StopRequest, declare_stop_with_parent, run_node

_WHITE = (1.0, 1.0, 1.0, 0.9)
_ABOVE_M = 0.12
_LETTER_M = 0.025
_BALL = 0.9
"""Diameter of a ball as a share of the distance between taxels."""


class TouchArray:
    """One tactile stream: its newest message, and how that is drawn."""

    def __init__(self, stream: BagStream, contents: BagContents, *, full_scale: float | None) -> None:
        self.stream = stream
        self._frame = contents.fixed_frame
        self._scale = TouchScale(full_scale if full_scale is not None else _limit(stream, contents))
        self.misfit = ""
        """Why the layout that the profile declares is not used; empty when it is."""
        taxels = stream.spec.taxels if stream.spec is not None else None
        self._declared = declared_layout(taxels) if taxels is not None else None
        self._flat: TaxelLayout | None = None
        self._newest: Any = None

    def hear(self, message: Any) -> None:
        """Keep a message until it is drawn."""
        self._newest = message

    def draw(self) -> MarkerArray | None:
        """Draw what has been heard since the last time; None for nothing new.

        Raises:
            BagReadError: The message cannot be read as numbers.
        """
        message, self._newest = self._newest, None
        if message is None:
            return None
        array, frame = _read(message, self._frame)
        values = array.ravel()
        self._scale.see(values)
        layout = self._layout_of(array, frame)
        colours = self._scale.colours(values)
        markers, begin = [], 0
        for number, pad in enumerate(layout.pads):
            end = begin + len(pad.positions_m)
            markers.append(
                points_marker(
                    pad.frame,
                    self.stream.name,
                    number,
                    positions_m=pad.positions_m,
                    colours=colours[begin:end],
                    size_m=_BALL * pad.taxel_size_m,
                )
            )
            begin = end
        first = layout.pads[0]
        middle = first.positions_m.mean(axis=0)
        markers.append(
            text_marker(
                first.frame,
                self.stream.name,
                len(markers),
                text=self._legend(values),
                at_m=(float(middle[0]), float(middle[1]), float(middle[2]) + _ABOVE_M),
                height_m=_LETTER_M,
                colour=_WHITE,
            )
        )
        return MarkerArray(markers=markers)

    def _layout_of(self, array: npt.NDArray[np.float64], frame: str) -> TaxelLayout:
        if self._declared is not None:
            if self._declared.taxels == array.size:
                return self._declared
            self.misfit = f"shown flat: {array.size} values, and the profile has {self._declared.taxels} taxels"
        if self._flat is None or self._flat.taxels != array.size:
            self._flat = assumed_layout(*array.shape, frame=frame)
        return self._flat

    def _legend(self, values: npt.NDArray[np.float64]) -> str:
        unit = self.stream.spec.unit if self.stream.spec is not None else ""
        largest = float(np.nan_to_num(values, posinf=0.0).max(initial=0.0))
        return f"{self.stream.name}: {with_unit(largest, unit)}, red = {with_unit(self._scale.full, unit)}"


class TouchMarkers(RunnableNode):
    """Parameters: ``bag``, ``full_scale`` (0 = the limit in the profile, else it follows the data), ``rate_hz``."""

    def __init__(self, _stop: StopRequest) -> None:
        super().__init__("touch_markers")
        declare_stop_with_parent(self)
        bag = Path(str(self.declare_parameter("bag", "").value))
        full_scale = float(self.declare_parameter("full_scale", 0.0).value) or None
        rate_hz = float(self.declare_parameter("rate_hz", 15.0).value)
        contents = read_contents(bag)
        self._arrays = [TouchArray(stream, contents, full_scale=full_scale) for stream in touch_arrays(contents)]
        self._topics = {
            array: self.create_publisher(MarkerArray, markers_topic(array.stream.topic), LATCHED)
            for array in self._arrays
        }
        self._complained: set[str] = set()
        for array in self._arrays:
            stream = array.stream
            self.create_subscription(message_class(stream.type), stream.topic, array.hear, to_qos_profile(stream.qos))
        # Pictures of touch are for eyes: also while the bag's own time stands still.
        self.create_timer(1 / rate_hz, self._draw, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.get_logger().info(f"{len(self._arrays)} touch arrays in {bag.name}")

    def close(self, reason: str) -> None:
        """Say why."""
        self.get_logger().info(f"ended ({reason})")

    def _draw(self) -> None:
        for array, publisher in self._topics.items():
            try:
                markers = array.draw()
            except BagReadError as error:
                self._complain(array.stream.topic, error.message)
                continue
            if markers is not None:
                publisher.publish(markers)
            if array.misfit:
                self._complain(array.stream.topic, array.misfit)

    def _complain(self, topic: str, text: str) -> None:
        if topic not in self._complained:
            self._complained.add(topic)
            self.get_logger().warning(f"{topic}: {text}; further ones are not mentioned")


def _limit(stream: BagStream, contents: BagContents) -> float | None:
    """Return the limit of the stream in the profile of the recording."""
    limits = contents.profile.limits if contents.profile is not None else None
    touch = limits.touch.get(stream.name) if limits is not None else None
    return touch.max_value if touch is not None else None


def _read(message: Any, frame: str) -> tuple[npt.NDArray[np.float64], str]:
    """Return the values of a message, shape (rows, columns), and the frame it is in.

    Raises:
        BagReadError: They are not numbers, or there are none.
    """
    if isinstance(message, Image):
        shape = (int(message.height), int(message.width))
        values = values_of_image(
            message.encoding, message.step, bytes(message.data), shape=shape, big_endian=bool(message.is_bigendian)
        )
        if not values.size:
            raise BagReadError("an array without values is not shown")
        return values, message.header.frame_id or frame
    flat = np.asarray(message.data, dtype=np.float64)
    if not flat.size:
        raise BagReadError("an array without values is not shown")
    dimensions = [int(dimension.size) for dimension in message.layout.dim]
    rows = dimensions[0] if len(dimensions) > 1 and dimensions[0] > 0 and flat.size % dimensions[0] == 0 else 1
    return flat.reshape(rows, -1), frame


def main(args: Sequence[str] | None = None) -> int:
    """Show touch until a signal."""
    return run_node(TouchMarkers, args)


if __name__ == "__main__":
    sys.exit(main())
