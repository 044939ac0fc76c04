"""``taxels`` in a profile: grids and lists, and what is wrong with them, with its line."""

import pytest

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.spec.profile import RobotProfile
from humanoid_recorder.spec.yaml_source import YamlDocument

PROFILE = """\
robot: {{name: r}}
streams:
  touch:
    topic: /touch
    type: sensor_msgs/msg/Image
    kind: {kind}
    taxels:
      - {pad}
"""


def read(pad: str, kind: str = "tactile") -> RobotProfile:
    text = PROFILE.format(pad=pad, kind=kind)
    return YamlDocument.from_bytes(text.encode(), name="r.yaml").validate(RobotProfile)


def test_a_grid_runs_row_by_row_from_its_origin() -> None:
    pad = "{frame: hand, rows: 2, columns: 2, origin_m: [1, 0, 0], row_step_m: [0, 0, 2], column_step_m: [0, 3, 0]}"
    taxels = read(pad).streams["touch"].taxels
    assert taxels is not None
    assert taxels[0].places_m() == ((1, 0, 0), (1, 3, 0), (1, 0, 2), (1, 3, 2))


def test_a_list_is_taken_as_it_is() -> None:
    taxels = read("{frame: hand, positions_m: [[0, 0, 1], [0, 1, 0]]}").streams["touch"].taxels
    assert taxels is not None
    assert taxels[0].places_m() == ((0, 0, 1), (0, 1, 0))


@pytest.mark.parametrize(
    ("pad", "kind", "words"),
    [
        ("{frame: hand}", "tactile", "rows, columns, row_step_m, column_step_m is missing"),
        ("{frame: hand, rows: 2, columns: 2, row_step_m: [0, 0, 1]}", "tactile", "column_step_m is missing"),
        ("{frame: hand, positions_m: [[0, 0, 1]], rows: 2}", "tactile", "already says where every taxel is"),
        ("{frame: hand, positions_m: []}", "tactile", "r.yaml:8"),
        ("{frame: '', positions_m: [[0, 0, 1]]}", "tactile", "r.yaml:8"),
        ("{frame: hand, positions_m: [[0, .nan, 1]]}", "tactile", "r.yaml:8"),
        ("{frame: hand, row: 2, positions_m: [[0, 0, 1]]}", "tactile", "rows"),
        ("{frame: hand, positions_m: [[0, 0, 1]]}", "camera", "a stream of kind camera has no taxels"),
    ],
)
def test_what_is_wrong_is_said(pad: str, kind: str, words: str) -> None:
    with pytest.raises(SpecError, match=words):
        read(pad, kind)
