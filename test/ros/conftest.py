"""What every test with real ROS 2 shares: a context, nodes, and processes that always end.

Typing a fixture in a test: ``if TYPE_CHECKING: from test.ros.conftest import StartNode`` and a quoted annotation (at
run time ``test`` would be the package of the standard library).
"""

import importlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import IO, Protocol

import pytest
import rclpy
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

with warnings.catch_warnings():
    # The first node of a process imports it, and with it a module that Python calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    importlib.import_module("rosidl_generator_py")

WAIT_S = 20.0
"""How long a test waits for something that is bound to happen."""
STOP_S = 5.0


class Poll(Protocol):
    """Waits until a condition holds, spinning the test's nodes meanwhile; fails the test after a while."""

    def __call__(self, condition: Callable[[], object], *, timeout_s: float = WAIT_S) -> None: ...


class StartNode(Protocol):
    """Starts ``python -m <module>`` in the test's domain."""

    def __call__(self, module: str, *arguments: str, namespace: str = "") -> "NodeProcess": ...


class MakeNode(Protocol):
    """Makes a node in the test's context."""

    def __call__(self, name: str, *, namespace: str = "") -> Node: ...


class NodeProcess:
    """A child process whose output is read line by line."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        assert self.process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,))
        self._reader.start()

    @property
    def output(self) -> str:
        """Everything it has printed so far, standard error included."""
        with self._news:
            return "".join(self.lines)

    def wait_for(self, pattern: str, *, timeout_s: float = WAIT_S) -> re.Match[str]:
        """Wait until its output matches a regular expression."""
        deadline = time.monotonic() + timeout_s
        with self._news:
            while (found := re.search(pattern, "".join(self.lines))) is None:
                left_s = deadline - time.monotonic()
                if self._ended or left_s <= 0:
                    pytest.fail(f"{pattern!r} did not come; the output was:\n{''.join(self.lines)}")
                self._news.wait(left_s)
            return found

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process only."""
        self.process.send_signal(number)

    def wait(self, *, timeout_s: float = WAIT_S) -> int:
        """Wait for its end and return its exit code; all its output is there afterwards."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"still running after {timeout_s} s; the output was:\n{self.output}")
        self._reader.join(STOP_S)
        return code

    def end(self) -> None:
        """End it, gently if it lets itself be."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()
        self._reader.join(STOP_S)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            with self._news:
                self.lines.append(line)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


@pytest.fixture(autouse=True)
def _no_thread_is_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and not thread.daemon]
    for thread in left:
        thread.join(2.0)
    alive = [thread.name for thread in left if thread.is_alive()]
    assert not alive, f"threads still running after the test: {alive}"


@pytest.fixture
def ros_context(domain_id: int) -> Iterator[Context]:
    """A context of the test's own, in its domain."""
    context = Context()
    rclpy.init(args=[], context=context, domain_id=domain_id, signal_handler_options=SignalHandlerOptions.NO)
    yield context
    context.try_shutdown()
    context.destroy()


@pytest.fixture
def executor(ros_context: Context) -> Iterator[SingleThreadedExecutor]:
    """The executor of the test's nodes; it spins only inside ``poll``."""
    executor = SingleThreadedExecutor(context=ros_context)
    yield executor
    executor.shutdown()


@pytest.fixture
def make_node(ros_context: Context, executor: SingleThreadedExecutor) -> Iterator[MakeNode]:
    nodes: list[Node] = []

    def make(name: str, *, namespace: str = "") -> Node:
        node = Node(name, context=ros_context, namespace=namespace)
        nodes.append(node)
        executor.add_node(node)
        return node

    yield make
    for node in nodes:
        executor.remove_node(node)
        node.destroy_node()


@pytest.fixture
def poll(executor: SingleThreadedExecutor) -> Poll:
    def until(condition: Callable[[], object], *, timeout_s: float = WAIT_S) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"not true after {timeout_s} s"
            executor.spin_once(timeout_sec=0.05)

    return until


@pytest.fixture
def start_node(domain_id: int) -> Iterator[StartNode]:
    with ExitStack() as stack:

        def start(module: str, *arguments: str, namespace: str = "") -> NodeProcess:
            ros = ["--ros-args", *arguments] + (["-r", f"__ns:={namespace}"] if namespace else [])
            process = NodeProcess([sys.executable, "-m", module, *ros])
            stack.callback(process.end)
            return process

        yield start
