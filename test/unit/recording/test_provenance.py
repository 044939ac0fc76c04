import hashlib
import platform
from pathlib import Path

import pytest

from humanoid_recorder.recording.provenance import collect_provenance, ros_distro
from humanoid_recorder.spec.profile import load_profile


def test_without_a_profile_the_host_and_the_software_are_told() -> None:
    record = collect_provenance(None, robot="g1", middleware="rmw_fastrtps_cpp")
    assert (record.robot, record.host, record.profile_text) == ("g1", platform.node(), "")
    assert record.software["rmw"] == "rmw_fastrtps_cpp"
    assert record.software["python"] == platform.python_version()
    assert set(record.software) == {"humanoid_recorder", "python", "ros_distro", "rmw", "mcap"}


def test_the_distribution_is_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROS_DISTRO", "rolling")
    assert ros_distro() == "rolling"


@pytest.mark.parametrize(("version", "name"), [("7.1.6", "jazzy"), ("9.1.2", "kilted"), ("99.0", "unknown")])
def test_without_it_the_version_of_rclpy_tells(monkeypatch: pytest.MonkeyPatch, version: str, name: str) -> None:
    monkeypatch.delenv("ROS_DISTRO", raising=False)
    monkeypatch.setattr("importlib.metadata.version", lambda _package: version)
    assert ros_distro() == name


def test_a_profile_is_kept_word_for_word_with_its_hash() -> None:
    path = Path(__file__).parents[3] / "config/robots/synthetic.yaml"
    record = collect_provenance(load_profile(path), robot="synthetic", middleware="")
    assert record.profile_text == path.read_text()
    assert record.profile_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record.profile_path == str(path)
