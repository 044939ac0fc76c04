import pytest
from hypothesis import given
from hypothesis import strategies as st

from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.core.streams import StreamKind
from humanoid_recorder.sim.faults import kinds
from humanoid_recorder.sim.faults.kinds import KINDS, Fault
from humanoid_recorder.sim.faults.text import NAMES, format_fault, parse_fault, parse_faults

STREAMS = {
    "joints": StreamKind.JOINT,
    "left_wrench": StreamKind.WRENCH,
    "right_wrench": StreamKind.WRENCH,
    "left_touch": StreamKind.TACTILE,
    "imu": StreamKind.IMU,
    "head": StreamKind.CAMERA,
    "left_wrist": StreamKind.CAMERA,
    "right_wrist": StreamKind.CAMERA,
    "operator_head": StreamKind.OPERATOR,
}
ONE_OF_EACH = [
    ("bursts:joints:36ms", kinds.Bursts("joints", 36.0)),
    ("clock_offset:operator_head:1.7s", kinds.ClockOffset("operator_head", 1700.0)),
    ("clock_drift:imu:50ppm", kinds.ClockDrift("imu", 50.0)),
    ("stale_first:imu:19s:3", kinds.StaleFirst("imu", 19000.0, 3)),
    ("exact_repeats:operator_head:12%", kinds.ExactRepeats("operator_head", 12.0)),
    ("frozen_camera:head", kinds.FrozenCamera("head")),
    ("swapped_cameras", kinds.SwappedCameras("left_wrist")),
    ("silent:left_wrench", kinds.Silent("left_wrench")),
    ("late:head:2.5s", kinds.Late("head", 2500.0)),
    ("taxels_stuck:left_touch:4", kinds.TaxelsStuck("left_touch", 4)),
    ("taxels_saturated:left_touch:1e5Pa:3", kinds.TaxelsSaturated("left_touch", 1e5, 3)),
    ("wrench_bias:left_wrench:5N:0.3Nm", kinds.WrenchBias("left_wrench", 5.0, 0.3)),
    ("joint_jump:joints:0.25rad:17", kinds.JointJump("joints", 0.25, 17)),
    ("publisher_restart:joints:800ms", kinds.PublisherRestart("joints", 800.0)),
]


def refusal(text: str) -> str:
    with pytest.raises(SpecError) as caught:
        parse_fault(text, STREAMS)
    return str(caught.value)


@pytest.mark.parametrize(("text", "fault"), ONE_OF_EACH, ids=[text.split(":")[0] for text, _ in ONE_OF_EACH])
def test_every_fault_is_read_from_its_text_and_written_so_that_it_is_read_again(text: str, fault: Fault) -> None:
    assert parse_fault(text, STREAMS) == fault
    assert parse_fault(format_fault(fault), STREAMS) == fault


def test_the_examples_are_all_the_faults_there_are() -> None:
    assert {type(fault) for _, fault in ONE_OF_EACH} == set(KINDS) == set(NAMES.values())


@given(st.floats(1e-3, 1e6), st.integers(1, 10**6))
def test_any_parameters_survive_being_written(age_ms: float, count: int) -> None:
    fault = kinds.StaleFirst("imu", age_ms, count)
    assert parse_fault(format_fault(fault), STREAMS) == fault


def test_what_is_left_out_has_its_default_and_is_not_written() -> None:
    assert parse_fault("wrench_bias:left_wrench:9N", STREAMS) == kinds.WrenchBias("left_wrench", 9.0)
    assert format_fault(kinds.WrenchBias("left_wrench", 9.0)) == "wrench_bias:left_wrench:9.0N"
    assert format_fault(kinds.Bursts("joints")) == "bursts:joints"


def test_spaces_are_no_matter() -> None:
    assert parse_fault(" bursts : joints : 20 ms ", STREAMS) == kinds.Bursts("joints", 20.0)


def test_an_unknown_fault_names_the_nearest() -> None:
    assert "there is no fault 'frozen_cam'. Did you mean 'frozen_camera'?" in refusal("frozen_cam:head")


def test_an_unknown_stream_names_the_nearest_that_can_have_the_fault() -> None:
    assert "there is no stream 'left_wrst'. Did you mean 'left_wrist'?" in refusal("frozen_camera:left_wrst")
    assert "Did you mean 'left_wrench'?" in refusal("wrench_bias:left_wrst")


def test_a_stream_that_cannot_have_a_fault_is_refused_with_those_that_can() -> None:
    assert "joints cannot have wrench_bias. These can: left_wrench, right_wrench." in refusal("wrench_bias:joints")


def test_a_fault_without_a_stream_is_refused_with_an_example() -> None:
    assert "on which stream? Write it like frozen_camera:head." in refusal("frozen_camera")
    assert "on which stream?" in refusal("frozen_camera:")


@pytest.mark.parametrize(
    "text",
    [
        "bursts:joints:36",
        "bursts:joints:36s36",
        "bursts:joints:36Pa",
        "bursts:joints:-1ms",
        "bursts:joints:0ms",
        "bursts:joints:1e99ms",
        "bursts:joints:nan ms",
        "bursts:joints:",
        "exact_repeats:operator_head:101%",
        "taxels_stuck:left_touch:0",
        "taxels_stuck:left_touch:1.5",
        "joint_jump:joints:1rad:-1",
        "joint_jump:joints:1rad:43",
    ],
)
def test_a_wrong_parameter_is_refused_with_how_to_write_it(text: str) -> None:
    assert "Write a " in refusal(text)


def test_cameras_can_be_swapped_only_where_there_are_two() -> None:
    with pytest.raises(SpecError, match="there is no stream 'right_wrist'"):
        parse_fault("swapped_cameras", {"left_wrist": StreamKind.CAMERA})


def test_one_parameter_too_many_is_refused_with_the_parameters_there_are() -> None:
    assert "'7ms' is one too many. Parameters: hold_ms." in refusal("bursts:joints:36ms:7ms")
    assert "Parameters: none." in refusal("frozen_camera:head:3")


def test_a_list_skips_empty_texts_and_refuses_the_same_fault_twice() -> None:
    assert parse_faults(["", "silent:imu"], STREAMS) == (kinds.Silent("imu"),)
    with pytest.raises(SpecError, match="bursts is set twice on joints"):
        parse_faults(["bursts:joints:36ms", "bursts:joints:20ms"], STREAMS)
