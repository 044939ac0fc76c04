import numpy as np
import pytest

from humanoid_recorder.inspection.joint_frames import RobotFrames, multiply, quaternion_from_rpy, rotate
from humanoid_recorder.inspection.urdf import parse_urdf

HALF = np.sqrt(0.5)


def test_each_link_stands_in_its_parent_as_its_joint_says(urdf_text: str) -> None:
    frames = RobotFrames(parse_urdf(urdf_text))
    assert frames.moving == (("base", "arm"), ("arm", "hand"), ("hand", "finger"))
    assert frames.static == (("base", "eye"),)
    assert frames.static_places.tolist() == [[0, 0, 1.5, 0, 0, 0, 1]]
    arm, hand, finger = frames.locate({"shoulder": np.pi / 2, "slide": 0.25})
    assert arm[:3] == pytest.approx([0, 0, 1])
    # First the turn of the joint about its y, then that of its origin about z.
    assert arm[3:] == pytest.approx(multiply(np.array([0, 0, HALF, HALF]), np.array([0, HALF, 0, HALF])))
    assert hand == pytest.approx([0.75, 0, 0, 0, 0, 0, 1])  # an axis is a direction: its length does not count
    assert finger == pytest.approx([0, 0, 0, 0, 0, np.sin(0.3), np.cos(0.3)])  # 2 * 0.25 + 0.1, halved


def test_a_joint_that_nobody_names_or_that_is_no_number_is_at_zero(urdf_text: str) -> None:
    frames = RobotFrames(parse_urdf(urdf_text))
    at_zero = frames.locate({"shoulder": 0.0, "slide": 0.0})
    assert np.array_equal(frames.locate({}), at_zero)
    assert np.array_equal(frames.locate({"shoulder": float("nan"), "slide": float("inf"), "other": 1.0}), at_zero)


def test_a_second_robot_has_its_own_frames_and_stands_at_the_root_of_the_first(urdf_text: str) -> None:
    frames = RobotFrames(parse_urdf(urdf_text), prefix="commanded")
    assert frames.static == (("base", "commanded/base"), ("commanded/base", "commanded/eye"))
    assert frames.static_places[0].tolist() == [0, 0, 0, 0, 0, 0, 1]
    assert frames.moving[0] == ("commanded/base", "commanded/arm")


def test_roll_pitch_and_yaw_are_about_fixed_axes() -> None:
    quaternion = quaternion_from_rpy(np.pi / 2, 0.0, np.pi / 2)
    # x stays under the roll and becomes y under the yaw; z becomes -y, then x.
    assert rotate(quaternion, np.array([1.0, 0, 0])) == pytest.approx([0, 1, 0])
    assert rotate(quaternion, np.array([0, 0, 1.0])) == pytest.approx([1, 0, 0])


def test_the_humanoid_stands_as_the_physics_has_it() -> None:
    pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")
    import mujoco

    from humanoid_recorder.sim.humanoid.robot import SimHumanoid
    from humanoid_recorder.sim.humanoid.scene import Task
    from humanoid_recorder.sim.humanoid_links import Links
    from humanoid_recorder.sim.humanoid_urdf import make_urdf

    sim = SimHumanoid(0, Task.LIFT_BOX)
    text = make_urdf(Links(sim, ("head", "left_wrist")).mounts)
    urdf = parse_urdf(text)
    frames = RobotFrames(urdf)
    spec = mujoco.MjSpec.from_string(text)
    spec.compiler.fusestatic = False
    model = spec.compile()
    data = mujoco.MjData(model)
    random = np.random.default_rng(7)
    assert len(urdf.moving_joints) == 43
    for _ in range(20):
        angles = dict(zip(urdf.moving_joints, random.uniform(-3, 3, 43).tolist(), strict=True))
        for name, angle in angles.items():
            data.qpos[model.joint(name).qposadr[0]] = angle
        mujoco.mj_kinematics(model, data)
        places = dict(zip(frames.moving, frames.locate(angles), strict=True))
        places |= dict(zip(frames.static, frames.static_places, strict=True))
        chain = {urdf.root_link: (np.zeros(3), np.array([0.0, 0.0, 0.0, 1.0]))}
        while places:
            ready = [pair for pair in places if pair[0] in chain]
            for parent, child in ready:
                place, (at, turn) = places.pop((parent, child)), chain[parent]
                chain[child] = (at + rotate(turn, place[:3]), multiply(turn, place[3:]))
        for link, (at, turn) in chain.items():
            if link == urdf.root_link:
                continue
            body = data.body(link)
            assert np.abs(at - body.xpos).max() < 1e-6, link
            assert (
                min(np.abs(turn - body.xquat[[1, 2, 3, 0]]).max(), np.abs(turn + body.xquat[[1, 2, 3, 0]]).max()) < 1e-6
            )
