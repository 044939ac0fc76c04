"""``humanoid-recorder doctor``: is this computer fit to record?"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from humanoid_recorder.cli import doctor_machine as machine
from humanoid_recorder.cli import doctor_ros as ros
from humanoid_recorder.cli.doctor_finding import Finding, Level, problem
from humanoid_recorder.core.errors import EXIT_BAD, SpecError
from humanoid_recorder.recording.provenance import ros_distro

_MARKS = {Level.OK: ("✓", "green"), Level.WARNING: ("!", "bold yellow"), Level.PROBLEM: ("✗", "bold red")}

Check = Callable[[], Finding]


class _SelfTest:
    """The self test of ROS, run when the first check asks for it and then remembered."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._reading: ros.SelfTestReading | None = None

    def __call__(self) -> ros.SelfTestReading:
        if self._reading is None:
            self._reading = ros.run_self_test(self._namespace)
        return self._reading


def make_checks(out: Path, namespace: str) -> Mapping[str, Check]:
    """Return all checks by name, in the order in which they are shown.

    Args:
        out: Where recordings go.
        namespace: Of the recorder.
    """
    self_test = _SelfTest(namespace)
    distribution = ros_distro()
    return {
        "package": ros.check_package,
        "ros": lambda: ros.judge_ros(self_test(), distribution),
        "middleware": lambda: ros.judge_middleware(self_test()),
        "round trip": lambda: ros.judge_round_trip(self_test()),
        "recorder": lambda: ros.judge_twin(self_test(), namespace),
        "domain": lambda: ros.judge_domain(os.environ),
        "network": lambda: ros.judge_network(os.environ, machine.read_interfaces()),
        "large messages": lambda: ros.judge_large_messages(self_test(), os.environ, distribution),
        "shared memory": machine.check_shared_memory,
        "socket buffers": machine.check_socket_buffers,
        "disk": lambda: machine.check_disk(out),
        "clock": machine.check_clock,
        "cpu": machine.check_cpu,
        "real time": machine.check_real_time,
    }


def run_check(name: str, check: Check) -> Finding:
    """Run one check; one that fails itself is a problem like any other, and the others go on."""
    try:
        return check()
    except Exception as error:
        return problem(name, f"the check itself failed: {type(error).__name__}: {error}", "Please report this.")


def finding_table(findings: list[Finding]) -> Table:
    """Lay the findings out, with the remedy below where there is one."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for finding in findings:
        mark, style = _MARKS[finding.level]
        text = Text(finding.found)
        if finding.remedy:
            text.append(f"\n→ {finding.remedy}", style="cyan")
        table.add_row(Text(mark, style=style), finding.name, text)
    return table


def verdict(findings: list[Finding]) -> Text:
    """Sum it up in one sentence."""
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    warnings = sum(finding.level is Level.WARNING for finding in findings)
    counted = f"{warnings} warning{'' if warnings == 1 else 's'}"
    if problems:
        return Text(
            f"Not fit to record: {problems} problem{'' if problems == 1 else 's'}, {counted}.", style="bold red"
        )
    if warnings:
        return Text(f"Fit to record, with {counted}.", style="bold yellow")
    return Text("Fit to record.", style="bold green")


def doctor(
    *,
    out: Annotated[Path, typer.Option(help="Where recordings will go; that disk is measured.")] = Path("recordings"),
    namespace: Annotated[str, typer.Option(help="Of the recorder, when several robots share a network.")] = "/",
    only: Annotated[
        list[str] | None, typer.Option(help="Run only this check, by the name it is shown with; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")] = False,
) -> None:
    """Check whether this computer is fit to record, and say what to do where it is not.

    Takes some 10 s: messages go to another process and back, and the disk is written to for at most 2 s.

    \b
    Examples:
      humanoid-recorder doctor --out /data/recordings
      humanoid-recorder doctor --only disk --only 'round trip' --json

    \b
    Keys of --json: schema_version, fit (no problem), findings: name,
    level (ok, warning, problem), found, remedy

    Exit code: 0 no problem (there may be warnings), 1 a problem, 2 usage.
    """  # noqa: D301 - click needs the backspace itself
    checks = make_checks(out.expanduser(), namespace)
    unknown = [name for name in only or () if name not in checks]
    if unknown:
        raise SpecError(f"There is no check {unknown[0]!r}.", remedy=f"Checks are: {', '.join(checks)}.")
    chosen = {name: check for name, check in checks.items() if not only or name in only}
    findings = []
    waiting = Console(stderr=True)
    with waiting.status("looking", spinner="dots") as status:
        for name, check in chosen.items():
            status.update(f"looking at {name}")
            findings.append(run_check(name, check))
    fit = all(finding.level is not Level.PROBLEM for finding in findings)
    if as_json:
        report = {"schema_version": 1, "fit": fit, "findings": [asdict(finding) for finding in findings]}
        sys.stdout.write(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    else:
        console = Console(highlight=False)
        console.print(finding_table(findings))
        console.print()
        console.print(verdict(findings))
    raise typer.Exit(0 if fit else EXIT_BAD)
