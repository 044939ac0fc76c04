"""What a topic shows when nobody has said so: bags of other writers, and recordings without a profile.

The type decides where it can; where one type serves several kinds, words in the topic's name do.
"""

import re

from humanoid_recorder.core.streams import StreamKind

_BY_TYPE = {
    "geometry_msgs/msg/WrenchStamped": StreamKind.WRENCH,
    "sensor_msgs/msg/CompressedImage": StreamKind.CAMERA,
    "sensor_msgs/msg/CameraInfo": StreamKind.CAMERA_INFO,
    "sensor_msgs/msg/Imu": StreamKind.IMU,
    "sensor_msgs/msg/Joy": StreamKind.OPERATOR,
    "tf2_msgs/msg/TFMessage": StreamKind.TRANSFORM,
}
_POSES = ("geometry_msgs/msg/PoseStamped", "geometry_msgs/msg/PoseArray")
_ARRAYS = ("std_msgs/msg/Float32MultiArray", "std_msgs/msg/Float64MultiArray")
_TOUCH, _COMMAND, _MOCAP = (
    re.compile(pattern, re.IGNORECASE)
    for pattern in ("touch|tactile|taxel|skin", "command|cmd|desired|target|reference", "mocap|motion_capture|tracker")
)


def guess_kind(topic: str, type_name: str) -> StreamKind:
    """Return what a topic most likely shows; ``other`` for what is not shown."""
    by_type = _BY_TYPE.get(type_name)
    if by_type is not None:
        return by_type
    if type_name == "sensor_msgs/msg/Image":
        return StreamKind.TACTILE if _TOUCH.search(topic) else StreamKind.CAMERA
    if type_name in _ARRAYS and _TOUCH.search(topic):
        return StreamKind.TACTILE
    if type_name == "sensor_msgs/msg/JointState":
        return StreamKind.COMMAND if _COMMAND.search(topic) else StreamKind.JOINT
    if type_name in _POSES:
        return StreamKind.MOCAP if _MOCAP.search(topic) else StreamKind.OPERATOR
    if type_name == "std_msgs/msg/String":
        return {"robot_description": StreamKind.DESCRIPTION, "events": StreamKind.EVENT}.get(
            topic.rpartition("/")[2], StreamKind.OTHER
        )
    return StreamKind.OTHER
