import pytest

from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.inspection.stream_kinds import guess_kind


@pytest.mark.parametrize(
    ("topic", "type_name", "kind"),
    [
        ("/joint_states", "sensor_msgs/msg/JointState", StreamKind.JOINT),
        ("/arm/joint_command", "sensor_msgs/msg/JointState", StreamKind.COMMAND),
        ("/desired_joints", "sensor_msgs/msg/JointState", StreamKind.COMMAND),
        ("/camera/image_raw", "sensor_msgs/msg/Image", StreamKind.CAMERA),
        ("/left/tactile", "sensor_msgs/msg/Image", StreamKind.TACTILE),
        ("/hand/touch", "std_msgs/msg/Float32MultiArray", StreamKind.TACTILE),
        ("/weights", "std_msgs/msg/Float32MultiArray", StreamKind.OTHER),
        ("/cam", "sensor_msgs/msg/CompressedImage", StreamKind.CAMERA),
        ("/wrist", "geometry_msgs/msg/WrenchStamped", StreamKind.WRENCH),
        ("/mocap/box", "geometry_msgs/msg/PoseStamped", StreamKind.MOCAP),
        ("/hand", "geometry_msgs/msg/PoseArray", StreamKind.OPERATOR),
        ("/tf", "tf2_msgs/msg/TFMessage", StreamKind.TRANSFORM),
        ("/r1/robot_description", "std_msgs/msg/String", StreamKind.DESCRIPTION),
        ("/recorder/events", "std_msgs/msg/String", StreamKind.EVENT),
        ("/chatter", "std_msgs/msg/String", StreamKind.OTHER),
        ("/x", "x_msgs/msg/X", StreamKind.OTHER),
    ],
)
def test_type_and_name_tell_what_a_topic_shows(topic: str, type_name: str, kind: StreamKind) -> None:
    assert guess_kind(topic, type_name) is kind
