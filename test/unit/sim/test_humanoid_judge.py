import math

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

from humanoid_recorder.sim.humanoid import judge, scene
from humanoid_recorder.sim.humanoid.judge import Judge
from humanoid_recorder.sim.humanoid.scene import Array, Pose, Task
from humanoid_recorder.sim.humanoid.sensors import ImuSample, JointSample, ObjectSample, Sensors

UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])
NOBODY = Pose(np.zeros(3), UPRIGHT)


def _sensors(**objects: ObjectSample) -> Sensors:
    none = np.zeros(43)
    return Sensors(
        time_ns=0,
        joints=JointSample(none, none, none),
        wrench=np.zeros((2, 6)),
        touch_pa=np.zeros((2, 7, 12)),
        imu=ImuSample(UPRIGHT, np.zeros(3), np.zeros(3)),
        hands=(NOBODY, NOBODY),
        head=NOBODY,
        objects=objects,
    )


def _still(pose: Pose) -> ObjectSample:
    return ObjectSample(pose, 0.0, 0.0)


def _moved(pose: Pose, by_m: tuple[float, float, float]) -> Pose:
    return Pose(pose.position_m + np.array(by_m), pose.quaternion)


def _tilted(pose: Pose, degrees: float) -> Pose:
    half = math.radians(degrees) / 2
    return Pose(pose.position_m, np.array([math.cos(half), math.sin(half), 0.0, 0.0]))


def _turned(pose: Pose, degrees: float) -> Pose:
    half = (pose.yaw_rad + math.radians(degrees)) / 2
    return Pose(pose.position_m, np.array([math.cos(half), 0.0, 0.0, math.sin(half)]))


@pytest.fixture
def spot() -> Pose:
    return scene.spot(Task.LIFT_BOX)


def _after_a_lift(end: ObjectSample) -> judge.Verdict:
    start = scene.start_poses(Task.LIFT_BOX, 0)["box"]
    watcher = Judge(Task.LIFT_BOX)
    for pose in (start, _moved(start, (0.0, 0.0, 0.2))):
        watcher.watch(_sensors(box=_still(pose)))
    return watcher.verdict(_sensors(box=end))


def test_a_box_lifted_and_at_rest_on_the_spot_is_a_success(spot: Pose) -> None:
    assert _after_a_lift(_still(spot)) == judge.Verdict(success=True, reason="")


@pytest.mark.parametrize(
    ("away", "reason"),
    [
        ((0.031, 0.0, 0.0), "box is not on the spot"),
        ((0.0, 0.0, 0.01), "box is not on the spot"),
        ((0.0, 0.0, -0.01), "box is not on the spot"),
    ],
)
def test_a_box_beside_above_or_below_the_spot_fails(spot: Pose, away: tuple[float, float, float], reason: str) -> None:
    assert _after_a_lift(_still(_moved(spot, away))) == judge.Verdict(success=False, reason=reason)


def test_a_box_turned_on_the_spot_fails(spot: Pose) -> None:
    assert _after_a_lift(_still(_turned(spot, 9.0))).success
    assert not _after_a_lift(_still(_turned(spot, 11.0))).success


def test_a_box_that_still_moves_fails(spot: Pose) -> None:
    assert _after_a_lift(ObjectSample(spot, 0.02, 0.0)).reason == "box moves"
    assert _after_a_lift(ObjectSample(spot, 0.0, 0.1)).reason == "box moves"


def test_a_box_pushed_to_the_spot_without_lifting_fails(spot: Pose) -> None:
    watcher = Judge(Task.LIFT_BOX)
    watcher.watch(_sensors(box=_still(_moved(spot, (0.0, -0.3, 0.0)))))
    assert watcher.verdict(_sensors(box=_still(spot))).reason == "box was not lifted"


def _carried(tilt_degrees: float, cup_at: tuple[float, float, float], cup_tilt_degrees: float = 0.0) -> judge.Verdict:
    goal = scene.spot(Task.CARRY_TRAY)
    above = (0.0, 0.0, -scene.TRAY_SIZE_M[2] / 2 + 0.008 + scene.CUP_HEIGHT_M / 2)
    cup = _still(_moved(goal, above))
    watcher = Judge(Task.CARRY_TRAY)
    for pose in (goal, _tilted(_moved(goal, (0.0, 0.0, 0.1)), tilt_degrees)):
        watcher.watch(_sensors(tray=_still(pose), cup=cup))
    end = _still(_tilted(_moved(cup.pose, cup_at), cup_tilt_degrees))
    return watcher.verdict(_sensors(tray=_still(goal), cup=end))


def test_a_level_tray_with_its_cup_is_a_success() -> None:
    assert _carried(11.0, (0.02, 0.0, 0.0)) == judge.Verdict(success=True, reason="")


def test_a_tray_that_was_tilted_on_the_way_fails_although_it_is_level_now() -> None:
    assert _carried(13.0, (0.0, 0.0, 0.0)).reason == "tray tilted by 13 degrees"


def test_a_cup_that_fell_over_or_off_fails() -> None:
    for verdict in (_carried(0.0, (0.0, 0.0, 0.0), 90.0), _carried(0.0, (0.0, 0.4, 0.0)), _carried(0.0, (0, 0, -0.1))):
        assert verdict.reason == "cup does not stand on the tray"


def _sorted_parts(**elsewhere: Array) -> judge.Verdict:
    objects = {}
    for name in scene.object_names(Task.SORT_PARTS):
        inside = scene.bin_pose(name.split("_")[1]).position_m + np.array([0.0, 0.0, 0.03])
        objects[name] = _still(Pose(elsewhere.get(name, inside), UPRIGHT))
    return Judge(Task.SORT_PARTS).verdict(_sensors(**objects))


def test_every_part_in_the_bin_of_its_colour_is_a_success() -> None:
    assert _sorted_parts() == judge.Verdict(success=True, reason="")


def test_a_part_in_the_wrong_bin_on_the_rim_or_on_the_table_fails() -> None:
    blue = scene.bin_pose("blue").position_m
    rim = scene.bin_pose("red").position_m + np.array([0.0, 0.0, scene.BIN_HEIGHT_M + 0.03])
    table = np.array([0.36, 0.0, scene.TABLE_TOP_M + 0.03])
    for place in (blue + np.array([0.0, 0.0, 0.03]), rim, table):
        assert _sorted_parts(part_red_1=place).reason == "part_red_1 is not in its bin"


@pytest.mark.parametrize("task", list(Task))
def test_nothing_is_done_before_the_start(task: Task) -> None:
    start = _sensors(**{name: _still(pose) for name, pose in scene.start_poses(task, 0).items()})
    watcher = Judge(task)
    watcher.watch(start)
    assert not watcher.verdict(start).success
