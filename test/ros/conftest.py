"""What every test with real ROS 2 shares: a context, nodes, and processes that always end.

Typing a fixture in a test: ``if TYPE_CHECKING: from test.ros.conftest import StartNode`` and a quoted annotation (at
run time ``test`` would be the package of the standard library).
"""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Protocol

import pytest
import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterValue, SetParametersResult
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.context import Context
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from std_msgs.msg import String
from std_srvs.srv import Trigger

from humanoid_recorder.recording.state import Phase, RecorderState, StreamState
from humanoid_recorder.ros.qos import LATCHED

with warnings.catch_warnings():
    # The first node of a process imports it, and with it a module that Python calls deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    importlib.import_module("rosidl_generator_py")

WAIT_S = 30.0
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


class Services:
    """Clients of one node's services, made before the node is there if possible, and kept.

    The middleware drops an answer when the node has not found the client's reader yet, which may be later than the
    client finds the service. A client that was there all the time was found together with everything else.
    """

    def __init__(self, node: Node, poll: Poll, owner: str, kinds: Mapping[str, Any]) -> None:
        self._poll = poll
        self._clients: dict[str, Any] = {
            name: node.create_client(kind, f"{owner}/{name}") for name, kind in kinds.items()
        }

    def call(self, name: str, request: Any) -> Any:
        client = self._clients[name]
        self._poll(client.service_is_ready)
        future = client.call_async(request)
        self._poll(future.done)
        return future.result()


RECORDER_SERVICES = {
    **dict.fromkeys(("start", "stop", "succeed", "fail", "discard", "undo_discard", "mark"), Trigger),
    "set_parameters_atomically": SetParametersAtomically,
    "change_state": ChangeState,
    "get_state": GetState,
}


class Operator:
    """Drives a recorder through its public services and topics only."""

    def __init__(self, node: Node, poll: Poll, *, recorder: str = "/recorder") -> None:
        self.node = node
        self.poll = poll
        self.recorder = recorder
        self.states: list[RecorderState] = []
        self._services = Services(node, poll, recorder, RECORDER_SERVICES)
        self._subscription = node.create_subscription(String, f"{recorder}/state", self._hear, LATCHED)

    @property
    def state(self) -> RecorderState:
        assert self.states, "the recorder has not said anything yet"
        return self.states[-1]

    def wait_for(self, phase: Phase) -> RecorderState:
        self.poll(lambda: self.states and self.state.phase is phase)
        return self.state

    def wait_for_sealed(self, count: int) -> RecorderState:
        self.poll(lambda: self.states and len(self.state.recent) >= count)
        return self.state

    def stream(self, topic: str) -> StreamState | None:
        """Return what the last state says of a topic."""
        return next((stream for stream in self.state.streams if stream.topic == topic), None)

    def problems(self) -> list[str]:
        """Return what the last state complains of."""
        return [problem.problem for problem in self.state.problems] if self.states else []

    def record(self, condition: Callable[[], object] | None = None) -> Path:
        """Record an episode until a condition holds, or else ten messages; returns its bag."""
        self.command("start")
        sealed = len(self.state.recent)
        self.poll(lambda: self.state.episode is not None and self.state.episode.messages >= 10)
        if condition is not None:
            self.poll(condition)
        self.command("stop")
        return Path(self.wait_for_sealed(sealed + 1).recent[-1].path)

    def try_command(self, name: str) -> tuple[bool, dict[str, Any]]:
        response = self._services.call(name, Trigger.Request())
        return response.success, json.loads(response.message)

    def command(self, name: str) -> dict[str, Any]:
        success, answer = self.try_command(name)
        assert success, answer
        return answer

    def try_parameters(self, **values: str) -> SetParametersResult:
        parameters = [Parameter(name=n, value=ParameterValue(type=4, string_value=v)) for n, v in values.items()]
        request = SetParametersAtomically.Request(parameters=parameters)
        answer: SetParametersResult = self._services.call("set_parameters_atomically", request).result
        return answer

    def set_labels(self, **labels: str) -> None:
        answer = self.try_parameters(**labels)
        assert answer.successful, answer.reason

    def change_state(self, transition: int) -> bool:
        request = ChangeState.Request(transition=Transition(id=transition))
        return bool(self._services.call("change_state", request).success)

    def lifecycle(self) -> str:
        return str(self._services.call("get_state", GetState.Request()).current_state.label)

    def _hear(self, message: String) -> None:
        self.states.append(RecorderState.model_validate_json(message.data))


class Talker:
    """Publishes a message again and again while the test spins, until it leaves."""

    def __init__(self, node: Node, message: Any, topic: str, *, qos: QoSProfile, period_s: float) -> None:
        self.sent = 0
        quiet = PublisherEventCallbacks(use_default_callbacks=False)  # rclpy's own calls what Python calls deprecated
        self.publisher = node.create_publisher(type(message), topic, qos, event_callbacks=quiet)
        self._node = node
        self._message = message
        self._timer = node.create_timer(period_s, self._publish)

    def leave(self) -> None:
        """Stop publishing, and be gone from the graph."""
        self._node.destroy_timer(self._timer)
        self._node.destroy_publisher(self.publisher)

    def _publish(self) -> None:
        self.publisher.publish(self._message)
        self.sent += 1


class Talk(Protocol):
    """Makes a node publish on a topic: ``robot`` unless named or given, 50 times a second and reliably."""

    def __call__(
        self,
        message: Any,
        topic: str,
        *,
        qos: QoSProfile | None = None,
        period_s: float = 0.02,
        node: Node | str = "robot",
    ) -> Talker: ...


class StartRecorder(Protocol):
    """Starts a recorder with these parameters."""

    def __call__(self, **parameters: object) -> NodeProcess: ...


class MakeOperator(Protocol):
    """Makes the operator of a recorder: its node's name, and the recorder's."""

    def __call__(self, name: str, recorder: str) -> Operator: ...


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


@pytest.fixture
def talk(make_node: MakeNode) -> Talk:
    nodes: dict[str, Node] = {}

    def begin(
        message: Any,
        topic: str,
        *,
        qos: QoSProfile | None = None,
        period_s: float = 0.02,
        node: Node | str = "robot",
    ) -> Talker:
        if isinstance(node, str):
            if node not in nodes:
                nodes[node] = make_node(node)
            node = nodes[node]
        return Talker(node, message, topic, qos=qos or QoSProfile(depth=100), period_s=period_s)

    return begin


@pytest.fixture
def stranger(domain_id: int) -> Iterator[Node]:
    """A node in a DDS participant of its own, which spins by itself until the test is over."""
    context = Context()
    rclpy.init(args=[], context=context, domain_id=domain_id, signal_handler_options=SignalHandlerOptions.NO)
    node = Node("stranger", context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    done: Future[None] = Future(executor=executor)
    thread = threading.Thread(target=executor.spin_until_future_complete, args=(done,))
    thread.start()
    yield node
    done.set_result(None)
    executor.wake()
    thread.join()
    executor.shutdown()
    node.destroy_node()
    context.try_shutdown()
    context.destroy()


@pytest.fixture
def make_operator(make_node: MakeNode, poll: Poll) -> MakeOperator:
    return lambda name, recorder: Operator(make_node(name), poll, recorder=recorder)


@pytest.fixture
def operator(make_operator: MakeOperator) -> Operator:
    return make_operator("operator", "/recorder")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where a test's recorder records to."""
    return tmp_path / "recordings"


@pytest.fixture
def start_recorder(start_node: StartNode, out: Path) -> StartRecorder:
    """Start a recorder node; one that is told nothing else records all topics."""

    def start(**parameters: object) -> NodeProcess:
        values = {"out": out, **(parameters or {"all": "true"})}
        arguments = [word for name, value in values.items() for word in ("-p", f"{name}:={value}")]
        return start_node("humanoid_recorder.nodes.recorder", *arguments)

    return start


class MakeServices(Protocol):
    """Makes clients of a node's services, by name."""

    def __call__(self, node: Node, owner: str, kinds: Mapping[str, Any]) -> Services: ...


@pytest.fixture
def make_services(poll: Poll) -> MakeServices:
    return lambda node, owner, kinds: Services(node, poll, owner, kinds)
