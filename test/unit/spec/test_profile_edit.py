"""One number changes; comments, order and layout of a profile stay."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.spec.profile import RobotProfile
from humanoid_recorder.spec.profile_edit import set_offset
from humanoid_recorder.spec.yaml_source import YamlDocument

ROBOTS = Path(__file__).resolve().parents[3] / "config" / "robots"

PROFILE = """\
# Our robot
robot: {name: r1}   # one of two
streams:
  flow: {topic: /flow, type: a_msgs/msg/A, kind: camera, rate_hz: 30}  # on the head
  flow_align: {topic: /flow_align, type: a_msgs/msg/A, kind: camera, rate_hz: 30, align: {rule: nearest}}
  block:
    topic: /block
    type: a_msgs/msg/A
    kind: operator
    rate_hz: 72     # hertz

  # The next one has all.
  block_align:
    topic: /block_align
    type: a_msgs/msg/A
    kind: operator
    rate_hz: 72
    align:
      rule: latest  # not nearest
      tolerance_ms: 40

  old:
    topic: /old
    type: a_msgs/msg/A
    kind: operator
    rate_hz: 72
    align: {offset_ms: -1700.5, rule: latest}  # measured in March
  taxels:
    topic: /touch
    type: a_msgs/msg/A
    kind: tactile
    rate_hz: 100
    taxels:
      - frame: palm
        positions_m: [[0, 0, 0]]
    # about the touch
  empty: {topic: /empty, type: a_msgs/msg/A, kind: operator, rate_hz: 72, align: {}}
  last:
    topic: /last
    type: a_msgs/msg/A
    kind: operator
    rate_hz: 11"""


def offset_of(text: str, stream: str) -> float:
    align = YamlDocument.from_bytes(text.encode(), name="p").validate(RobotProfile).streams[stream].align
    assert align is not None
    return align.offset_ms


@pytest.mark.parametrize(
    ("stream", "before", "after"),
    [
        ("flow", "rate_hz: 30}  # on", "rate_hz: 30, align: {offset_ms: -12.3}}  # on"),
        ("flow_align", "{rule: nearest}", "{rule: nearest, offset_ms: -12.3}"),
        ("block", "72     # hertz\n", "72     # hertz\n    align: {offset_ms: -12.3}\n"),
        ("block_align", "tolerance_ms: 40\n", "tolerance_ms: 40\n      offset_ms: -12.3\n"),
        ("old", "-1700.5", "-12.3"),
        ("taxels", "[[0, 0, 0]]\n", "[[0, 0, 0]]\n    align: {offset_ms: -12.3}\n"),
        ("empty", "align: {}", "align: {offset_ms: -12.3}"),
        ("last", "rate_hz: 11", "rate_hz: 11\n    align: {offset_ms: -12.3}"),
    ],
)
def test_a_number_is_put_where_it_belongs_and_nothing_else_changes(stream: str, before: str, after: str) -> None:
    assert PROFILE.count(before) == 1
    edited = set_offset(PROFILE, stream, -12.34, name="p")
    assert edited == PROFILE.replace(before, after)
    assert offset_of(edited, stream) == -12.3


def test_line_ends_of_another_system_stay() -> None:
    text = PROFILE.replace("\n", "\r\n")
    edited = set_offset(text, "block", 5, name="p")
    assert edited == text.replace("# hertz\r\n", "# hertz\r\n    align: {offset_ms: 5}\r\n")


@given(
    stream=st.sampled_from(["flow", "flow_align", "block", "block_align", "old", "taxels", "empty", "last"]),
    offset_ms=st.floats(-86_400_000, 86_400_000),
)
def test_any_number_can_be_read_back(stream: str, offset_ms: float) -> None:
    assert offset_of(set_offset(PROFILE, stream, offset_ms, name="p"), stream) == pytest.approx(offset_ms, abs=0.0501)


@pytest.mark.parametrize("name", ["g1_sim.yaml", "synthetic.yaml", "unitree_g1.yaml"])
def test_every_stream_with_a_rate_in_the_shipped_profiles_can_be_changed(name: str) -> None:
    text = (ROBOTS / name).read_text()
    profile = RobotProfile.load(ROBOTS / name)
    for stream in profile.streams_to_record():
        if stream.rate_hz and stream.kind not in ("camera_info", "transform", "description", "event"):
            edited = set_offset(text, stream.name, 7, name=name)
            assert offset_of(edited, stream.name) == 7
            assert len(set(edited.splitlines()) - set(text.splitlines())) == 1


def test_a_stream_that_takes_no_part_in_frames_is_refused_by_the_profile_itself() -> None:
    with pytest.raises(SpecError, match="takes no part"):
        set_offset(PROFILE.replace("{rule: nearest}", "{rule: none}"), "flow_align", 1, name="p")


def test_an_entry_that_others_share_is_not_changed() -> None:
    shared = PROFILE.replace("align: {rule: nearest}", "align: &a {rule: nearest}").replace("align: {}", "align: *a")
    with pytest.raises(SpecError, match="alias"):
        set_offset(shared, "empty", 1, name="p")
