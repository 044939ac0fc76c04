"""Reads the recorder's parts and builds its state."""

import time
from collections.abc import Mapping

from humanoid_recorder.core.ledger import StreamAccount
from humanoid_recorder.core.rates import RateMeter
from humanoid_recorder.core.streams import Stream
from humanoid_recorder.recording.channels import Channel
from humanoid_recorder.recording.episode_recorder import EpisodeRecorder
from humanoid_recorder.recording.line import Activity
from humanoid_recorder.recording.live_episode import LiveEpisode
from humanoid_recorder.recording.readiness import judge_readiness
from humanoid_recorder.recording.sealed_episodes import SealedEpisode
from humanoid_recorder.recording.state import (
    DiskState,
    EpisodeState,
    Phase,
    ProblemState,
    QueueState,
    RecorderState,
    SealedState,
    StreamState,
)
from humanoid_recorder.recording.stream_plan import StreamPlan

RECENT_EPISODES = 8

PROCESS_STARTED_NS = time.time_ns()


def inactive_state(*, node: str, instance: str, robot: str) -> RecorderState:
    """Describe a recorder that is not subscribed to anything."""
    return RecorderState(
        node=node,
        instance=instance,
        since_ns=PROCESS_STARTED_NS,
        time_ns=time.time_ns(),
        phase=Phase.INACTIVE,
        robot=robot,
        session="",
    )


class StateBuilder:
    """Builds states; keeps what it needs to tell rates.

    Args:
        node: The recorder's fully qualified node name.
        instance: Tells this process from another one of the same name.
        robot: The robot's name.
    """

    def __init__(self, *, node: str, instance: str, robot: str) -> None:
        self._node = node
        self._instance = instance
        self._robot = robot
        self._rates: dict[int, RateMeter] = {}

    def active(self, recorder: EpisodeRecorder, plan: StreamPlan, disk: DiskState) -> RecorderState:
        """Describe a recorder that is armed, waiting or recording."""
        activity = recorder.intake.activity()
        live = recorder.live()
        accounts = live.accounts() if live is not None else {}
        readiness = judge_readiness(plan, activity, now_ns=recorder.intake.clock.now_ns())
        kept, discarded = recorder.sealed.counts()
        level = recorder.queue_level()
        return RecorderState(
            node=self._node,
            instance=self._instance,
            since_ns=PROCESS_STARTED_NS,
            time_ns=time.time_ns(),
            phase=_phase(recorder, is_ready=readiness.is_ready and not disk.problem),
            robot=self._robot,
            session=str(recorder.folder.path),
            episode=None if live is None else _episode(live, accounts, recorder),
            recent=tuple(_sealed(episode) for episode in recorder.sealed.recent(RECENT_EPISODES)),
            kept=kept,
            discarded=discarded,
            silent=readiness.silent,
            problems=tuple(ProblemState(stream=p.stream, problem=p.problem, remedy=p.remedy) for p in plan.problems()),
            streams=self._streams(plan, activity, accounts, now_log_ns=recorder.intake.clock.now_ns()),
            labels=recorder.labels,
            queue=QueueState(bytes=level.bytes, max_bytes=level.max_bytes, high_water_bytes=level.high_water_bytes),
            disk=disk,
            fault=recorder.fault or recorder.sealed.trouble,
        )

    def _streams(
        self,
        plan: StreamPlan,
        activity: Mapping[int, Activity],
        accounts: Mapping[int, StreamAccount],
        *,
        now_log_ns: int,
    ) -> tuple[StreamState, ...]:
        subscribed = [
            self._stream(channel, activity[channel.id], accounts.get(channel.id), now_log_ns=now_log_ns)
            for channel in plan.channels()
        ]
        return (*subscribed, *(_described(stream) for stream in plan.unsubscribed()))

    def _stream(
        self, channel: Channel, activity: Activity, account: StreamAccount | None, *, now_log_ns: int
    ) -> StreamState:
        now_ns = time.monotonic_ns()
        rate_hz = self._rates.setdefault(channel.id, RateMeter()).read(count=activity.received, now_ns=now_ns)
        last_ns = activity.last_log_ns
        measured: dict[str, object] = {
            "rate_hz": rate_hz,
            "age_ms": None if last_ns is None else max(0.0, (now_log_ns - last_ns) / 1e6),
            "received": activity.received,
            "bytes": activity.bytes,
            "middleware_lost": activity.middleware_lost,
        }
        if account is not None:
            measured |= {
                "longest_gap_ms": account.longest_gap_ns / 1e6,
                "received": account.received,
                "dropped": account.dropped,
                "lost": account.lost,
                "lost_reason": account.lost_reason,
                "bytes": account.bytes,
            }
        return _described(channel.stream).model_copy(update=measured)


def _phase(recorder: EpisodeRecorder, *, is_ready: bool) -> Phase:
    if recorder.live() is not None:
        return Phase.RECORDING
    if recorder.is_sealing():
        return Phase.SEALING
    return Phase.ARMED if is_ready else Phase.WAITING


def _described(stream: Stream) -> StreamState:
    """Describe a stream of which nothing has been measured."""
    return StreamState(
        name=stream.name,
        topic=stream.topic,
        type=stream.type,
        kind=stream.kind,
        required=stream.required,
        expected_hz=stream.rate_hz,
    )


def _episode(live: LiveEpisode, accounts: Mapping[int, StreamAccount], recorder: EpisodeRecorder) -> EpisodeState:
    return EpisodeState(
        id=live.id,
        started_ns=live.start_ns,
        elapsed_s=(recorder.intake.clock.now_ns() - live.start_ns) / 1e9,
        messages=sum(account.received + account.latched for account in accounts.values()),
        bytes=live.bag.bytes_written,
        labels=live.labels,
    )


def _sealed(episode: SealedEpisode) -> SealedState:
    file, stop = episode.file, episode.file.stop
    assert stop is not None  # noqa: S101 - only stopped episodes are handed over
    return SealedState(
        id=file.id,
        path=str(episode.directory),
        end=stop.end,
        outcome=file.outcome,
        is_discarded=episode.is_discarded,
        is_whole=episode.is_whole,
        duration_s=stop.duration_s,
        messages=stop.messages,
        lost=stop.lost,
        dropped=stop.dropped,
        bytes=stop.bytes,
        detail=stop.detail,
        labels=file.labels,
    )
