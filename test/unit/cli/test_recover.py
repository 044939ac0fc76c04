"""What ``recover`` finds and says, and that its JSON keys stay."""

import io
import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from humanoid_recorder.cli.main import run
from humanoid_recorder.cli.recover_report import BagOutcome, RecoverReport
from humanoid_recorder.cli.recover_view import show
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.bag_writer import BagTopic, BagWriter
from humanoid_recorder.storage.layout import SessionFolder

START_NS = 1_795_160_424_000_000_000


def unfinished(directory: Path, *, torn_bytes: int = 1000) -> Path:
    """A bag of 100 messages, torn in its only chunk."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    bag = BagWriter(directory, ros_distro="kilted")
    bag.add_topic(BagTopic(1, "/words", "std_msgs/msg/String", "string data", "", ()))
    bag.write([Sample(1, b"\x01" * 100, START_NS + at, START_NS, None, at) for at in range(100)])
    bag.flush()
    bag.abandon()
    file = bag.unfinished_directory / f"{directory.name}_0.mcap"
    os.truncate(file, file.stat().st_size - 2000 - torn_bytes)
    return bag.unfinished_directory


def recover(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, RecoverReport]:
    code = run(["recover", *map(str, arguments), "--json"])
    return code, RecoverReport.model_validate_json(capsys.readouterr().out)


def test_everything_unfinished_in_all_sessions_is_recovered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("s1/a", "s1/b", "s2/c"):
        unfinished(tmp_path / "out" / name)
    code, report = recover(capsys, tmp_path / "out")
    assert (code, report.good) == (0, True)
    assert [bag.result for bag in report.bags] == ["recovered"] * 3
    for bag in report.bags:
        assert BagReader(Path(bag.directory)).summary().message_count == bag.messages
        assert bag.torn_tail_messages == bag.messages
        assert bag.is_torn
    assert recover(capsys, tmp_path / "out")[1].bags == ()


def test_sessions_in_use_are_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("s1/a", "s2/b"):
        unfinished(tmp_path / "out" / name)
    folder = SessionFolder(tmp_path / "out" / "s1")
    code, report = recover(capsys, tmp_path / "out")
    assert code == 0
    assert report.skipped == (str(tmp_path / "out" / "s1"),)
    assert [bag.episode for bag in report.bags] == ["b"]
    code, report = recover(capsys, tmp_path / "out" / "s1" / "a.unfinished")
    assert (code, report.bags[0].result) == (1, "failed")
    assert "being recorded" in report.bags[0].problem
    folder.release()


def test_looking_only_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = unfinished(tmp_path / "s1" / "a")
    code, report = recover(capsys, tmp_path, "--dry-run")
    assert (code, report.bags[0].result, report.dry_run) == (0, "recoverable", True)
    assert [path.name for path in tmp_path.glob("s1/*")] == [bag.name]


def test_keep_keeps_the_original(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = unfinished(tmp_path / "s1" / "a")
    raw = (bag / "a_0.mcap").read_bytes()
    _, report = recover(capsys, bag, "--keep")
    assert report.bags[0].original == str(tmp_path / "s1" / "a" / "damaged")
    assert (tmp_path / "s1" / "a" / "damaged" / "a_0.mcap.damaged").read_bytes() == raw


def test_what_cannot_be_recovered_makes_the_exit_code_1_and_the_others_are_recovered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished(tmp_path / "s1" / "a")
    (tmp_path / "s1" / "b.unfinished").mkdir()
    (tmp_path / "s1" / "b.unfinished" / "b_0.mcap").write_bytes(bytes(100))
    code, report = recover(capsys, tmp_path)
    assert (code, report.good) == (1, False)
    assert {bag.result for bag in report.bags} == {"recovered", "failed"}


def test_what_is_not_there_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recover", str(tmp_path / "nowhere")]) == 2
    assert "There is no" in capsys.readouterr().err


def test_an_empty_folder_has_nothing_to_recover(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recover", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "There is nothing to recover.\n"


def shown(report: RecoverReport, *, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def outcome(**changes: object) -> BagOutcome:
    facts: dict[str, object] = {
        "source": "/out/s/e.unfinished", "result": "recovered", "directory": "/out/s/e", "messages": 1234,
        "torn_tail_messages": 56, "damaged_chunks": 0, "lost_bytes": 789, "lost_span_ns": 0, "is_torn": True,
    }  # fmt: skip
    return BagOutcome.model_validate(facts | changes)


@pytest.mark.parametrize("width", [80, 140])
def test_the_table_says_what_is_there_and_what_is_not(width: int) -> None:
    text = shown(RecoverReport(good=True, dry_run=False, skipped=(), bags=(outcome(),)), width=width)
    for part in ("recovered", "1,234", "56", "0 ms + end", "789 bytes", "✓ /out/s/e: opened again"):
        assert part in text


def test_loss_and_originals_and_failures_are_named() -> None:
    damaged = outcome(damaged_chunks=2, lost_span_ns=310_000_000, is_torn=False, lost_messages=17, original="/kept")
    broken = BagOutcome(source="/x", result="failed", problem="It is empty.", remedy="Delete it.")
    text = shown(RecoverReport(good=False, dry_run=False, skipped=("/out/live",), bags=(damaged, broken)))
    for part in ("310 ms", "17 messages are lost", "kept in /kept", "✗ It is empty.", "what to do: Delete it."):
        assert part in text
    assert "skipped /out/live" in text


def test_the_keys_of_the_json_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["recover", str(unfinished(tmp_path / "s1" / "a")), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert list(report) == ["schema_version", "good", "dry_run", "skipped", "bags"]
    assert list(report["bags"][0]) == [
        "source", "result", "directory", "original", "episode", "messages", "topics", "size_bytes", "lost_bytes",
        "lost_messages", "damaged_chunks", "torn_tail_messages", "orphans", "is_torn", "first_log_ns", "last_log_ns",
        "lost_span_ns", "holes", "notes", "problem", "remedy",
    ]  # fmt: skip
    assert list(report["bags"][0]["holes"][0]) == ["file", "offset", "size_bytes", "begins_ns", "ends_ns", "messages"]
