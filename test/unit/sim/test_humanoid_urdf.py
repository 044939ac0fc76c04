import xml.etree.ElementTree as ET
from collections import Counter

import pytest

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

import mujoco

from humanoid_recorder.sim.humanoid.description import joints
from humanoid_recorder.sim.humanoid.robot import SimHumanoid
from humanoid_recorder.sim.humanoid.scene import Task
from humanoid_recorder.sim.humanoid_links import Links
from humanoid_recorder.sim.humanoid_streams import camera_frame
from humanoid_recorder.sim.humanoid_urdf import make_urdf

CAMERAS = ("head", "left_wrist", "right_wrist")


@pytest.fixture(scope="module")
def urdf() -> str:
    return make_urdf(Links(SimHumanoid(0, Task.LIFT_BOX), CAMERAS).mounts)


def parse(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own text


def test_it_needs_no_files_and_every_link_that_is_seen_is_drawn_with_primitives(urdf: str) -> None:
    assert "mesh" not in urdf.replace("mujoco", "")
    assert "package://" not in urdf
    kinds = Counter(shape.tag for geometry in parse(urdf).iter("geometry") for shape in geometry)
    assert kinds["cylinder"] > 30
    assert kinds["sphere"] == 2 * kinds["cylinder"]
    assert kinds["box"] == 2


def test_it_is_one_tree_from_the_world_with_every_joint_and_camera(urdf: str) -> None:
    root = parse(urdf)
    links = [link.get("name") for link in root.iterfind("link")]
    parents = {
        joint.find("child").get("link"): joint.find("parent").get("link")  # type: ignore[union-attr]
        for joint in root.iterfind("joint")
    }
    assert len(links) == len(set(links)) == len(parents) + 1
    assert set(links) - set(parents) == {"world"}
    names = {joint.get("name") for joint in root.iterfind("joint")}
    assert {joint.name for joint in joints()} <= names
    assert {camera_frame(camera) for camera in CAMERAS} <= set(links)


def test_a_camera_is_where_the_physics_has_it(urdf: str) -> None:
    sim = SimHumanoid(0, Task.LIFT_BOX)
    state, number = sim.state, sim.physics.camera("left_wrist").id
    place = mujoco.MjSpec.from_string(urdf)
    place.compiler.fusestatic = False
    model = place.compile()
    data = mujoco.MjData(model)
    for index, name in enumerate(sim.joint_names):
        data.qpos[model.joint(name).qposadr[0]] = state.qpos[index]
    mujoco.mj_kinematics(model, data)
    frame = model.body(camera_frame("left_wrist")).id
    assert data.xpos[frame] == pytest.approx(state.cam_xpos[number], abs=1e-4)
    axes, camera = data.xmat[frame].reshape(3, 3), state.cam_xmat[number].reshape(3, 3)
    # Optical frames look along z with y down, MuJoCo's cameras along -z with y up.
    assert axes[:, 2] == pytest.approx(-camera[:, 2], abs=1e-4)
    assert axes[:, 1] == pytest.approx(-camera[:, 1], abs=1e-4)
