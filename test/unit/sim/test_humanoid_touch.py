import numpy as np
import pytest

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

from humanoid_recorder.sim.humanoid.operator import Operator
from humanoid_recorder.sim.humanoid.robot import SimHumanoid
from humanoid_recorder.sim.humanoid.scene import Array, Task
from humanoid_recorder.sim.humanoid.touch import PADS, SHAPE

COMMAND_NS = 10_000_000
PALM = [pad.link for pad in PADS].index("hand_palm_link")


def _pad_force_n(pressure: Array) -> Array:
    """Normal force on each pad, shape (2, 7)."""
    return np.asarray(pressure.sum(axis=2) * np.array([pad.taxel_m2 for pad in PADS]))


def _until(robot: SimHumanoid, phase: str) -> None:
    """Let the operator work until a phase begins."""
    operator = Operator(robot.task)
    while operator.phase != phase:
        robot.command(operator.targets(robot.time_ns, robot.sensors()))
        robot.step(COMMAND_NS)


@pytest.fixture
def holding() -> SimHumanoid:
    """The robot with the box between its hands, in the air."""
    robot = SimHumanoid(0, Task.LIFT_BOX)
    _until(robot, "turn to the spot")
    return robot


def test_without_contact_no_taxel_feels_anything() -> None:
    robot = SimHumanoid(0, Task.LIFT_BOX)
    robot.step(100_000_000)
    assert robot.touch().shape == (2, *SHAPE)
    assert not robot.touch().any()


def test_both_palms_and_both_wrists_feel_the_squeeze(holding: SimHumanoid) -> None:
    free = SimHumanoid(0, Task.LIFT_BOX).wrench()
    force_n = _pad_force_n(holding.touch())
    wrench = holding.wrench()
    for hand, inward in ((0, 1.0), (1, -1.0)):
        squeeze_n = inward * wrench[hand, 1]
        assert squeeze_n > 15.0 > abs(free[hand, 1])
        assert force_n[hand, PALM] > 10.0
        # Whatever pushes the hand outwards pushes on its skin, but for the bent fingers' angle to the box.
        assert force_n[hand].sum() == pytest.approx(squeeze_n, rel=0.1)


def test_the_wrists_carry_hands_and_box(holding: SimHumanoid) -> None:
    holding.step(500_000_000)
    palms = [holding.physics.body(f"{side}_hand_palm_link").id for side in ("left", "right")]
    turns = [holding.state.xmat[palm].reshape(3, 3) for palm in palms]
    down_n = sum(float(-(turn @ wrist[:3])[2]) for turn, wrist in zip(turns, holding.wrench(), strict=True))
    mass_kg = sum(float(holding.physics.body_subtreemass[palm]) for palm in palms)
    box_kg = float(holding.physics.body("box").mass[0])
    assert down_n == pytest.approx((mass_kg + box_kg) * 9.81, rel=0.05)


def test_only_the_hand_that_grasps_feels_the_part_and_letting_go_empties_its_skin() -> None:
    robot = SimHumanoid(0, Task.SORT_PARTS)
    _until(robot, "lift part_blue_1")
    force_n = _pad_force_n(robot.touch())
    assert not force_n[0].any()
    feeling = {pad.link for pad, force in zip(PADS, force_n[1], strict=True) if force > 2.0}
    assert feeling == {"hand_thumb_2_link", "hand_middle_1_link", "hand_index_1_link"}
    robot.reset(0)
    assert not robot.touch().any()


def test_taxels_of_both_hands_mirror_each_other(holding: SimHumanoid) -> None:
    touch = holding.touch()
    pressed = touch > 0.0
    assert np.array_equal(pressed[0, PALM], pressed[1, PALM])
