"""A node as a child process of the command, and the signals that end both."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Self

import humanoid_recorder
from humanoid_recorder.core.errors import RosError, SpecError

ParameterValue = bool | float | str | list[str]

_LOG_TAIL_BYTES = 4096
_STDERR = 2
_NOT_IN_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON may hold as it is, and YAML refuses or takes for the end of a line."""


class StopSignals:
    """Remembers the first of SIGINT, SIGTERM and SIGHUP for as long as the block lasts.

    The handler sets one attribute and nothing else: it may run in the middle of a lock's own code. Under ``nohup``
    SIGHUP stays ignored.
    """

    def __init__(self) -> None:
        self.received: signal.Signals | None = None
        self._previous: dict[signal.Signals, object] = {}
        self._terminals = [fd for fd in (0, 1, 2) if _is_terminal(fd)]

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            previous = signal.getsignal(number)
            if number is not signal.SIGHUP or previous is not signal.SIG_IGN:
                self._previous[number] = previous
                signal.signal(number, self._handle)
        return self

    def __exit__(self, *_exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what getsignal returned

    def came(self) -> bool:
        """Whether one was received."""
        return self.received is not None

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self.received is None:
            self.received = signal.Signals(number)
        if number == signal.SIGHUP:
            self.leave_terminal()

    def leave_terminal(self) -> None:
        """From now on write nowhere instead of to the terminal, which has gone: every write to it would fail."""
        nowhere = os.open(os.devnull, os.O_RDWR)
        for fd in self._terminals:
            os.dup2(nowhere, fd)
        os.close(nowhere)


@dataclass(frozen=True, slots=True)
class NodeRequest:
    """Which node is started, and how."""

    what: str
    """For messages: recorder, player."""
    module: str
    name: str
    namespace: str
    parameters: Mapping[str, ParameterValue]
    end_s: float = 6.0
    """A node ends within 4 s; after this it is taken for hung."""


class NodeChild:
    """Runs a node in a process and a session of its own, so that Ctrl-C reaches the command only.

    Args:
        request: What is started.
        log_to_file: Whether the node's log goes to a file instead of stderr, where a live display is.

    Raises:
        SpecError: A text is not valid Unicode.
    """

    def __init__(self, request: NodeRequest, *, log_to_file: bool) -> None:
        self.instance = secrets.token_hex(4)
        """Stands in every state of this child; a twin's differs."""
        self.what = request.what
        self._end_s = request.end_s
        self._was_killed = False
        self._folder = tempfile.TemporaryDirectory(prefix="humanoid_recorder_")
        folder = Path(self._folder.name)
        self._log = folder / "log" if log_to_file else None
        parameters = folder / "parameters.yaml"
        own: dict[str, ParameterValue] = {"instance": self.instance, "stop_with_parent": os.getpid()}
        try:
            write_parameters(parameters, {**request.parameters, **own})
            self._process = self._start(request, parameters)
        except BaseException:
            self._folder.cleanup()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        try:
            self.stop()
        finally:
            self._folder.cleanup()
        if self._was_killed:
            print(f"The {self.what} did not end within {self._end_s:g} s and was killed.", file=sys.stderr)

    def is_running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative when a signal killed it."""
        return self._process.poll()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Have it finish and end, and wait for that; kill it when it hangs."""
        if not self.is_running():
            return
        self._process.send_signal(number)
        try:
            self._process.wait(self._end_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            self._was_killed = True

    def wait(self, timeout_s: float) -> None:
        """Wait until it has ended by itself, at most so long."""
        deadline_s = time.monotonic() + timeout_s
        while self.is_running() and time.monotonic() < deadline_s:
            time.sleep(0.02)

    def log_lines(self) -> list[str]:
        """Return the end of its log; empty when the log goes to stderr."""
        if self._log is None:
            return []
        with self._log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()

    def _start(self, request: NodeRequest, parameters: Path) -> "subprocess.Popen[bytes]":
        # -P: a module in the folder the command was called in must not stand in for one of ours. The child uses the
        # very package this process does, wherever that is.
        package_root = str(Path(humanoid_recorder.__file__).parents[1])
        python_path = os.pathsep.join(filter(None, (package_root, os.environ.get("PYTHONPATH", ""))))
        ros = ["--params-file", str(parameters), "--log-level", "info" if self._log else "warn"]
        ros += ["-r", f"__node:={request.name}", "-r", f"__ns:=/{request.namespace.strip('/')}"]
        log = None if self._log is None else self._log.open("wb")
        try:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", request.module, "--ros-args", *ros],
                stdin=subprocess.DEVNULL,
                stdout=log or _STDERR,  # our own standard output is for results
                stderr=log or _STDERR,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": python_path},
            )
        finally:
            if log is not None:
                log.close()


class NodeEnded(RosError):  # noqa: N818 - it says what happened
    """The node has ended by itself; its exit code becomes ours."""

    def __init__(self, child: NodeChild) -> None:
        code = child.exit_code or 0
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        log = child.log_lines()
        said = "\n".join(["it said:", *log]) if log else "what it said is above."
        super().__init__(f"The {child.what} {how}; {said}")
        self.exit_code = code if code > 0 else 1


def write_parameters(path: Path, parameters: Mapping[str, ParameterValue]) -> None:
    """Write a ROS parameter file.

    JSON is YAML but for a few characters, and its strings are always quoted: ``true``, ``0123`` or ``a: b`` stay text.

    Raises:
        SpecError: A text is not valid Unicode.
    """
    try:
        text = json.dumps({"/**": {"ros__parameters": dict(parameters)}}, ensure_ascii=False)
        path.write_text(_NOT_IN_YAML.sub(lambda match: f"\\u{ord(match.group()):04x}", text), "utf-8")
    except UnicodeEncodeError as error:
        raise SpecError(
            f"The text around {error.object[max(0, error.start - 20) : error.end]!r} is not valid UTF-8.",
            remedy="Write it in UTF-8.",
        ) from error


def _is_terminal(fd: int) -> bool:
    try:
        return os.isatty(fd)
    except OSError:
        return False
