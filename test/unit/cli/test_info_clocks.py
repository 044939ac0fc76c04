"""What ``info`` shows of clocks: one row a stream, and those that findings name are marked."""

import io
import re

from rich.console import Console

from humanoid_recorder.cli.info_clocks import clock_table, has_clocks
from humanoid_recorder.cli.info_models import EpisodeReport
from humanoid_recorder.core.findings import Finding
from humanoid_recorder.core.labels import Labels, Outcome
from humanoid_recorder.core.stream_clock import ClockAccount
from humanoid_recorder.storage.episode_file import EpisodeFile, ProvenanceRecord, StartRecord

PROVENANCE = ProvenanceRecord(
    robot="r1", robot_serial="", profile_path="", profile_sha256="", profile_text="", urdf_sha256="", host="",
    software={}, clock_synchronised=None,
)  # fmt: skip
HEADSET = ClockAccount(720, 720, -1699.3, -667.0, 20.0, 2.1, 14.0, 13.9, 0.04, 21.1)
STEADY = ClockAccount(5000, 5000, 0.3, -20.0, 16.0, 2.4, 7.7, 2.0, 0.94, 34.0)
SILENT = ClockAccount(1, 0, None, None, None, None, None, None, None, None)


def episode(clocks: dict[str, ClockAccount]) -> EpisodeReport:
    start = StartRecord(time_ns=0, labels=Labels(), streams=(), provenance=PROVENANCE)
    record = EpisodeFile(id="e", session="s", start=start, labels=Labels(), clocks=clocks)
    return EpisodeReport(
        id="e", session="s", robot="r1", end=None, detail="", outcome=Outcome.UNLABELLED, labels=Labels(), lost=None,
        dropped=None, findings=(Finding(0, "clock_offset", "headset is 1.70 s ahead: ..."),), clock_synchronised=None,
        record=record,
    )  # fmt: skip


def shown(report: EpisodeReport, *, colours: bool = False) -> dict[str, str]:
    console = Console(
        width=100, file=io.StringIO(), force_terminal=colours, color_system="standard" if colours else None
    )
    with console.capture() as capture:
        console.print(clock_table(report))
    lines = capture.get().splitlines()[1:]
    return {re.sub(r"\x1b\[[0-9;]*m", "", line).split()[0]: line for line in lines}


def test_every_stream_with_messages_has_a_row() -> None:
    rows = shown(episode({"headset": HEADSET, "joints": STEADY, "robot_description": SILENT}))
    assert rows["headset"].split() == ["headset", "-1699.3", "-667", "2.1", "14.0", "4%", "21.1"]
    # A drift of little more than its error is none.
    assert rows["joints"].split() == ["joints", "0.3", "–", "2.4", "7.7", "94%", "34.0"]  # noqa: RUF001
    assert set(rows) == {"headset", "joints"}


def test_without_clocks_there_is_nothing_to_show() -> None:
    assert not has_clocks(None)
    assert not has_clocks(episode({}))
    assert not has_clocks(episode({"robot_description": SILENT}))
    assert has_clocks(episode({"joints": STEADY}))


def test_what_a_finding_names_is_marked() -> None:
    rows = shown(episode({"headset": HEADSET, "joints": STEADY}), colours=True)
    marked = "\x1b[1;33m"
    assert marked in rows["headset"]
    assert marked not in rows["joints"]
