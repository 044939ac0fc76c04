"""``humanoid-recorder doctor`` on this computer, with real DDS."""

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from test.e2e.conftest import StartCommand, StartRobot

CHECKS = {
    "package", "ros", "middleware", "round trip", "recorder", "domain", "network", "large messages", "shared memory",
    "socket buffers", "disk", "clock", "cpu", "real time",
}  # fmt: skip


def test_every_check_answers_and_messages_really_go_round(command: "StartCommand") -> None:
    running = command("doctor", "--json")
    code = running.wait()
    report = json.loads(running.stdout)
    findings = {finding["name"]: finding for finding in report["findings"]}
    assert findings.keys() == CHECKS
    assert not [found for found in findings.values() if "the check itself failed" in found["found"]]
    assert [found for found in findings.values() if found["level"] != "ok" and not found["remedy"]] == []
    assert findings["ros"]["level"] == findings["middleware"]["level"] == "ok"
    assert findings["round trip"]["found"].startswith("20 of 20 messages came back")
    assert "sequence numbers yes" in findings["round trip"]["found"]
    assert report["fit"] is (code == 0)
    assert report["fit"] is not any(finding["level"] == "problem" for finding in findings.values())


def test_a_running_recorder_is_noticed(command: "StartCommand", robot: "StartRobot") -> None:
    robot()
    recorder = command("record", "--all", "--no-display", "--out", "out")
    recorder.wait_for("Recording")
    running = command("doctor", "--only", "recorder")
    assert running.wait() == 0, running.stderr
    assert "/recorder is running already" in " ".join(running.stdout.split())


def test_ros_that_does_not_load_is_a_problem_and_no_traceback(
    command: "StartCommand", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_nobody_cpp")
    running = command("doctor", "--only", "ros", "--only", "round trip")
    assert running.wait() == 1
    assert "Not fit to record: 2 problems" in running.stdout
    assert "Traceback" not in running.stdout + running.stderr
