"""What the player says: its state, and what goes into its log."""

from dataclasses import asdict

from rclpy.impl.rcutils_logger import RcutilsLogger

from humanoid_recorder.nodes.player_outlet import PlayerOutlet
from humanoid_recorder.playback.playback import NS_PER_S
from humanoid_recorder.playback.player import Player
from humanoid_recorder.playback.program import Program
from humanoid_recorder.playback.state import LeftOutState, LostState, Phase, PlayerState, TimingState, TopicState

_NS_PER_MS = 1_000_000


class PlayerReport:
    """Builds states.

    Args:
        program: What is played.
        player: Where it stands.
        outlet: What went out.
        node: Fully qualified name.
        instance: Tells this process from another one of the same name.
    """

    def __init__(self, program: Program, player: Player, outlet: PlayerOutlet, *, node: str, instance: str) -> None:
        self.is_finished = False
        self._program = program
        self._player = player
        self._outlet = outlet
        self._node = node
        self._instance = instance
        self._has_begun = False
        self._error = ""

    def begin(self) -> None:
        """Note that the waiting is over."""
        self._has_begun = True

    def end(self, error: Exception | None) -> None:
        """Note that the bag has been played to its end, or why not."""
        self.is_finished = True
        self._error = "" if error is None else str(error)

    def state(self) -> PlayerState:
        """Describe what is going on."""
        standing, program, publishers = self._player.standing(), self._program, self._outlet.publishers
        return PlayerState(
            node=self._node,
            instance=self._instance,
            bag=str(program.path),
            phase=self._phase(is_paused=standing.is_paused, is_finished=standing.is_finished),
            position_s=standing.position_ns / NS_PER_S,
            time_ns=program.timeline.begin_ns + standing.position_ns,
            start_s=program.start_ns / NS_PER_S,
            end_s=program.end_ns / NS_PER_S,
            rate=standing.rate,
            loop=standing.loop,
            passes=standing.passes,
            sent=self._outlet.sent.total(),
            refused=publishers.refused.total(),
            behind_ms=standing.behind_ns / _NS_PER_MS,
            timing=TimingState(**asdict(standing.timing)),
            unheard=tuple(publishers.unheard()),
            topics=tuple(
                TopicState(
                    topic=topic.name,
                    published_as=topic.published_as,
                    type=topic.type,
                    reliability=topic.qos.offer.reliability.value,
                    durability=topic.qos.offer.durability.value,
                    depth=topic.qos.depth,
                    sent=self._outlet.sent[topic.index],
                )
                for topic in program.topics
            ),
            left_out=tuple(LeftOutState(**each._asdict()) for each in program.left_out),
            lost=tuple(LostState(**each._asdict()) for each in program.lost()),
            error=self._error,
        )

    def log_beginning(self, logger: RcutilsLogger) -> None:
        """Say what is played, and what is not."""
        program = self._program
        span_s = (program.end_ns - program.start_ns) / NS_PER_S
        logger.info(f"playing {len(program.topics)} topics, {span_s:.3f} s of {program.path}")
        for each in program.left_out:
            how = "; with_commands plays it" if each.is_command else ""
            logger.warning(f"{each.topic} ({each.type}) is not played: {each.reason}{how}")

    def log_end(self, logger: RcutilsLogger, reason: str) -> None:
        """Say how it went."""
        state = self.state()
        timing = state.timing
        late = (
            ""
            if timing.max_us is None
            else f", late by {timing.p50_us:.0f} us (p50), {timing.p99_us:.0f} (p99), {timing.max_us:.0f} (most)"
        )
        logger.info(f"ended ({reason}): {state.sent} messages sent{late}")
        for lost in state.lost:
            logger.error(describe_lost(lost))
        if state.refused:
            logger.error(f"{state.refused} messages were not taken by the middleware: a subscriber stands still")
        if state.error:
            logger.error(state.error)

    def _phase(self, *, is_paused: bool, is_finished: bool) -> Phase:
        if is_finished or self.is_finished:
            return Phase.FINISHED
        if not self._has_begun:
            return Phase.WAITING
        return Phase.PAUSED if is_paused else Phase.PLAYING


def describe_lost(lost: LostState) -> str:
    """Say in words what could not be read."""
    span_ms = (lost.last_ns - lost.first_ns) / _NS_PER_MS
    if lost.messages is None:
        count = "an unknown number of messages"
    else:
        parts = ", ".join(f"{topic} {number}" for topic, number in sorted(lost.messages.items()))
        count = f"{sum(lost.messages.values())} messages ({parts})"
    return f"{lost.reason} Not played: {count}, over {span_ms:.1f} ms from {lost.first_ns}"
