import numpy as np
import pytest

from humanoid_recorder.inspection.taxel_layout import ASSUMED_PITCH_M, Pad, assumed_layout, declared_layout
from humanoid_recorder.spec.touch_spec import PadSpec


def test_declared_pads_follow_each_other_as_in_the_data() -> None:
    palm = PadSpec(
        frame="palm", rows=2, columns=2, origin_m=(1, 0, 0), row_step_m=(0, 0.1, 0), column_step_m=(0.01, 0, 0)
    )
    tip = PadSpec(frame="tip", positions_m=((0, 0, 1), (0, 0, 2)))
    layout = declared_layout([palm, tip])
    assert layout.taxels == 6
    assert [pad.frame for pad in layout.pads] == ["palm", "tip"]
    assert layout.pads[0].positions_m == pytest.approx(np.array([[1, 0, 0], [1.01, 0, 0], [1, 0.1, 0], [1.01, 0.1, 0]]))


def test_an_array_that_nobody_described_lies_flat_about_the_origin_of_its_frame() -> None:
    pad = assumed_layout(2, 3, frame="hand").pads[0]
    assert pad.frame == "hand"
    assert pad.positions_m.mean(axis=0) == pytest.approx([0, 0, 0])
    assert pad.positions_m[1] - pad.positions_m[0] == pytest.approx([0, ASSUMED_PITCH_M, 0])
    assert pad.positions_m[3] - pad.positions_m[0] == pytest.approx([ASSUMED_PITCH_M, 0, 0])


def test_taxels_are_drawn_no_larger_than_they_are_apart() -> None:
    assert assumed_layout(4, 4, frame="f").pads[0].taxel_size_m == pytest.approx(ASSUMED_PITCH_M)
    assert Pad("f", np.zeros((1, 3))).taxel_size_m == 0.01
    assert Pad("f", np.zeros((5, 3))).taxel_size_m == 0.01
    assert Pad("f", np.array([[0, 0, 0], [0, 0, 0.5]])).taxel_size_m == 0.01
    assert Pad("f", np.array([[0, 0, 0], [0, 0, 1e-5]])).taxel_size_m == 0.001


def test_an_empty_array_has_no_taxels() -> None:
    assert assumed_layout(0, 0, frame="f").taxels == 0
