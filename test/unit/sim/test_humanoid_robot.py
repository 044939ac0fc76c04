import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

from humanoid_recorder.sim.humanoid import description, model
from humanoid_recorder.sim.humanoid.robot import STEP_NS, SimHumanoid
from humanoid_recorder.sim.humanoid.scene import Task

GRAVITY = 9.81


@pytest.fixture
def robot() -> SimHumanoid:
    return SimHumanoid(0, Task.LIFT_BOX)


def _swinging(robot: SimHumanoid, steps: int) -> None:
    home = model.home_position()
    for step in range(steps):
        robot.command(home + 0.2 * np.sin(0.01 * step))
        robot.step(10 * STEP_NS)


def test_joints_have_the_names_and_limits_of_the_urdf(robot: SimHumanoid) -> None:
    joints = description.joints()
    assert robot.joint_names == tuple(joint.name for joint in joints)
    for index, joint in enumerate(joints):
        assert robot.physics.joint(index).name == joint.name
        assert robot.physics.jnt_range[index] == pytest.approx([joint.lower_rad, joint.upper_rad])
        assert robot.physics.actuator_forcerange[index] == pytest.approx([-joint.effort_nm, joint.effort_nm])


def test_a_seed_and_its_commands_decide_everything_to_the_last_bit(robot: SimHumanoid) -> None:
    _swinging(robot, 60)
    first = robot.sensors()
    robot.reset(0)
    _swinging(robot, 60)
    again = robot.sensors()
    other = SimHumanoid(0, Task.LIFT_BOX)
    _swinging(other, 60)
    for twin in (again, other.sensors()):
        assert twin.time_ns == first.time_ns == 600_000_000
        assert np.array_equal(twin.joints.position_rad, first.joints.position_rad)
        assert np.array_equal(twin.wrench, first.wrench)
        assert np.array_equal(twin.objects["box"].pose.position_m, first.objects["box"].pose.position_m)


def test_another_seed_places_the_box_elsewhere(robot: SimHumanoid) -> None:
    before = robot.objects()["box"].pose.position_m
    robot.reset(1)
    assert np.linalg.norm(robot.objects()["box"].pose.position_m - before) > 0.001


def test_a_commanded_joint_goes_where_it_should(robot: SimHumanoid) -> None:
    target = model.home_position()
    elbow = robot.joint_names.index("left_elbow_joint")
    target[elbow] += 0.3
    robot.command(target)
    robot.step(1_000_000_000)
    assert robot.joints().position_rad == pytest.approx(target, abs=0.01)


def test_a_target_beyond_the_limit_stops_at_the_limit(robot: SimHumanoid) -> None:
    target = model.home_position()
    wrist = robot.joint_names.index("left_wrist_roll_joint")
    target[wrist] = 10.0
    robot.command(target)
    robot.step(2_000_000_000)
    limit = description.joints()[wrist].upper_rad
    assert robot.joints().position_rad[wrist] == pytest.approx(limit, abs=0.02)


@pytest.mark.parametrize("command", [np.zeros(42), np.full(43, np.nan), np.full(43, np.inf)])
def test_a_malformed_command_is_refused_and_the_last_one_stays(robot: SimHumanoid, command: np.ndarray) -> None:
    with pytest.raises(ValueError, match="command"):
        robot.command(command)
    assert np.array_equal(robot.state.ctrl, model.home_position())


@pytest.mark.parametrize("dt_ns", [1, STEP_NS + 1, -STEP_NS])
def test_time_passes_in_whole_steps_only(robot: SimHumanoid, dt_ns: int) -> None:
    with pytest.raises(ValueError, match="multiple"):
        robot.step(dt_ns)
    assert robot.time_ns == 0


def test_a_wrist_feels_the_weight_of_its_hand(robot: SimHumanoid) -> None:
    robot.step(500_000_000)
    palm = robot.physics.body("left_hand_palm_link")
    weight_n = float(robot.physics.body_subtreemass[palm.id]) * GRAVITY
    turn = robot.state.xmat[palm.id].reshape(3, 3)
    assert turn @ robot.wrench()[0, :3] == pytest.approx([0.0, 0.0, -weight_n], abs=0.05)


def test_the_imu_feels_gravity_and_no_turning_at_rest(robot: SimHumanoid) -> None:
    robot.step(500_000_000)
    imu = robot.imu()
    assert imu.acceleration_m_s2 == pytest.approx([0.0, 0.0, GRAVITY], abs=0.05)
    assert imu.angular_velocity_rad_s == pytest.approx([0.0, 0.0, 0.0], abs=1e-6)
    assert imu.quaternion == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=1e-6)


def test_effort_at_rest_is_what_carries_the_arm(robot: SimHumanoid) -> None:
    robot.step(1_000_000_000)
    effort = robot.joints().effort_nm
    assert abs(effort[robot.joint_names.index("left_shoulder_pitch_joint")]) > 0.5
    assert effort == pytest.approx(robot.state.qfrc_bias[:43], abs=0.05)
