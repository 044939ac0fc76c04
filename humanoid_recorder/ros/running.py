"""Running a node as a process: signals, spinning, and a shutdown that the node owns.

rclpy's own handlers invalidate the context as soon as the signal arrives, after which nothing can be published any
more: neither the state of a sealed episode nor the last command of a stop. So they are not installed; the main thread
waits for the signal, the node closes while everything still works, and rclpy goes down last.
"""

import os
import signal
import sys
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import rclpy
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

from humanoid_recorder.core.errors import EXIT_BAD, HumanoidRecorderError

STOP_WITH_PARENT = "stop_with_parent"
_LONGEST_WAIT_S = 0.5
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class RunnableNode(Node, ABC):
    """A node that finishes its own work before rclpy goes down."""

    @abstractmethod
    def close(self, reason: str) -> None:
        """Finish, within 4 s; publishers and services still work. ``reason`` is the signal's name."""

    def linger(self) -> None:
        """Wait for what could not be finished within 4 s, after rclpy has gone; signals are not heard any more."""
        return


def declare_stop_with_parent(node: Node) -> None:
    """Declare the parameter by which ``run_node`` ends a node when the process that started it has gone."""
    description = "Process id of whoever started this process: it ends when that one has gone. 0 = never."
    node.declare_parameter(STOP_WITH_PARENT, 0, ParameterDescriptor(description=description))


class StopRequest:
    """Set by a signal or by the node itself; the main thread waits on it."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self.reason = ""
        self.exit_code = 0

    def request(self, reason: str, *, exit_code: int = 0) -> None:
        """Ask the process to end. The first to ask names the reason."""
        if not self._event.is_set():
            self.reason, self.exit_code = reason, exit_code
            self._event.set()

    @property
    def is_requested(self) -> bool:
        """Whether somebody asked."""
        return self._event.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until somebody asked; True if so."""
        return self._event.wait(timeout_s)


@contextmanager
def stop_on_signals(stop: StopRequest) -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP (a closed SSH connection) into a stop request; main thread only."""
    previous = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    for number in STOP_SIGNALS:
        signal.signal(number, lambda received, _frame: stop.request(signal.Signals(received).name))
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def ros_context(args: Sequence[str] | None = None) -> Iterator[None]:
    """Initialise rclpy without its signal handlers, and shut it down at the end."""
    rclpy.init(args=None if args is None else list(args), signal_handler_options=SignalHandlerOptions.NO)
    try:
        yield
    finally:
        rclpy.try_shutdown()


@contextmanager
def spinning(*nodes: Node, on_shutdown: Callable[[], None] = lambda: None) -> Iterator[Executor]:
    """Spin nodes in one thread of their own for as long as the block lasts, or until somebody shuts rclpy down.

    A callback that fails is logged and the spinning goes on: a recorder whose display fails must still hear "stop".

    The thread has ended before the executor is taken down: destroying an executor's guard condition while its wait
    set still waits on it crashes the interpreter.
    """
    executor = SingleThreadedExecutor()
    for node in nodes:
        executor.add_node(node)
    done: Future[None] = Future(executor=executor)
    thread = threading.Thread(target=_spin, args=(executor, done, nodes[0], on_shutdown), name="executor")
    thread.start()
    try:
        yield executor
    finally:
        done.set_result(None)
        executor.wake()
        thread.join()
        executor.shutdown()


def _spin(executor: Executor, done: "Future[None]", node: Node, on_shutdown: Callable[[], None]) -> None:
    last = ""
    while node.context.ok() and not done.done():
        try:
            executor.spin_until_future_complete(done)
        except ExternalShutdownException:
            break
        except Exception as error:  # any callback's
            report = "".join(traceback.format_exception(error))
            if report != last:
                node.get_logger().error(f"a callback failed, which is a mistake in the program:\n{report}")
            last = report
    if not done.done():
        on_shutdown()


def run_node(make_node: Callable[[StopRequest], RunnableNode], args: Sequence[str] | None = None) -> int:
    """Run one node until a signal, or until it asks to stop; the body of every executable of this package.

    Args:
        make_node: Builds the node; it gets the stop request, so that it can end the process itself.
        args: Command line, ROS arguments included; None for ``sys.argv``.

    Returns:
        The exit code of the process: 0 after a signal, else what the error or the stop request says.
    """
    stop = StopRequest()
    with stop_on_signals(stop):
        with ros_context(args):
            try:
                node = make_node(stop)
            except HumanoidRecorderError as error:
                print(f"error: {error}", file=sys.stderr)  # noqa: T201 - there is no node yet whose logger could say it
                return error.exit_code
            try:
                with spinning(node, on_shutdown=partial(_report_shutdown, node, stop)):
                    _wait(stop, parent_pid=_parent_to_stop_with(node))
                    node.close(stop.reason)
            finally:
                node.destroy_node()
        node.linger()
    return stop.exit_code


def _report_shutdown(node: Node, stop: StopRequest) -> None:
    reason = "rclpy was shut down under the node"
    node.get_logger().error(f"{reason}: nothing can be received or published any more")
    stop.request(reason, exit_code=EXIT_BAD)


def _parent_to_stop_with(node: Node) -> int:
    """Return the process id that the parent must have, 0 for any.

    It is told to us: by the time we could look it up, a second after we were started, the parent may have gone.
    """
    return int(node.get_parameter(STOP_WITH_PARENT).value or 0) if node.has_parameter(STOP_WITH_PARENT) else 0


def _wait(stop: StopRequest, *, parent_pid: int) -> None:
    """Wait for the request to stop, which a parent that has gone makes too.

    Never without a limit: Python runs a signal's handler in this thread, and a signal that comes in the moment before
    the thread begins to wait is noticed only when it wakes.
    """
    while not stop.is_requested:
        if parent_pid and os.getppid() != parent_pid:
            stop.request("the parent process has gone")
        stop.wait(_LONGEST_WAIT_S)
