import xml.etree.ElementTree as ET
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.sim.synthetic_config import SyntheticRobotConfig
from humanoid_recorder.sim.synthetic_signals import JOINT_AMPLITUDE_RAD
from humanoid_recorder.sim.synthetic_urdf import BASE, make_urdf
from humanoid_recorder.spec.yaml_source import load_yaml

DEFAULT = Path(__file__).parents[3] / "config" / "synthetic" / "default.yaml"


def parents(urdf: str) -> dict[str, str]:
    """Return child link -> parent link, after checking that every joint names links that exist."""
    robot = ET.fromstring(urdf)  # noqa: S314 - our own text
    links = [link.attrib["name"] for link in robot.findall("link")]
    assert len(links) == len(set(links))
    tree: dict[str, str] = {}
    for joint in robot.findall("joint"):
        parent, child = joint.find("parent"), joint.find("child")
        assert parent is not None
        assert child is not None
        assert {parent.attrib["link"], child.attrib["link"]} <= set(links)
        assert child.attrib["link"] not in tree
        tree[child.attrib["link"]] = parent.attrib["link"]
    assert set(links) - set(tree) == {BASE}
    return tree


def path_to_base(tree: dict[str, str], link: str) -> list[str]:
    path = [link]
    while path[-1] != BASE:
        path.append(tree[path[-1]])
        assert len(path) <= len(tree) + 1, "a loop"
    return path


def test_the_shipped_robot_is_one_tree_with_every_joint_and_every_frame() -> None:
    config = load_yaml(DEFAULT, SyntheticRobotConfig)
    urdf = make_urdf(config.joint_states[0].joints, {stream.frame for stream in config.streams})
    tree = parents(urdf)
    assert {stream.frame for stream in config.streams} <= {BASE, *tree}
    joints = ET.fromstring(urdf).findall("joint[@type='revolute']")  # noqa: S314 - our own text
    assert {joint.attrib["name"] for joint in joints} == set(config.joint_states[0].joints)
    for joint in joints:
        limit = joint.find("limit")
        assert limit is not None
        assert float(limit.attrib["lower"]) < -JOINT_AMPLITUDE_RAD
        assert float(limit.attrib["upper"]) > JOINT_AMPLITUDE_RAD
    assert "package://" not in urdf


def test_a_hand_hangs_on_its_arm_and_the_arm_on_the_waist() -> None:
    config = load_yaml(DEFAULT, SyntheticRobotConfig)
    tree = parents(make_urdf(config.joint_states[0].joints, {"left_palm", "right_wrist_camera_color_optical_frame"}))
    left = path_to_base(tree, "left_palm")
    assert left[1] == "left_wrist_yaw_link"
    assert {"left_elbow_link", "left_shoulder_pitch_link", "waist_yaw_link"} <= set(left)
    assert "right_wrist_yaw_link" in path_to_base(tree, "right_wrist_camera_color_optical_frame")
    assert path_to_base(tree, "left_ankle_roll_link")[-2:] == ["left_hip_pitch_link", BASE]


@given(
    st.lists(st.from_regex(r"(left|right|waist)_[a-z_&<]{1,12}_joint", fullmatch=True), unique=True, max_size=12),
    st.sets(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), max_size=5),
)
def test_any_names_make_one_tree(joints: list[str], frames: set[str]) -> None:
    tree = parents(make_urdf(joints, frames))
    assert all(path_to_base(tree, link)[-1] == BASE for link in tree)
