import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

from humanoid_recorder.sim.humanoid import scene
from humanoid_recorder.sim.humanoid.robot import SimHumanoid
from humanoid_recorder.sim.humanoid.scene import Task


@given(st.sampled_from(list(Task)), st.integers(0, 2**63 - 1))
def test_a_seed_always_gives_the_same_poses(task: Task, seed: int) -> None:
    first, again = scene.start_poses(task, seed), scene.start_poses(task, seed)
    assert tuple(first) == scene.object_names(task)
    for name, pose in first.items():
        assert np.array_equal(pose.position_m, again[name].position_m)
        assert np.linalg.norm(pose.quaternion) == pytest.approx(1.0)


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("seed", range(5))
def test_things_stand_still_where_they_were_put(task: Task, seed: int) -> None:
    robot = SimHumanoid(seed, task)
    robot.step(1_000_000_000)
    for name, pose in scene.start_poses(task, seed).items():
        sample = robot.objects()[name]
        assert np.linalg.norm(sample.pose.position_m - pose.position_m) < 0.002, name
        assert sample.speed_m_s < 0.001
        assert sample.pose.tilt_rad < 0.01


def test_only_tasks_with_a_marked_spot_have_one() -> None:
    with pytest.raises(ValueError, match="sort_parts"):
        scene.spot(Task.SORT_PARTS)


def test_a_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        scene.start_poses(Task.LIFT_BOX, -1)


@given(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0))
def test_an_upright_pose_knows_its_heading(bearing_rad: float, yaw_rad: float) -> None:
    pose = scene.standing(bearing_rad, 0.4, 0.8, yaw_rad)
    assert pose.yaw_rad == pytest.approx(yaw_rad, abs=1e-9)
    assert pose.tilt_rad == pytest.approx(0.0, abs=1e-6)
    assert float(np.hypot(*pose.position_m[:2])) == pytest.approx(0.4)
