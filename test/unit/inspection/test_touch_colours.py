import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.inspection.touch_colours import TouchScale, round_up, with_unit


@given(st.floats(1e-12, 1e12))
def test_a_full_scale_is_the_next_of_1_2_5_above(value: float) -> None:
    full = round_up(value)
    assert value <= full <= 2.5 * value * (1 + 1e-9)
    assert f"{full:e}"[0] in "125"


@pytest.mark.parametrize("value", [0.0, -3.0, float("nan")])
def test_without_a_value_the_scale_is_1(value: float) -> None:
    assert round_up(value) == 1.0


def test_the_scale_follows_the_data_up_and_never_down() -> None:
    scale = TouchScale(None)
    assert scale.full == 1.0
    scale.see(np.array([3.0, np.nan, np.inf]))
    assert scale.full == 5.0
    scale.see(np.array([0.1]))
    assert scale.full == 5.0
    scale.see(np.array([]))
    assert scale.full == 5.0


def test_a_declared_scale_stays() -> None:
    scale = TouchScale(20.0)
    scale.see(np.array([1e6]))
    assert scale.full == 20.0


def test_colours_go_from_grey_to_red_and_what_is_no_number_is_magenta() -> None:
    colours = TouchScale(10.0).colours(np.array([0.0, 10.0, 99.0, -1.0, np.nan, 5.0]))
    assert colours.shape == (6, 4)
    nothing, full, above, below, wrong, half = colours
    assert nothing[3] < 1
    assert full[0] > 0.8
    assert max(full[1:3]) < 0.2
    assert np.array_equal(full, above)
    assert np.array_equal(nothing, below)
    assert wrong.tolist() == [1, 0, 1, 1]
    assert half[1] > max(half[0], half[2])


def test_values_are_written_briefly_with_their_unit() -> None:
    assert with_unit(3400.0, "Pa") == "3.4 kPa"
    assert with_unit(34.0, "Pa") == "34 Pa"
    assert with_unit(3400.0, "") == "3.4e+03"
