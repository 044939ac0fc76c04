"""The workloads of the bench are those that the field notes describe."""

from pathlib import Path

import pytest

from bench.payload import Template, make_message, number_of
from bench.workload import WORKLOADS, load_workload, write_profile
from humanoid_recorder.core.cdr import peek_header_stamp_ns
from humanoid_recorder.spec.profile import RobotProfile

NAMES = ("modest", "full", "raw", "dense")


@pytest.mark.parametrize("name", NAMES)
def test_the_totals_of_a_workload_are_those_stated(name: str) -> None:
    workload = load_workload(WORKLOADS / f"{name}.yaml")
    assert workload.messages_per_s == pytest.approx(workload.stated["messages_per_s"], rel=0.02)
    if "megabytes_per_s" in workload.stated:
        assert workload.megabytes_per_s == pytest.approx(workload.stated["megabytes_per_s"], rel=0.02)


def test_a_scaled_workload_sends_everything_twice_on_other_topics() -> None:
    once, twice = (load_workload(WORKLOADS / "full.yaml", scale=scale) for scale in (1, 2))
    assert twice.messages_per_s == 2 * once.messages_per_s
    assert len({stream.topic for stream in twice.streams}) == 2 * len(once.streams)
    assert twice.by_process().keys() == once.by_process().keys()


@pytest.mark.parametrize("name", NAMES)
def test_every_stream_has_a_message_of_exactly_its_size(name: str) -> None:
    for stream in load_workload(WORKLOADS / f"{name}.yaml").streams:
        assert len(make_message(stream.type, stream.bytes)) == stream.bytes


def test_a_template_takes_a_number_and_a_stamp() -> None:
    message = Template("sensor_msgs/msg/Imu", 332).message(0xABCDE, 1_795_160_424_444_668_177)
    assert number_of(message) == 0xABCDE
    assert peek_header_stamp_ns(message) == 1_795_160_424_444_668_177


def test_a_size_that_a_type_cannot_have_is_refused() -> None:
    with pytest.raises(ValueError, match="Imu of 333 B cannot be made; 332 B can"):
        make_message("sensor_msgs/msg/Imu", 333)


def test_the_profile_of_a_workload_requires_every_stream(tmp_path: Path) -> None:
    workload = load_workload(WORKLOADS / "full.yaml", scale=2)
    write_profile(workload, tmp_path / "profile.yaml")
    streams = RobotProfile.load(tmp_path / "profile.yaml").streams_to_record()
    assert {stream.topic for stream in streams if stream.required} == {stream.topic for stream in workload.streams}
