"""What exists while the recorder is active: a session, its streams, and the ingest that feeds them."""

import contextlib
import gc
from collections.abc import Callable

import rclpy
from rclpy.node import Node
from rclpy.utilities import get_rmw_implementation_identifier

from humanoid_recorder.core.errors import CommandRefused, RosError
from humanoid_recorder.core.labels import Labels
from humanoid_recorder.nodes.recorder_parameters import RecorderParameters
from humanoid_recorder.recording.channels import Channel
from humanoid_recorder.recording.disk_watch import DiskWatch
from humanoid_recorder.recording.episode_recorder import EpisodeRecorder, RecorderOptions
from humanoid_recorder.recording.live_episode import LiveEpisode
from humanoid_recorder.recording.provenance import collect_provenance, ros_distro
from humanoid_recorder.recording.readiness import Readiness, judge_readiness
from humanoid_recorder.recording.repairs import Repair, Repairs
from humanoid_recorder.recording.state import RecorderState
from humanoid_recorder.recording.state_builder import StateBuilder
from humanoid_recorder.recording.stream_plan import Moment, StreamPlan
from humanoid_recorder.ros.discovery import read_graph
from humanoid_recorder.ros.executor_ingest import ExecutorIngest
from humanoid_recorder.ros.ingest import Ingest, Subscription
from humanoid_recorder.ros.message_types import message_type
from humanoid_recorder.ros.wait_set_ingest import WaitSetIngest
from humanoid_recorder.spec.alignment_plan import plan_alignment
from humanoid_recorder.storage.layout import SessionFolder


class ActiveRecorder:
    """Records for one activation of the node.

    Args:
        node: The recorder node; asked about the graph and names only.
        folder: The session's folder; released by ``close``.
        parameters: What to record.
        instance: Tells this process from another one of the same name.
        labels: What the operator has said so far.
        on_change: Called after every change of state, in any thread.
    """

    def __init__(
        self,
        node: Node,
        folder: SessionFolder,
        parameters: RecorderParameters,
        *,
        instance: str,
        labels: Labels,
        on_change: Callable[[], None],
    ) -> None:
        self._node = node
        self._parameters = parameters
        self._robot = robot_name(node, parameters)
        self.recorder = EpisodeRecorder(
            folder,
            RecorderOptions(
                robot=self._robot,
                events_topic=node.resolve_topic_name("~/events"),
                ros_distro=ros_distro(),
                queue_max_bytes=parameters.queue_max_bytes,
                pre_roll_ns=parameters.pre_roll_ns,
                pre_roll_max_bytes=parameters.pre_roll_max_bytes,
                compression=parameters.compression,
                frames_topic=node.resolve_topic_name("~/frames"),
                alignment=None if parameters.profile is None else plan_alignment(parameters.profile.profile),
            ),
            provenance=lambda: collect_provenance(
                parameters.profile, robot=self._robot, middleware=get_rmw_implementation_identifier()
            ),
            flush=lambda: self._ingest.flush(),
            on_change=on_change,
        )
        self.recorder.labels = labels
        self._disk = DiskWatch(
            self.recorder,
            reserve_bytes=parameters.disk_reserve_bytes,
            pre_roll_bytes=parameters.pre_roll_max_bytes if parameters.pre_roll_ns else 0,
        )
        self._plan = StreamPlan(streams=parameters.streams, selection=parameters.selection, lookup=message_type)
        self._states = StateBuilder(node=node.get_fully_qualified_name(), instance=instance, robot=self._robot)
        # Its own node, never given to an executor: one that spun it would take the messages away.
        self._ingest_node = rclpy.create_node(
            f"_{node.get_name()}_ingest",
            namespace=node.get_namespace(),
            context=node.context,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        kind = WaitSetIngest if parameters.ingest == "wait_set" else ExecutorIngest
        self._ingest: Ingest = kind(self._ingest_node, self.recorder.intake)
        self._ingest.start()
        self._repairs = self._start_repairs(folder) if parameters.repair else None
        # Everything is loaded: a full collection would look at it all again and again, for 30 ms, and nothing is
        # received or answered meanwhile.
        gc.collect()
        gc.freeze()

    def discover(self) -> None:
        """Look at the graph and subscribe to what has turned up or has changed."""
        is_recording = self.recorder.live() is not None
        self._discover(Moment.WITHIN_EPISODE if is_recording else Moment.BETWEEN_EPISODES)

    def _discover(self, moment: Moment) -> None:
        for step in self._plan.update(read_graph(self._node, self._plan.wants), moment, self._ingest.links()):
            channel = step.channel
            if step.replaces is not None:
                # First of all: Fast DDS refuses a second type on a topic for as long as one is subscribed.
                self._ingest.unsubscribe(step.replaces)
                self.recorder.intake.forget_channel(step.replaces)
            self.recorder.intake.set_channel(channel, is_new_subscription=step.is_new_subscription)
            if step.is_new_subscription:
                self._subscribe(channel)
        self._note_problems()

    def has_all_streams(self) -> bool:
        """Whether every stream that is known of is subscribed."""
        return not self._plan.unsubscribed() and bool(self._plan.channels())

    def readiness(self) -> Readiness:
        """Tell what keeps an episode from being started, if anything."""
        intake = self.recorder.intake
        return judge_readiness(self._plan, intake.activity(), now_ns=intake.clock.now_ns())

    def start(self) -> LiveEpisode:
        """Begin an episode.

        Raises:
            CommandRefused: A required stream is silent, an episode is being recorded, or the disk is low or has gone.
            BagWriteError, SessionError: The disk refused.
        """
        self._disk.check_start()
        self._discover(Moment.AT_START)
        readiness = self.readiness()
        if readiness.silent:
            silent = readiness.silent
            problems = "; ".join(f"{p.stream}: {p.problem}" for p in self._plan.problems() if p.stream in silent)
            raise CommandRefused(
                f"Nothing arrives on {', '.join(silent)}{f' ({problems})' if problems else ''}.",
                remedy="Start their publishers, or set 'required: false' for them in the profile.",
            )
        if not readiness.is_ready:
            raise CommandRefused("Nothing arrives that is to be recorded.", remedy="Start the robot first.")
        with contextlib.suppress(RosError):  # an ingest that has died is the recorder's to report
            self._ingest.flush()  # so that what was lost until now is not charged to the episode
        episode = self.recorder.start()
        self._note_problems()
        return episode

    def supervise(self) -> None:
        """End an episode that somebody forgot, and look at the disk; called twice a second."""
        self.recorder.end_if_longer_than(self._parameters.max_episode_s)
        self._disk.look()

    def state(self) -> RecorderState:
        """Describe what is going on."""
        return self._states.active(self.recorder, self._plan, self._disk.state())

    def close(self, reason: str) -> bool:
        """Seal what is open and let go of everything; False if sealing took too long."""
        try:
            return self.recorder.close(reason=reason)
        finally:
            if self._repairs is not None:
                self._repairs.close()
            self._ingest.stop()
            self._ingest_node.destroy_node()
            gc.unfreeze()

    def _note_problems(self) -> None:
        """Have the running episode say what a reader of it should know."""
        for problem in self._plan.problems():
            if problem.check:
                self.recorder.note(problem.check, problem.problem)

    def _start_repairs(self, folder: SessionFolder) -> Repairs:
        logger = self._node.get_logger()

        def say(repair: Repair) -> None:
            (logger.info if repair.is_good else logger.warning)(repair.message)

        return Repairs(
            self._parameters.out,
            own_session=folder.path,
            reserve_bytes=self._parameters.disk_reserve_bytes,
            is_busy=lambda: self.recorder.live() is not None or self.recorder.is_sealing(),
            on_repair=say,
        )

    def _subscribe(self, channel: Channel) -> None:
        subscription = Subscription(channel.id, channel.stream.topic, channel.message_type.name, channel.request)
        try:
            self._ingest.subscribe(subscription)
        except RosError as error:
            self._plan.refuse(channel, error)


def robot_name(node: Node, parameters: RecorderParameters) -> str:
    """Return the robot's name: the profile's, else the namespace, else ``robot``."""
    if parameters.profile is not None:
        return parameters.profile.profile.robot.name
    return node.get_namespace().strip("/").replace("/", "_") or "robot"
