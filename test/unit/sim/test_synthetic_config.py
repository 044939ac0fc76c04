from pathlib import Path

import pytest

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.sim.synthetic_config import SyntheticRobotConfig
from humanoid_recorder.spec.yaml_source import load_yaml

DEFAULT = Path(__file__).parents[3] / "config" / "synthetic" / "default.yaml"


def test_the_shipped_file_has_the_promised_topics_and_rates() -> None:
    config = load_yaml(DEFAULT, SyntheticRobotConfig)
    cameras = ("head_camera", "left_wrist_camera", "right_wrist_camera")
    assert {stream.topic: stream.rate_hz for stream in config.streams} == {
        "/joint_states": 500,
        "/left_wrist/wrench": 1000,
        "/right_wrist/wrench": 1000,
        "/left_hand/touch": 100,
        "/right_hand/touch": 100,
        "/imu/data": 500,
        **{f"/{camera}/color/image_raw/compressed": 30 for camera in cameras},
        "/operator/head": 72,
        "/operator/left_hand": 72,
        "/operator/right_hand": 72,
        "/operator/joy": 72,
    }
    assert [camera.info_topic for camera in config.cameras] == [f"/{camera}/color/camera_info" for camera in cameras]
    assert config.robot_description_topic == "/robot_description"
    assert len(config.joint_states[0].joints) == 29
    assert config.numbered


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        ("wrenches:\n- {topic: /w, rate_hz: 100, framee: x}\n", 2, "frame"),
        ("wrenches:\n- topic: /w\n  rate_hz: 0\n", 3, "greater than 0"),
        ("wrenches:\n- topic: /w\n", 2, "rate_hz"),
        ("wrenches:\n- topic: /w w\n  rate_hz: 1\n", 2, "topic"),
        ("joint_states:\n- topic: /j\n  rate_hz: 1\n  joints: [a, b,\n    a]\n", 5, "named twice"),
        ("joys: [{topic: /t, rate_hz: 1}]\nposes: [{topic: /t, rate_hz: 1}]\n", 1, "/t is used twice"),
        ("cameras:\n- {topic: /c, rate_hz: 1, name: c,\n   width: 64}\n", 3, "112"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, complaint: str) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        load_yaml(path, SyntheticRobotConfig)
    assert f"{path}:{line}:" in str(caught.value)
    assert complaint in str(caught.value)
