import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

from humanoid_recorder.sim.humanoid import description
from humanoid_recorder.sim.humanoid.kinematics import ArmKinematics, HandTarget
from humanoid_recorder.sim.humanoid.model import home_position
from humanoid_recorder.sim.humanoid.motion import (
    CLAW_CLOSED,
    CLAW_OPEN,
    FLAT,
    PRESS,
    HandShape,
    blend_hand,
    finger_indices,
    minimum_jerk,
)

ORIGIN = np.zeros(3)


@pytest.fixture(scope="module")
def kinematics() -> ArmKinematics:
    return ArmKinematics()


def test_hundreds_of_reachable_poses_are_reached_within_5_mm_and_inside_the_limits(kinematics: ArmKinematics) -> None:
    draw = np.random.default_rng(1)
    joints = description.joints()
    lower, upper = np.array([j.lower_rad for j in joints]), np.array([j.upper_rad for j in joints])
    home = home_position()
    errors_m, turns_rad = [], []
    for number in range(300):
        hand = number % 2
        arm = slice(15, 22) if hand == 0 else slice(29, 36)
        there = home.copy()
        there[arm] = np.clip(home[arm] + draw.uniform(-0.5, 0.5, 7), lower[arm] + 0.05, upper[arm] - 0.05)
        target = kinematics.hand(there, hand, ORIGIN)
        found, error_m = kinematics.solve(home, hand, ORIGIN, target, iterations=100)
        errors_m.append(error_m)
        turned = kinematics.hand(found, hand, ORIGIN).rotation
        turns_rad.append(np.arccos(np.clip((np.trace(turned.T @ target.rotation) - 1) / 2, -1, 1)))
        assert (found >= lower).all()
        assert (found <= upper).all()
        others = np.ones(43, dtype=bool)
        others[arm] = False
        assert np.array_equal(found[others], home[others])
    assert max(errors_m) < 0.005
    assert max(turns_rad) < 0.05


def test_an_unreachable_pose_reports_how_far_away_the_hand_stays(kinematics: ArmKinematics) -> None:
    target = kinematics.hand(home_position(), 0, ORIGIN)
    far = HandTarget(target.position_m + np.array([2.0, 0.0, 0.0]), target.rotation)
    found, error_m = kinematics.solve(home_position(), 0, ORIGIN, far, iterations=100)
    assert error_m > 1.0
    assert np.isfinite(found).all()


def test_the_waist_does_not_change_what_the_arms_see(kinematics: ArmKinematics) -> None:
    turned = home_position()
    turned[[joint.name for joint in description.joints()].index("waist_yaw_joint")] = 1.0
    straight = kinematics.hand(home_position(), 0, ORIGIN)
    assert kinematics.hand(turned, 0, ORIGIN).position_m == pytest.approx(straight.position_m)


def test_hands_at_home_mirror_each_other(kinematics: ArmKinematics) -> None:
    left, right = (kinematics.hand(home_position(), hand, ORIGIN).position_m for hand in (0, 1))
    assert left == pytest.approx(right * [1.0, -1.0, 1.0], abs=1e-4)


@given(st.floats(-1.0, 2.0))
def test_minimum_jerk_stays_between_start_and_end(fraction: float) -> None:
    assert 0.0 <= minimum_jerk(fraction) <= 1.0


def test_minimum_jerk_starts_and_ends_at_rest() -> None:
    assert minimum_jerk(0.0) == 0.0
    assert minimum_jerk(0.5) == pytest.approx(0.5)
    assert minimum_jerk(1.0) == 1.0
    assert minimum_jerk(1e-3) < 1e-7
    assert 1.0 - minimum_jerk(1.0 - 1e-3) < 1e-7


def test_a_blend_goes_straight_and_turns_about_one_axis() -> None:
    quarter = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    start, end = HandTarget(np.zeros(3), np.eye(3)), HandTarget(np.array([1.0, 2.0, 3.0]), quarter)
    half = blend_hand(start, end, 0.5)
    assert half.position_m == pytest.approx([0.5, 1.0, 1.5])
    assert half.rotation @ half.rotation == pytest.approx(quarter, abs=1e-9)
    assert blend_hand(start, end, 1.0).rotation == pytest.approx(quarter, abs=1e-9)


@pytest.mark.parametrize("shape", [FLAT, PRESS, CLAW_OPEN, CLAW_CLOSED])
@pytest.mark.parametrize("hand", [0, 1])
def test_finger_shapes_are_inside_the_limits_of_both_hands(shape: HandShape, hand: int) -> None:
    for index, angle in zip(finger_indices(hand), shape.angles(hand), strict=True):
        joint = description.joints()[index]
        assert joint.lower_rad <= angle <= joint.upper_rad, joint.name
