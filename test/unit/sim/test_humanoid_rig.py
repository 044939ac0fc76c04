import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

from humanoid_recorder.sim.humanoid.model import CAMERAS
from humanoid_recorder.sim.humanoid.scene import Task
from humanoid_recorder.sim.humanoid_rig import HumanoidRig, RigOptions


def make_rig(*, task: Task = Task.LIFT_BOX, seed: int = 1, operator: bool = False) -> HumanoidRig:
    return HumanoidRig(RigOptions(task, seed, operator, transforms=True))


def everything(rig: HumanoidRig) -> dict[str, bytes]:
    return {name: rig.streams[name].encode(0, measure()) for name, measure in rig.measures.items()}


@pytest.mark.parametrize("task", Task)
def test_every_stream_but_the_cameras_measures_something_that_can_be_encoded(task: Task) -> None:
    rig = make_rig(task=task, operator=True)
    rig.step()
    messages = everything(rig)
    assert set(rig.streams) - set(messages) == {name for camera in CAMERAS for name in (camera, f"{camera}_info")}
    assert all(len(data) > 60 for data in messages.values())


def test_the_same_seed_gives_the_same_messages_after_a_reset_and_another_seed_other_ones() -> None:
    rig = make_rig(operator=True)
    runs = []
    for seed in (7, 7, 8):
        rig.reset(seed)
        assert rig.time_ns == 0
        run = []
        for step in range(1200):
            rig.step()
            if step % 100 == 0:
                run.append(everything(rig))
        runs.append(run)
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_a_command_moves_the_named_joints_and_the_others_hold_theirs() -> None:
    rig = make_rig()
    before = rig.measures["joints"]()[:43]
    elbow, knee = (rig.joints.index(name) for name in ("left_elbow_joint", "left_knee_joint"))
    rig.command(["left_elbow_joint"], [-0.7])
    for _ in range(1500):
        rig.step()
    rig.command(["right_elbow_joint"], [0.2])
    for _ in range(200):
        rig.step()
    after = rig.measures["joints"]()[:43]
    assert after[elbow] == pytest.approx(-0.7, abs=0.02)
    assert after[knee] == pytest.approx(before[knee], abs=0.02)


@pytest.mark.parametrize(
    ("names", "positions"),
    [
        (["left_elbow_joint", "left_elbo_joint"], [0.4, 0.4]),
        (["left_elbow_joint", "left_elbow_joint"], [0.4, 0.5]),
        (["left_elbow_joint"], []),
        (["left_elbow_joint"], [float("nan")]),
    ],
)
def test_a_wrong_command_is_refused_as_a_whole(names: list[str], positions: list[float]) -> None:
    rig, untouched = make_rig(), make_rig()
    with pytest.raises(ValueError, match=r"nothing of the command|finite"):
        rig.command(names, positions)
    for each in (rig, untouched):
        for _ in range(50):
            each.step()
    assert everything(rig) == everything(untouched)


def test_doing_nothing_is_no_success_and_says_what_is_missing() -> None:
    rig = make_rig()
    for _ in range(1500):
        rig.step()
    assert (rig.success, rig.phase) == (False, "")
    assert "box is not on the spot" in rig.verdict.reason


def test_the_operator_lifts_the_box_success_stays_and_a_reset_takes_it_back() -> None:
    rig = make_rig(operator=True)
    while not rig.success and rig.time_ns < 40e9:
        rig.step()
    assert rig.success
    while rig.phase != "done":
        rig.step()
    assert rig.success
    rig.reset(2)
    assert not rig.success


def test_the_frames_are_one_tree_and_lead_to_the_place_of_the_hand() -> None:
    rig = make_rig()
    frames = rig._links.frames
    parents = {child: (parent, row) for (parent, child), row in zip(frames, rig.measures["tf"](), strict=True)}
    assert len(parents) == len(frames)
    place, frame = np.zeros(3), "left_hand_palm_link"
    while frame != "world":
        frame, row = parents[frame]
        place = row[:3] + rotation(row[3:]) @ place
    np.testing.assert_allclose(place, rig.measures["mocap_left_hand"]()[:3], atol=1e-9)


def rotation(quaternion: np.ndarray) -> np.ndarray:
    x, y, z, w = quaternion
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
