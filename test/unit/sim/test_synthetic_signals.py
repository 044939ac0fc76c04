from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.sim import synthetic_signals as signals

TIMES = st.floats(0.0, 3600.0)
STEP_S = 1e-5
PERIOD_500_HZ_S = 0.002


def at(signal: signals.Signal, time_s: float) -> signals.Array:
    return signal(np.array([time_s - STEP_S, time_s, time_s + STEP_S]))


@given(TIMES, st.integers(1, 60))
def test_joint_velocity_is_the_derivative_of_position(time_s: float, joints: int) -> None:
    before, now, after = at(signals.joint_signal(joints), time_s)
    slope = (after[:joints] - before[:joints]) / (2 * STEP_S)
    np.testing.assert_allclose(now[joints : 2 * joints], slope, atol=1e-5)


@given(TIMES)
def test_joints_stay_within_their_amplitude(time_s: float) -> None:
    position = signals.joint_signal(29)(np.array([time_s]))[0, :29]
    assert np.abs(position).max() <= signals.JOINT_AMPLITUDE_RAD


def test_no_two_joints_move_alike() -> None:
    position = signals.joint_signal(29)(np.arange(0.0, 5.0, 0.1))[:, :29]
    assert np.unique(position.round(9), axis=1).shape[1] == 29


@given(TIMES, st.integers(0, 3))
def test_imu_rates_are_the_derivative_of_its_unit_quaternion(time_s: float, index: int) -> None:
    before, now, after = at(signals.imu_signal(index), time_s)
    x, y, z, w = now[:4]
    assert np.linalg.norm(now[:4]) == pytest.approx(1.0)
    slope = (after[:4] - before[:4]) / (2 * STEP_S)
    # q' = q * (omega, 0) / 2 with omega in the body, so omega = 2 * vector part of conj(q) * q'.
    conjugate = np.array([[w, z, -y, -x], [-z, w, x, -y], [y, -x, w, -z]])
    np.testing.assert_allclose(now[4:7], 2 * conjugate @ slope, atol=1e-5)


@given(TIMES)
def test_the_imu_feels_gravity_and_nothing_else(time_s: float) -> None:
    assert np.linalg.norm(signals.imu_signal(0)(np.array([time_s]))[0, 7:]) == pytest.approx(signals.GRAVITY_M_S2)


@given(TIMES, st.integers(1, 20), st.integers(1, 20))
def test_touch_is_never_negative_and_never_above_its_peak(time_s: float, rows: int, columns: int) -> None:
    pressure_pa = signals.touch_signal(rows, columns, 0, 5000.0)(np.array([time_s]))
    assert pressure_pa.shape == (1, rows * columns)
    assert pressure_pa.min() >= 0.0
    assert pressure_pa.max() <= 5000.0


def test_touch_is_felt_somewhere() -> None:
    assert signals.touch_signal(9, 12, 0, 5000.0)(np.arange(0.0, 4.0, 0.1)).max() > 4000.0


@given(TIMES)
def test_the_joystick_stays_in_range_and_at_most_one_button_is_held(time_s: float) -> None:
    times_s = np.array([time_s])
    assert np.abs(signals.joy_axes_signal(6)(times_s)).max() <= 1.0
    buttons = signals.joy_buttons(times_s, 8)[0]
    assert set(buttons.tolist()) <= {0, 1}
    assert buttons.sum() <= 1


@pytest.mark.parametrize(
    ("make", "largest_step"),
    [
        (lambda: signals.joint_signal(29), 0.3),
        (lambda: signals.wrench_signal(1), 0.3),
        (lambda: signals.pose_signal(1), 0.01),
        (lambda: signals.imu_signal(0), 0.1),
    ],
)
def test_signals_are_smooth_and_the_same_every_time(make: Callable[[], signals.Signal], largest_step: float) -> None:
    times_s = np.arange(0.0, 10.0, PERIOD_500_HZ_S)
    values = make()(times_s)
    assert np.isfinite(values).all()
    assert np.abs(np.diff(values, axis=0)).max() < largest_step
    np.testing.assert_array_equal(values, make()(times_s))
    np.testing.assert_array_equal(values[100:101], make()(times_s[100:101]))
