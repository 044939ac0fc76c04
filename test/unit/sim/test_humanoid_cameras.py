import gc

import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

from humanoid_recorder.sim.humanoid import model
from humanoid_recorder.sim.humanoid.cameras import HEIGHT_PX, WIDTH_PX, Cameras
from humanoid_recorder.sim.humanoid.robot import SimHumanoid
from humanoid_recorder.sim.humanoid.scene import Task

EVERY = (*model.CAMERAS, model.OVERVIEW)


@pytest.fixture
def without_gl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUJOCO_GL", "off")


def _pictures_are_right(cameras: Cameras, robot: SimHumanoid) -> None:
    cameras.show(robot.configuration())
    before = {name: cameras.picture(name) for name in EVERY}
    for name, picture in before.items():
        assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
        assert picture.dtype == np.uint8
        assert picture.std() > 10.0, name
        assert np.array_equal(picture, cameras.picture(name))
    robot.reset(1)
    cameras.show(robot.configuration())
    assert not np.array_equal(before["head"], cameras.picture("head"))


@pytest.mark.usefixtures("without_gl")
def test_without_opengl_pictures_are_schematic_and_the_reason_is_told() -> None:
    cameras = Cameras(Task.LIFT_BOX)
    assert "MUJOCO_GL=off" in cameras.schematic_because
    _pictures_are_right(cameras, SimHumanoid(0, Task.LIFT_BOX))
    cameras.close()


def test_with_opengl_every_camera_renders_the_scene() -> None:
    cameras = Cameras(Task.LIFT_BOX)
    if cameras.schematic_because:
        pytest.skip(cameras.schematic_because)
    _pictures_are_right(cameras, SimHumanoid(0, Task.LIFT_BOX))
    cameras.close()


def test_cameras_of_two_scenes_do_not_disturb_each_other_not_even_when_one_goes() -> None:
    first = Cameras(Task.LIFT_BOX)
    if first.schematic_because:
        pytest.skip(first.schematic_because)
    first.show(SimHumanoid(0, Task.LIFT_BOX).configuration())
    second = Cameras(Task.SORT_PARTS)
    second.show(SimHumanoid(0, Task.SORT_PARTS).configuration())
    pictures = first.picture("head"), second.picture("head")
    assert np.array_equal(first.picture("head"), pictures[0])
    del first
    gc.collect()
    assert np.array_equal(second.picture("head"), pictures[1])
    second.close()
    second.close()


@pytest.mark.usefixtures("without_gl")
def test_the_head_sees_the_red_bin_on_the_left_and_the_blue_one_on_the_right() -> None:
    cameras = Cameras(Task.SORT_PARTS, width_px=640, height_px=240)
    cameras.show(SimHumanoid(0, Task.SORT_PARTS).configuration())
    picture = cameras.picture("head").astype(int)
    red, blue = picture[..., 0] - picture[..., 2] > 80, picture[..., 2] - picture[..., 0] > 80
    assert np.nonzero(red)[1].min() < 200
    assert np.nonzero(blue)[1].max() > 440


@pytest.mark.usefixtures("without_gl")
def test_the_robot_takes_the_same_picture_as_cameras_of_another_process() -> None:
    robot = SimHumanoid(0, Task.CARRY_TRAY)
    cameras = Cameras(Task.CARRY_TRAY)
    cameras.show(robot.configuration())
    assert np.array_equal(robot.render("head"), cameras.picture("head"))


@pytest.mark.usefixtures("without_gl")
def test_a_configuration_of_another_task_is_refused() -> None:
    with pytest.raises(ValueError, match="coordinates"):
        Cameras(Task.LIFT_BOX).show(SimHumanoid(0, Task.SORT_PARTS).configuration())
