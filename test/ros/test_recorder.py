"""The recorder node over real DDS: lifecycle, commands, topics and what it leaves on disk."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import String

from humanoid_recorder.cli.info_report import report_on
from humanoid_recorder.recording.state import Phase, RecorderState
from humanoid_recorder.ros.qos import LATCHED
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.ros.conftest import MakeNode, MakeOperator, Operator, Poll, StartNode

MODULE = "humanoid_recorder.nodes.recorder"
DEEP = QoSProfile(depth=100)


@pytest.fixture
def robot(make_node: "MakeNode") -> Node:
    return make_node("robot")


@pytest.fixture
def joints(robot: Node) -> "Publisher[JointState]":
    """Joint states at 100 Hz for as long as the test spins."""
    publisher = robot.create_publisher(JointState, "/joint_states", DEEP)

    def publish() -> None:
        message = JointState(name=["left_knee_joint"], position=[1.0])
        message.header.stamp = robot.get_clock().now().to_msg()
        publisher.publish(message)

    robot.create_timer(0.01, publish)
    return publisher


def parameters(out: Path | str, **others: object) -> list[str]:
    arguments = [f"{name}:={value}" for name, value in {"out": out, **others}.items()]
    return [word for argument in arguments for word in ("-p", argument)]


def counts(path: str | Path) -> dict[str, int]:
    return {topic.name: topic.message_count for topic in BagReader(Path(path)).summary().topics}


def received(state: RecorderState, topic: str) -> int:
    return sum(stream.received for stream in state.streams if stream.topic == topic)


def test_an_episode_is_whole_and_its_ledger_agrees_with_the_bag(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", out: Path
) -> None:
    start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    operator.set_labels(task="fold the towel", operator="ann")
    started = operator.command("start")
    assert started["labels"] == {"task": "fold the towel", "prompt": "", "operator": "ann", "scene": "", "reason": ""}
    operator.poll(lambda: operator.state.episode is not None and operator.state.episode.messages > 50)
    marked = operator.command("mark")
    assert (marked["episode"], marked["event"]["event"]) == (started["episode"], "mark")
    assert operator.command("succeed") == {**started, "outcome": "success"}
    sealed = operator.wait_for_sealed(1).recent[-1]

    assert (sealed.end, sealed.outcome, sealed.lost, sealed.dropped) == ("stopped", "success", 0, 0)
    file = EpisodeFile.read(Path(sealed.path))
    ledger = {record.topic: file.ledger[record.name] for record in (*file.start.streams, *file.streams_joined_later)}
    assert counts(sealed.path)["/joint_states"] == ledger["/joint_states"].written == ledger["/joint_states"].received
    assert counts(sealed.path)["/recorder/events"] == file.ledger["/recorder/events"].written == 1
    assert report_on(Path(sealed.path), verify=True).problems == ()
    assert ledger["/joint_states"].unstamped == 0
    assert file.labels.task == "fold the towel"
    assert file.start.provenance.software["rmw"] == "rmw_fastrtps_cpp"


def test_own_topics_and_those_of_ros_are_left_out_of_all(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", out: Path
) -> None:
    start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    topics = {stream.topic for stream in operator.state.streams}
    assert "/joint_states" in topics
    assert not topics & {"/rosout", "/parameter_events", "/recorder/state", "/recorder/transition_event"}


def test_start_is_refused_while_a_required_stream_is_silent_and_names_it(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", out: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "robot.yaml"
    profile.write_text(
        "robot: {name: test_robot}\n"
        "streams:\n"
        "  joints: {topic: /joint_states, type: sensor_msgs/msg/JointState, kind: joint, rate_hz: 100}\n"
        "  head: {topic: /head/image, type: sensor_msgs/msg/CompressedImage, kind: camera, rate_hz: 30}\n"
        "  joy: {topic: /joy, type: sensor_msgs/msg/Joy, kind: operator}\n"
    )
    start_node(MODULE, *parameters(out, profile=profile))
    operator.poll(lambda: operator.states and operator.state.silent == ("head",))
    success, answer = operator.try_command("start")
    assert not success
    assert "head" in answer["error"]
    assert "nobody publishes /head/image" in answer["error"]
    assert operator.state.phase is Phase.WAITING
    assert not list(out.rglob("*.mcap"))


def test_a_topic_that_appears_late_joins_the_running_episode(
    start_node: "StartNode", joints: "Publisher[JointState]", robot: Node, operator: "Operator", out: Path
) -> None:
    start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    operator.command("start")
    late = robot.create_publisher(Imu, "/imu", DEEP)
    operator.poll(lambda: late.get_subscription_count() == 1)
    for _ in range(20):
        late.publish(Imu())
    operator.poll(lambda: any(stream.topic == "/imu" and stream.received == 20 for stream in operator.state.streams))
    operator.command("stop")
    sealed = operator.wait_for_sealed(1).recent[-1]
    assert counts(sealed.path)["/imu"] == 20
    assert [stream.topic for stream in EpisodeFile.read(Path(sealed.path)).streams_joined_later] == ["/imu"]


def test_latched_messages_are_in_every_episode_with_the_start_as_log_time(
    start_node: "StartNode", joints: "Publisher[JointState]", robot: Node, operator: "Operator", out: Path
) -> None:
    robot.create_publisher(String, "/robot_description", LATCHED).publish(String(data="<robot/>"))
    start_node(MODULE, *parameters(out, all="true"))
    operator.poll(lambda: operator.states and any(s.topic == "/robot_description" for s in operator.state.streams))
    operator.poll(lambda: all(s.received for s in operator.state.streams))
    for count in (1, 2, 3):
        operator.command("start")
        operator.command("stop")
        sealed = operator.wait_for_sealed(count).recent[-1]
        described = list(BagReader(Path(sealed.path)).messages(topics={"/robot_description"}))
        file = EpisodeFile.read(Path(sealed.path))
        assert [message.log_ns for message in described] == [file.start.time_ns]
        assert described[0].publish_ns < file.start.time_ns
        assert file.latched[0].topic == "/robot_description"


def test_what_a_second_latched_publisher_sends_does_not_push_out_what_the_first_one_sent(
    start_node: "StartNode", joints: "Publisher[JointState]", robot: Node, operator: "Operator", out: Path
) -> None:
    robot.create_publisher(String, "/transforms", LATCHED).publish(String(data="of the arm"))
    start_node(MODULE, *parameters(out, all="true"))
    operator.poll(lambda: operator.states and received(operator.state, "/transforms") == 1)
    late = robot.create_publisher(String, "/transforms", LATCHED)
    operator.poll(lambda: late.get_subscription_count() == 1)
    late.publish(String(data="of the camera"))
    operator.poll(lambda: received(operator.state, "/transforms") == 2)
    operator.command("start")
    operator.command("stop")
    sealed = operator.wait_for_sealed(1).recent[-1]
    assert counts(sealed.path)["/transforms"] == 2


def test_best_effort_and_reliable_publishers_of_one_topic_are_both_heard(
    start_node: "StartNode", joints: "Publisher[JointState]", robot: Node, operator: "Operator", out: Path
) -> None:
    start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    weak = robot.create_publisher(
        JointState,
        "/joint_states",
        QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT),
        event_callbacks=PublisherEventCallbacks(use_default_callbacks=False),
    )
    operator.poll(lambda: weak.get_subscription_count() == 1)
    operator.command("start")
    weak.publish(JointState(name=["marker"]))
    operator.poll(lambda: operator.state.episode is not None and operator.state.episode.messages > 20)
    operator.command("stop")
    sealed = operator.wait_for_sealed(1).recent[-1]
    messages = [bytes(message.data) for message in BagReader(Path(sealed.path)).messages()]
    assert any(b"marker" in data for data in messages)
    assert any(b"left_knee_joint" in data for data in messages)


def test_an_episode_can_be_discarded_and_brought_back(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", out: Path
) -> None:
    start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    episode = operator.command("start")["episode"]
    operator.command("discard")
    operator.poll(lambda: operator.state.recent and operator.state.recent[-1].is_discarded)
    assert Path(operator.state.recent[-1].path).parent.name == ".discarded"
    operator.command("undo_discard")
    operator.poll(lambda: not operator.state.recent[-1].is_discarded)
    assert Path(operator.state.recent[-1].path).name == episode
    assert (Path(operator.state.recent[-1].path) / "metadata.yaml").exists()


def test_commands_without_an_episode_are_refused_in_words(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", out: Path
) -> None:
    start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    for name in ("stop", "succeed", "fail", "discard", "undo_discard", "mark"):
        success, answer = operator.try_command(name)
        assert not success, name
        assert answer["error"]


def test_a_forgotten_episode_times_out(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", out: Path
) -> None:
    start_node(MODULE, *parameters(out, all="true", max_episode_s=0.5))
    operator.wait_for(Phase.ARMED)
    operator.command("start")
    sealed = operator.wait_for_sealed(1).recent[-1]
    assert sealed.end == "timed_out"
    assert operator.state.phase in (Phase.ARMED, Phase.SEALING)


def test_without_autostart_a_lifecycle_manager_drives_it_and_deactivating_seals(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", out: Path
) -> None:
    start_node(MODULE, *parameters(out, all="true", autostart="false"))
    assert operator.lifecycle() == "unconfigured"
    assert operator.change_state(Transition.TRANSITION_CONFIGURE)
    assert operator.wait_for(Phase.INACTIVE).session == ""
    assert not operator.try_command("start")[0]
    assert operator.change_state(Transition.TRANSITION_ACTIVATE)
    operator.wait_for(Phase.ARMED)
    operator.command("start")
    assert operator.change_state(Transition.TRANSITION_DEACTIVATE)
    sealed = operator.wait_for_sealed(1).recent[-1]
    assert (sealed.end, sealed.detail) == ("cancelled", "deactivated")
    assert counts(sealed.path)
    assert operator.lifecycle() == "inactive"
    assert operator.change_state(Transition.TRANSITION_ACTIVATE)
    operator.wait_for(Phase.ARMED)
    assert len(list(out.iterdir())) == 2, "an activation is a session"


def test_a_parameter_that_would_have_no_effect_any_more_is_refused_until_a_cleanup(
    start_node: "StartNode", operator: "Operator", out: Path
) -> None:
    start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.WAITING)
    refused = operator.try_parameters(out="elsewhere")
    assert not refused.successful
    assert refused.reason.startswith("out: read when the recorder is configured")
    assert operator.try_parameters(task="fold").successful
    assert operator.change_state(Transition.TRANSITION_DEACTIVATE)
    assert operator.change_state(Transition.TRANSITION_CLEANUP)
    assert operator.try_parameters(out=str(out / "elsewhere")).successful
    assert operator.change_state(Transition.TRANSITION_CONFIGURE)
    out.mkdir(exist_ok=True)
    assert operator.change_state(Transition.TRANSITION_ACTIVATE)
    operator.poll(lambda: Path(operator.state.session).parent == out / "elsewhere")


def test_a_stranger_on_the_state_topic_is_reported_and_harms_nothing(
    start_node: "StartNode", robot: Node, poll: "Poll", out: Path
) -> None:
    stranger = robot.create_publisher(String, "/recorder/state", LATCHED)
    stranger.publish(String(data="no state of a recorder"))
    recorder = start_node(MODULE, *parameters(out, all="true"))
    poll(lambda: "Somebody else publishes on our ~/state" in recorder.output)
    recorder.wait_for("session ")
    recorder.signal(signal.SIGINT)
    assert recorder.wait() == 0
    assert "Traceback" not in recorder.output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_recording_leaves_a_sealed_bag(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", out: Path, number: signal.Signals
) -> None:
    recorder = start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    operator.command("start")
    operator.poll(lambda: operator.state.episode is not None and operator.state.episode.messages > 10)
    recorder.signal(number)
    assert recorder.wait() == 0, recorder.output
    (bag,) = out.glob("*/*Z_*")
    assert EpisodeFile.read(bag).stop is not None
    assert counts(bag)["/joint_states"] > 10
    operator.poll(lambda: operator.state.recent)
    assert (operator.state.recent[-1].end, operator.state.recent[-1].detail) == ("cancelled", number.name)


def test_a_signal_while_armed_or_starting_leaves_no_bag(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", out: Path
) -> None:
    starting = start_node(MODULE, *parameters(out, all="true"))
    operator.poll(lambda: operator.node.get_publishers_info_by_topic("/recorder/state"))
    starting.signal(signal.SIGINT)
    assert starting.wait() == 0, starting.output
    armed = start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    armed.signal(signal.SIGTERM)
    assert armed.wait() == 0, armed.output
    assert not list(out.rglob("*.mcap"))


def test_a_twin_is_refused_and_the_first_goes_on(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", out: Path
) -> None:
    start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    twin = start_node(MODULE, *parameters(out, all="true"))
    assert twin.wait() == 1
    assert "Another recorder named /recorder is running" in twin.output
    operator.command("start")
    operator.command("stop")
    operator.wait_for_sealed(1)


def test_a_twin_whose_clock_makes_it_older_does_not_cut_an_episode_short(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", make_node: "MakeNode", out: Path
) -> None:
    recorder = start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    operator.command("start")
    twin = make_node("recorder").create_publisher(String, "/recorder/state", LATCHED)
    operator.poll(lambda: operator.state.episode is not None and operator.state.episode.messages > 10)
    older = operator.state.model_copy(update={"instance": "other", "since_ns": 0, "episode": None})
    heard_ns = operator.state.time_ns
    twin.publish(String(data=older.model_dump_json()))
    operator.poll(lambda: operator.state.instance != "other" and operator.state.time_ns > heard_ns + 1_500_000_000)
    assert operator.state.phase is Phase.RECORDING
    operator.command("stop")
    twin.publish(String(data=older.model_dump_json()))
    assert recorder.wait() == 1, "an older one is there, and nothing is being recorded any more"
    assert "Another recorder named /recorder is running" in recorder.output


def test_the_state_of_an_older_recorder_that_a_bag_player_publishes_is_no_twin(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", make_node: "MakeNode", out: Path
) -> None:
    recorder = start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    player = make_node("player")
    states = player.create_publisher(String, "/recorder/state", LATCHED)
    operator.poll(lambda: states.get_subscription_count() == 2)  # the operator, and the recorder
    older = operator.state.model_copy(update={"instance": "other", "since_ns": 0, "episode": None})

    def wait_for_news() -> None:
        heard_ns = max(state.time_ns for state in operator.states)
        operator.poll(lambda: operator.state.time_ns > heard_ns + 1_000_000_000 or recorder.process.poll() is not None)

    wait_for_news()  # the name of a publisher's node comes a little later than the publisher
    states.publish(String(data=older.model_dump_json()))
    wait_for_news()
    assert recorder.process.poll() is None, recorder.output
    assert operator.state.phase is Phase.ARMED


def test_a_recorder_that_was_killed_does_not_keep_its_successor_waiting(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", out: Path
) -> None:
    killed = start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    killed.signal(signal.SIGKILL)
    killed.wait()
    operator.states.clear()
    successor = start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    assert successor.process.poll() is None


def test_two_robots_on_one_network_record_apart(
    start_node: "StartNode", joints: "Publisher[JointState]", make_operator: "MakeOperator", out: Path
) -> None:
    operators = []
    for name in ("/g1_01", "/g1_02"):
        start_node(MODULE, *parameters(out, all="true"), namespace=name)
        operators.append(make_operator(f"operator{name[1:]}", f"{name}/recorder"))
    for operator in operators:
        operator.wait_for(Phase.ARMED)
        operator.command("start")
        operator.command("stop")
    sessions = {Path(operator.wait_for_sealed(1).session).name.split("_", 1)[1] for operator in operators}
    assert sessions == {"g1_01", "g1_02"}


@pytest.mark.parametrize(
    ("others", "code", "words"),
    [
        ({}, 2, "Nothing was chosen to record"),
        ({"regex": "'[a-'"}, 2, "is not a regular expression"),
        ({"profile": "/nowhere/robot.yaml"}, 2, "/nowhere/robot.yaml"),
        ({"all": "true", "out": "/proc/recordings"}, 1, "/proc"),
        ({"all": "true", "use_sim_time": "true"}, 2, "use_sim_time is set"),
        ({"all": "true", "ingest": "magic"}, 2, "There is no ingest 'magic'"),
        ({"topics": "['/left hand']"}, 2, "'/left hand' is not a topic name"),
        ({"all": "true", "queue_max_mb": "-1"}, 2, "queue_max_mb"),
        ({"all": "true", "queue_max_mb": "0"}, 2, "every message would be dropped"),
        ({"all": "true", "max_episode_s": "soon"}, 2, "The parameter max_episode_s is 'soon'"),
    ],
)
def test_what_cannot_work_ends_with_a_message_and_a_code(
    start_node: "StartNode", out: Path, others: dict[str, str], code: int, words: str
) -> None:
    recorder = start_node(MODULE, *parameters(**{"out": str(out), **others}))
    assert recorder.wait() == code, recorder.output
    assert words in recorder.output
    assert "Traceback" not in recorder.output


def test_two_streams_of_a_profile_that_are_one_topic_in_this_namespace_are_refused(
    start_node: "StartNode", out: Path, tmp_path: Path
) -> None:
    profile = tmp_path / "robot.yaml"
    profile.write_text(
        "robot: {name: g1, joints: [left_knee_joint]}\n"
        "streams:\n"
        "  measured: {topic: joint_states, type: sensor_msgs/msg/JointState, kind: joint}\n"
        "  wanted: {topic: /g1/joint_states, type: sensor_msgs/msg/JointState, kind: joint}\n"
    )
    recorder = start_node(MODULE, *parameters(out, profile=str(profile)), namespace="/g1")
    assert recorder.wait() == 2, recorder.output
    assert "'measured' and 'wanted' are both /g1/joint_states" in recorder.output
    assert not out.exists()


def test_diagnostics_name_every_stream_with_a_level(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", out: Path
) -> None:
    heard: list[DiagnosticArray] = []
    operator.node.create_subscription(DiagnosticArray, "/diagnostics", heard.append, 10)
    start_node(MODULE, *parameters(out, all="true"))
    operator.wait_for(Phase.ARMED)
    name = "/recorder: /joint_states"
    operator.poll(lambda: any(status.name == name for array in heard for status in array.status))
    levels = {status.name: status.level for status in heard[-1].status}
    assert levels["/recorder: recorder"] == DiagnosticStatus.OK
    assert levels[name] == DiagnosticStatus.OK


def test_the_portable_ingest_records_the_same(
    start_node: "StartNode", joints: "Publisher[JointState]", operator: "Operator", out: Path
) -> None:
    start_node(MODULE, *parameters(out, all="true", ingest="executor"))
    operator.wait_for(Phase.ARMED)
    operator.command("start")
    operator.poll(lambda: operator.state.episode is not None and operator.state.episode.messages > 50)
    operator.command("stop")
    sealed = operator.wait_for_sealed(1).recent[-1]
    assert (sealed.lost, sealed.dropped) == (0, 0)
    assert counts(sealed.path)["/joint_states"] > 50
