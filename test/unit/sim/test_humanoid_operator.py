import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

from humanoid_recorder.sim.humanoid import description
from humanoid_recorder.sim.humanoid.attempt import COMMAND_NS, attempt
from humanoid_recorder.sim.humanoid.judge import Judge
from humanoid_recorder.sim.humanoid.motion import FLAT
from humanoid_recorder.sim.humanoid.operator import Operator
from humanoid_recorder.sim.humanoid.robot import SimHumanoid
from humanoid_recorder.sim.humanoid.scene import Array, Task
from humanoid_recorder.sim.humanoid.sensors import Sensors

NS_PER_S = 1_000_000_000


@pytest.mark.parametrize("task", list(Task))
@pytest.mark.parametrize("seed", [0, 1234])
def test_the_operator_does_its_task(task: Task, seed: int) -> None:
    done = attempt(SimHumanoid(0, task), seed)
    assert done.verdict.reason == ""
    assert done.verdict.success
    assert done.worst_reach_m < 0.005


@pytest.mark.parametrize("task", list(Task))
def test_without_the_operator_no_task_is_done(task: Task) -> None:
    robot, judge = SimHumanoid(0, task), Judge(task)
    judge.watch(robot.sensors())
    robot.step(NS_PER_S)
    assert not judge.verdict(robot.sensors()).success


def _targets(task: Task, seed: int) -> Array:
    robot, operator, targets = SimHumanoid(seed, task), Operator(task), []
    while not operator.done:
        targets.append(operator.targets(robot.time_ns, robot.sensors()))
        robot.command(targets[-1])
        robot.step(COMMAND_NS)
    return np.array(targets)


@pytest.mark.parametrize("task", list(Task))
def test_targets_stay_inside_the_limits_of_position_and_velocity(task: Task) -> None:
    targets, joints = _targets(task, 3), description.joints()
    assert (targets >= [joint.lower_rad for joint in joints]).all()
    assert (targets <= [joint.upper_rad for joint in joints]).all()
    speed = np.abs(np.diff(targets, axis=0)).max(axis=0) / (COMMAND_NS / NS_PER_S)
    assert (speed < 0.5 * np.array([joint.velocity_rad_s for joint in joints])).all()


def test_the_same_seed_gives_the_same_targets() -> None:
    assert np.array_equal(_targets(Task.LIFT_BOX, 5), _targets(Task.LIFT_BOX, 5))


def test_nothing_is_held_but_by_friction() -> None:
    for task in Task:
        assert SimHumanoid(0, task).physics.neq == 0


@pytest.mark.parametrize("task", list(Task))
def test_a_thing_falls_when_the_hands_let_go(task: Task) -> None:
    robot, operator = SimHumanoid(0, task), Operator(task)
    start: Sensors = robot.sensors()
    while not operator.phase.startswith("turn to the"):
        robot.command(operator.targets(robot.time_ns, robot.sensors()))
        robot.step(COMMAND_NS)
    name = max(start.objects, key=lambda each: _height(robot, each) - start.objects[each].pose.position_m[2])
    held_m = _height(robot, name)
    command = robot.joints().position_rad
    command[15:22] += [0.0, 0.3, 0.0, 0.0, 0.0, 0.0, 0.0]
    command[29:36] += [0.0, -0.3, 0.0, 0.0, 0.0, 0.0, 0.0]
    command[22:29], command[36:43] = FLAT.angles(0), FLAT.angles(1)
    robot.command(command)
    robot.step(NS_PER_S)
    assert held_m - start.objects[name].pose.position_m[2] > 0.05
    assert _height(robot, name) < held_m - 0.05


def _height(robot: SimHumanoid, name: str) -> float:
    return float(robot.objects()[name].pose.position_m[2])
