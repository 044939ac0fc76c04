"""Each check of ``doctor`` judges fabricated readings; a check that fails itself is a problem and nothing more."""

import fcntl
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from humanoid_recorder.cli.doctor import finding_table, make_checks, run_check, verdict
from humanoid_recorder.cli.doctor_finding import Finding, Level, ok, problem, warning
from humanoid_recorder.cli.doctor_machine import (
    MEGABYTE,
    DiskReading,
    InterfaceReading,
    RealTimeReading,
    SharedMemoryReading,
    check_disk,
    judge_clock,
    judge_cpu,
    judge_disk,
    judge_real_time,
    judge_shared_memory,
    judge_socket_buffers,
    read_disk,
    read_interfaces,
    read_shared_memory,
)
from humanoid_recorder.cli.doctor_ros import (
    SelfTestReading,
    check_package,
    judge_domain,
    judge_large_messages,
    judge_middleware,
    judge_network,
    judge_ros,
    judge_round_trip,
    judge_twin,
    read_self_test,
)
from humanoid_recorder.cli.main import run
from humanoid_recorder.storage.disk_space import DiskSpace

GB = 1000 * MEGABYTE
CRASHED = SelfTestReading({}, "ModuleNotFoundError: No module named 'rclpy'")
ETHERNET = InterfaceReading("eth0", 0x1003)
LOOPBACK = InterfaceReading("lo", 0x9)
DOWN = InterfaceReading("eth1", 0x1002)


def self_test(
    *,
    ros: Mapping[str, object] | None = None,
    round_trip: Mapping[str, object] | None = None,
    graph: Mapping[str, object] | None = None,
) -> SelfTestReading:
    """A self test that went well, but for what is given."""
    return SelfTestReading(
        {
            "ros": {"rclpy_version": "9.1.2", "rmw": "rmw_fastrtps_cpp", "missing": [], "missing_optional": []}
            | dict(ros or {}),
            "round_trip": {
                "sent": 20, "received": 20, "median_ms": 0.5, "max_ms": 2.0, "sequence_numbers": True,
                "publisher_ids": True,
            } | dict(round_trip or {}),
            "graph": {"twin": False, "nodes": 3, "raw_image_topics": []} | dict(graph or {}),
        }
    )  # fmt: skip


def disk(**values: float) -> DiskReading:
    reading = {"free_bytes": 500 * GB, "written_bytes": 256 * MEGABYTE, "seconds": 1.0, "longest_sync_s": 0.01}
    reading |= values
    return DiskReading(
        "/data",
        DiskSpace(free_bytes=int(reading["free_bytes"]), total_bytes=1000 * GB),
        int(reading["written_bytes"]),
        reading["seconds"],
        reading["longest_sync_s"],
    )


@pytest.mark.parametrize(
    ("reading", "level", "words"),
    [
        (disk(), Level.OK, "256.0 MB/s"),
        (disk(free_bytes=10 * GB), Level.WARNING, "10.0 GB free (4 min at 30 MB/s above the reserve of 2.0 GB)"),
        (disk(free_bytes=57 * GB), Level.OK, "57.0 GB free (31 min"),
        (disk(free_bytes=1 * GB), Level.PROBLEM, "1.0 GB free"),
        (disk(written_bytes=40 * MEGABYTE), Level.WARNING, "40.0 MB/s"),
        (disk(written_bytes=40 * MEGABYTE, seconds=2.0), Level.PROBLEM, "20.0 MB/s"),
        (disk(longest_sync_s=1.5), Level.WARNING, "1500 ms"),
    ],
)
def test_a_disk_is_judged_by_space_speed_and_longest_sync(reading: DiskReading, level: Level, words: str) -> None:
    finding = judge_disk(reading)
    assert finding.level is level
    assert words in finding.found
    assert bool(finding.remedy) is (level is not Level.OK)


def test_measuring_a_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    reading = read_disk(tmp_path / "not" / "there" / "yet", most_bytes=10 * MEGABYTE)
    assert reading.folder == str(tmp_path)
    assert 10 * MEGABYTE <= reading.written_bytes < 15 * MEGABYTE
    assert reading.bytes_per_s > 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_a_problem() -> None:
    finding = check_disk(Path("/proc/recordings"))
    assert finding.level is Level.PROBLEM
    assert "/proc/recordings cannot be written" in finding.found


@pytest.mark.parametrize(
    ("reading", "level"),
    [
        (SharedMemoryReading(8 * GB, 7 * GB, 0, 0), Level.OK),
        (SharedMemoryReading(8 * GB, 7 * GB, 3, MEGABYTE), Level.OK),
        (SharedMemoryReading(8 * GB, 7 * GB, 900, GB), Level.WARNING),
        (SharedMemoryReading(200 * MEGABYTE, 199 * MEGABYTE, 0, 0), Level.WARNING),
        (SharedMemoryReading(64 * MEGABYTE, 10 * MEGABYTE, 0, 0), Level.PROBLEM),
    ],
)
def test_shared_memory_is_judged_by_room_and_leftovers(reading: SharedMemoryReading, level: Level) -> None:
    assert judge_shared_memory(reading).level is level


def test_only_segments_that_nobody_holds_are_leftovers(tmp_path: Path) -> None:
    for name in ("fastdds_living", "fastrtps_dead"):
        (tmp_path / name).write_bytes(bytes(1000))
        (tmp_path / f"{name}_el").touch()
    with (tmp_path / "fastdds_living_el").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        reading = read_shared_memory(tmp_path)
    assert (reading.leftovers, reading.leftover_bytes) == (1, 1000)


@pytest.mark.parametrize(("size", "level"), [(212_992, Level.WARNING), (4_194_304, Level.OK)])
def test_small_socket_buffers_are_a_warning_with_the_command_that_helps(size: int, level: Level) -> None:
    finding = judge_socket_buffers(size)
    assert finding.level is level
    assert ("sysctl -w net.core.rmem_max=" in finding.remedy) is (level is Level.WARNING)


@pytest.mark.parametrize(("state", "level"), [(True, Level.OK), (False, Level.WARNING), (None, Level.WARNING)])
def test_a_clock_that_nobody_keeps_is_a_warning(state: bool | None, level: Level) -> None:
    assert judge_clock(state).level is level


def test_missing_real_time_permission_is_a_warning_because_recording_does_not_need_it() -> None:
    assert judge_real_time(RealTimeReading(True, 90, -1)).level is Level.OK
    finding = judge_real_time(RealTimeReading(False, 0, 65536))
    assert finding.level is Level.WARNING
    assert "recording does not need it" in finding.found


@pytest.mark.parametrize(
    ("count", "governor", "driver", "level"),
    [
        (8, "performance", "acpi-cpufreq", Level.OK),
        (8, "powersave", "intel_pstate", Level.OK),
        (8, "powersave", "acpi-cpufreq", Level.WARNING),
        (8, "", "", Level.OK),
        (1, "performance", "acpi-cpufreq", Level.WARNING),
    ],
)
def test_processors_are_judged_by_number_and_governor(count: int, governor: str, driver: str, level: Level) -> None:
    assert judge_cpu(count, governor, driver).level is level


def test_interfaces_are_read_with_their_flags(tmp_path: Path) -> None:
    (tmp_path / "eth0").mkdir()
    (tmp_path / "eth0" / "flags").write_text("0x1003\n")
    (tmp_path / "bonding_masters").touch()
    assert read_interfaces(tmp_path) == [ETHERNET]


@pytest.mark.parametrize(
    ("environment", "interfaces", "level", "words"),
    [
        ({}, [ETHERNET, LOOPBACK], Level.OK, "multicast on eth0"),
        ({}, [LOOPBACK, DOWN], Level.WARNING, "no network interface"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "localhost"}, [LOOPBACK], Level.OK, "LOCALHOST"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"}, [ETHERNET], Level.WARNING, "nobody is discovered"),
        ({"ROS_AUTOMATIC_DISCOVERY_RANGE": "LAN"}, [ETHERNET], Level.PROBLEM, "'LAN'"),
        ({"ROS_LOCALHOST_ONLY": "1"}, [ETHERNET], Level.WARNING, "ROS_LOCALHOST_ONLY"),
    ],
)
def test_the_network_is_judged_by_range_and_interfaces(
    environment: dict[str, str], interfaces: list[InterfaceReading], level: Level, words: str
) -> None:
    finding = judge_network(environment, interfaces)
    assert finding.level is level
    assert words in finding.found


@pytest.mark.parametrize(
    ("domain", "level"),
    [("", Level.OK), ("0", Level.OK), ("101", Level.OK), ("150", Level.WARNING), ("233", Level.PROBLEM),
     ("-1", Level.PROBLEM), ("robot", Level.PROBLEM)],
)  # fmt: skip
def test_a_domain_is_a_number_with_ports_of_its_own(domain: str, level: Level) -> None:
    assert judge_domain({"ROS_DOMAIN_ID": domain}).level is level


def test_ros_that_does_not_load_is_a_problem_in_every_check_that_needs_it() -> None:
    findings = [
        judge_ros(CRASHED, "unknown"),
        judge_middleware(CRASHED),
        judge_round_trip(CRASHED),
        judge_twin(CRASHED, "/"),
    ]
    assert all(finding.level is Level.PROBLEM and finding.remedy for finding in findings)
    assert "No module named 'rclpy'" in findings[0].found
    assert judge_large_messages(CRASHED, {}, "kilted").level is Level.OK


def test_missing_message_packages_are_a_problem_and_optional_ones_are_only_named() -> None:
    finding = judge_ros(self_test(ros={"missing": ["trajectory_msgs"]}), "kilted")
    assert finding.level is Level.PROBLEM
    assert "trajectory_msgs" in finding.remedy
    finding = judge_ros(self_test(ros={"missing_optional": ["tf2_msgs"]}), "kilted")
    assert finding.level is Level.OK
    assert "tf2_msgs" in finding.found
    assert judge_ros(self_test(), "rolling").level is Level.WARNING


def test_cyclone_is_a_warning_that_loss_stays_unknown() -> None:
    assert judge_middleware(self_test()).level is Level.OK
    finding = judge_middleware(self_test(ros={"rmw": "rmw_cyclonedds_cpp"}))
    assert finding.level is Level.WARNING
    assert "no sequence numbers" in finding.found
    assert judge_middleware(self_test(ros={"rmw": "rmw_zenoh_cpp"})).level is Level.WARNING


@pytest.mark.parametrize(
    ("round_trip", "level", "words"),
    [
        ({}, Level.OK, "median 0.5 ms"),
        ({"sent": 0, "received": 0}, Level.PROBLEM, "did not discover"),
        ({"received": 19}, Level.PROBLEM, "19 of 20"),
        ({"median_ms": 50.0}, Level.WARNING, "median 50.0 ms"),
        ({"sequence_numbers": False}, Level.WARNING, "loss stays unknown"),
        ({"publisher_ids": False}, Level.OK, "publisher ids no"),
    ],
)
def test_a_round_trip_is_judged_by_what_came_back(round_trip: dict[str, object], level: Level, words: str) -> None:
    finding = judge_round_trip(self_test(round_trip=round_trip))
    assert finding.level is level
    assert words in finding.found


def test_a_recorder_of_our_name_is_a_warning() -> None:
    assert judge_twin(self_test(), "/").level is Level.OK
    finding = judge_twin(self_test(graph={"twin": True}), "/robot2")
    assert finding.level is Level.WARNING
    assert finding.found.startswith("/robot2/recorder is running")


def test_raw_images_without_a_transport_profile_are_a_warning_that_names_the_variable_of_the_distribution() -> None:
    with_images = self_test(graph={"raw_image_topics": ["/camera/image_raw"]})
    assert judge_large_messages(self_test(), {}, "kilted").level is Level.OK
    for distribution, variable in (
        ("kilted", "FASTDDS_DEFAULT_PROFILES_FILE"),
        ("jazzy", "FASTRTPS_DEFAULT_PROFILES_FILE"),
    ):
        finding = judge_large_messages(with_images, {}, distribution)
        assert finding.level is Level.WARNING
        profile = finding.remedy.rpartition(f"{variable}=")[2]
        assert "<segment_size>134217728</segment_size>" in Path(profile).read_text()


def test_a_transport_profile_is_read_and_a_missing_one_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "profile.xml"
    environment = {"FASTDDS_DEFAULT_PROFILES_FILE": str(file)}
    assert judge_large_messages(self_test(), environment, "kilted").level is Level.PROBLEM
    file.write_text("<segment_size>134217728</segment_size>")
    finding = judge_large_messages(self_test(), environment, "kilted")
    assert finding.level is Level.OK
    assert "134 MB" in finding.found


def test_what_the_self_test_printed_before_it_crashed_counts() -> None:
    output = 'noise\n{"ros": {"rmw": "x"}}\n'
    assert read_self_test(output, "", -11) == SelfTestReading({"ros": {"rmw": "x"}}, "it crashed (SIGSEGV)")
    assert "hung" in read_self_test(output, "", -9, timed_out=True).failure
    assert read_self_test("", "Traceback\n  line\nImportError: no\n\n", 1).failure == "ImportError: no"
    assert read_self_test(output, "a warning", 0).failure == ""


def test_our_own_files_are_found_in_a_checkout() -> None:
    finding = check_package({})
    assert finding.level is Level.OK
    assert "files in" in finding.found


def test_a_check_that_fails_itself_is_a_problem_and_no_traceback() -> None:
    def broken() -> Finding:
        raise ZeroDivisionError("nothing to divide by")

    finding = run_check("disk", broken)
    assert (finding.name, finding.level) == ("disk", Level.PROBLEM)
    assert "ZeroDivisionError: nothing to divide by" in finding.found


def test_warnings_leave_a_computer_fit_and_problems_do_not() -> None:
    assert verdict([ok("a", "")]).plain == "Fit to record."
    assert verdict([ok("a", ""), warning("b", "", "")]).plain == "Fit to record, with 1 warning."
    assert verdict([problem("a", "", ""), warning("b", "", "")]).plain == "Not fit to record: 1 problem, 1 warning."


def test_every_check_answers_under_the_name_it_is_listed_with(tmp_path: Path) -> None:
    without_ros = {"domain", "network", "shared memory", "socket buffers", "clock", "cpu", "real time", "package"}
    checks = make_checks(tmp_path, "/")
    assert without_ros < checks.keys()
    for name in without_ros:
        assert run_check(name, checks[name]).name == name
    assert finding_table([run_check(name, checks[name]) for name in without_ros]).row_count == len(without_ros)


def test_chosen_checks_are_printed_as_json_and_decide_the_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ROS_DOMAIN_ID", "5")
    assert run(["doctor", "--only", "domain", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == {
        "schema_version": 1,
        "fit": True,
        "findings": [{"name": "domain", "level": "ok", "found": "ROS_DOMAIN_ID is 5", "remedy": ""}],
    }
    monkeypatch.setenv("ROS_DOMAIN_ID", "robot")
    assert run(["doctor", "--only", "domain"]) == 1
    assert "✗" in capsys.readouterr().out


def test_an_unknown_check_is_a_usage_error_that_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--only", "weather"]) == 2
    assert "round trip" in capsys.readouterr().err
