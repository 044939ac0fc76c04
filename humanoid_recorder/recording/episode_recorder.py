"""The recorder without ROS: episodes from start to seal, and the commands an operator gives."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from threading import RLock

from humanoid_recorder.core.cdr import encode_string_message
from humanoid_recorder.core.compression import Compression
from humanoid_recorder.core.errors import BagWriteError, CommandRefused
from humanoid_recorder.core.findings import Finding
from humanoid_recorder.core.labels import End, Labels, Outcome
from humanoid_recorder.core.preroll import PreRoll
from humanoid_recorder.core.queue import QueueLevel, SampleQueue
from humanoid_recorder.core.samples import Sample
from humanoid_recorder.recording.channels import EVENTS_CHANNEL_ID, events_topic, frames_topic
from humanoid_recorder.recording.episode_record import start_record
from humanoid_recorder.recording.frame_writer import FrameWriter
from humanoid_recorder.recording.intake import Intake
from humanoid_recorder.recording.live_episode import LiveEpisode, Stop
from humanoid_recorder.recording.sealed_episodes import SealedEpisode, SealedEpisodes
from humanoid_recorder.recording.sealing import describe, seal_episode, write_start
from humanoid_recorder.recording.stopped_episodes import StoppedEpisodes
from humanoid_recorder.recording.writer import WriterThread
from humanoid_recorder.spec.alignment_plan import AlignmentPlan
from humanoid_recorder.storage.bag_writer import BagOptions, BagWriter
from humanoid_recorder.storage.episode_file import ProvenanceRecord
from humanoid_recorder.storage.layout import SessionFolder, new_episode_id

_LEAST_CHORES_S = 0.2
"""A disk that was too slow for the last episode may yet take a label."""


@dataclass(frozen=True, slots=True)
class RecorderOptions:
    """Sizes and names an ``EpisodeRecorder`` works with."""

    robot: str
    events_topic: str
    ros_distro: str
    queue_max_bytes: int = 256 * 1024 * 1024
    pre_roll_ns: int = 0
    pre_roll_max_bytes: int = 256 * 1024 * 1024
    compression: Compression = Compression.NONE
    frames_topic: str = ""
    alignment: AlignmentPlan | None = None
    """How streams are aligned into frames; None = none are made."""


class EpisodeRecorder:
    """Records episodes into the bags of one session.

    Every command answers at once: sealing is the writer thread's work. Commands may come from any thread.

    Args:
        folder: The session's folder; released by ``close``.
        options: Sizes and names.
        provenance: Asked at every start.
        flush: Makes the ingest deliver what has been received so far, so that a stop loses nothing.
        on_change: Called after every change of state, in whichever thread made it; it must not block.
    """

    def __init__(
        self,
        folder: SessionFolder,
        options: RecorderOptions,
        *,
        provenance: Callable[[], ProvenanceRecord],
        flush: Callable[[], None],
        on_change: Callable[[], None],
    ) -> None:
        self.folder = folder
        self.labels = Labels()
        self.fault = ""
        """Why the last episode could not be recorded; cleared by the next start."""
        self._options = options
        self._provenance = provenance
        self._flush = flush
        self._on_change = on_change
        self._lock = RLock()
        self._queue = SampleQueue(max_bytes=options.queue_max_bytes, on_drop=self._count_drop)
        preroll = PreRoll(span_ns=options.pre_roll_ns, max_bytes=options.pre_roll_max_bytes)
        self._writer = WriterThread(
            self._queue,
            delivered_until_ns=lambda: self.intake.delivered_until_ns(),
            on_fault=self._write_failed,
            on_turn=lambda: self.intake.end_overdue_waits(),
        )
        self.intake = Intake(self._queue, preroll, select_bag=self._writer.select, on_failure=self._ingest_failed)
        self.sealed = SealedEpisodes(folder, on_change=on_change)
        self._live: LiveEpisode | None = None
        self._stopped = StoppedEpisodes(self.sealed)
        self._ingest_error = ""
        self._is_closed = False
        self._writer.start()

    # What is going on ------------------------------------------------------------------------------------------------

    def live(self) -> LiveEpisode | None:
        """Return the episode that is being recorded."""
        return self._live

    def is_sealing(self) -> bool:
        """Whether a stopped episode is still on its way to the disk."""
        return bool(self._stopped.sealing)

    def queue_level(self) -> QueueLevel:
        """Return how full the queue is."""
        return self._queue.level()

    # Commands --------------------------------------------------------------------------------------------------------

    def start(self) -> LiveEpisode:
        """Begin an episode with the labels as they stand.

        Raises:
            CommandRefused: One is being recorded, nothing can be received any more, or the recorder is closed.
            BagWriteError: The disk refused.
        """
        with self._lock:
            if self._is_closed:  # a start that was on its way when the signal came would never be sealed
                raise CommandRefused("The recorder is shutting down.")
            if self._ingest_error:
                raise CommandRefused(self._ingest_error, remedy="Deactivate and activate the recorder, or restart it.")
            if self._live is not None:
                raise CommandRefused(
                    f"Episode {self._live.id} is being recorded.", remedy="Stop it before starting the next."
                )
            self.labels = self.labels.for_new_episode()
            provenance = self._provenance()
            try:
                episode = self._new_episode()
            except BagWriteError as error:
                self.fault = str(error)
                raise
            self._live, self.fault = episode, ""
            self.intake.begin(episode)
            episode.begun = start_record(episode, session=self.folder.path.name, provenance=provenance)
            # The gate is open: what waits for the disk is the writer's work, and a slow disk keeps nobody waiting.
            self._queue.put_marker(partial(write_start, episode))
        self._on_change()
        return episode

    def stop(self, *, end: End = End.STOPPED, outcome: Outcome = Outcome.UNLABELLED, detail: str = "") -> LiveEpisode:
        """End the episode; it is sealed in the background.

        Raises:
            CommandRefused: None is being recorded.
        """
        with self._lock:
            episode = self._require_live()
            stopped_ns = self.intake.clock.now_ns()
            if end is not End.FAULT and (failure := self._try_to_flush()):
                end, detail = End.FAULT, failure
            if end is End.FAULT:
                self.fault = detail
            episode.stop = Stop(end=end, at_ns=stopped_ns, detail=detail)
            episode.outcome = outcome
            episode.labels = replace(episode.labels, reason=self.labels.reason)
            # In this order: a sample dropped meanwhile in the ingest's thread must find its episode in one of the two.
            self._stopped.add(episode)
            self._live = None
            self.intake.end(episode, on_end=partial(self._seal, episode), waits_for_tails=end is not End.FAULT)
        self._on_change()
        return episode

    def note(self, check: str, message: str) -> None:
        """Note a finding in the running episode, once; without one it goes nowhere."""
        with self._lock:
            episode = self._live
            if episode and all((finding.check, finding.message) != (check, message) for finding in episode.findings):
                episode.findings.append(Finding(self.intake.clock.now_ns(), check, message))

    def end_if_longer_than(self, limit_s: float) -> None:
        """End an episode that has run for longer than ``limit_s`` as timed out; 0 = no limit."""
        with self._lock:
            live = self._live
            if live is None or not limit_s:
                return
            if self.intake.clock.now_ns() - live.start_ns > limit_s * 1e9:
                self.stop(end=End.TIMED_OUT, detail=f"longer than max_episode_s = {limit_s:g} s")

    def judge(self, outcome: Outcome) -> str:
        """Label the running episode and stop it, or label the one stopped last, within 30 s.

        Returns:
            The episode's id.

        Raises:
            CommandRefused: There is no such episode.
        """
        with self._lock:
            if self._live is not None:
                return self.stop(outcome=outcome).id
            return self._stopped.judge(outcome, reason=self.labels.reason)

    def discard(self) -> str:
        """Stop the running episode and discard it, or the one stopped last, within 30 s.

        Returns:
            The episode's id.

        Raises:
            CommandRefused: There is no such episode, or it is discarded already.
        """
        with self._lock:
            if self._live is not None:
                self._live.is_discarded = True
                return self.stop().id
            return self._stopped.discard()

    def undo_discard(self) -> str:
        """Bring back the episode that was discarded last and return its id.

        Raises:
            CommandRefused: None is discarded.
        """
        with self._lock:
            return self._stopped.undo_discard()

    def mark(self) -> str:
        """Mark this moment by an event in the running episode, and return the JSON that was recorded.

        Raises:
            CommandRefused: None is being recorded.
        """
        with self._lock:
            episode = self._require_live()
            event = json.dumps({"time_ns": self.intake.clock.now_ns(), "event": "mark", "episode": episode.id})
            self.intake.inject(EVENTS_CHANNEL_ID, encode_string_message(event))
            return event

    def labels_of(self, episode_id: str) -> Labels:
        """Return the labels of an episode of this session as they stand."""
        with self._lock:
            live = self._live
            return live.labels if live and live.id == episode_id else self._stopped.labels_of(episode_id)

    def close(self, *, reason: str, timeout_s: float = 3.0) -> bool:
        """Seal what is open and end every thread.

        Args:
            reason: Why, for the episode that is cut short.
            timeout_s: How long to wait for the disk. What it has not taken by then the threads go on writing.

        Returns:
            Whether everything was sealed in time, and every label written.
        """
        give_up_s = time.monotonic() + timeout_s
        with self._lock:
            self._is_closed = True
            if self._live is not None:
                self.stop(end=End.CANCELLED, detail=reason)
        self.intake.wait_for_tails()
        self._queue.close()
        in_time = self._writer.join(max(0.0, give_up_s - time.monotonic()))
        in_time = self.sealed.close(max(_LEAST_CHORES_S, give_up_s - time.monotonic())) and in_time
        if in_time:
            self.folder.release()
        return in_time and not self._stopped.sealing

    def finish(self) -> None:
        """Wait, for as long as it takes, until a recorder that was closed has written everything."""
        self._writer.join()
        self.sealed.close()
        self.folder.release()

    # Inside ----------------------------------------------------------------------------------------------------------

    def _new_episode(self) -> LiveEpisode:
        now_ns = time.time_ns()
        episode_id = new_episode_id(now_ns, self._options.robot)
        bag = BagWriter(
            self.folder.episode_directory(episode_id),
            options=BagOptions(compression=self._options.compression),
            ros_distro=self._options.ros_distro,
        )
        try:
            bag.add_topic(events_topic(self._options.events_topic))
            if self._options.alignment is not None:
                bag.add_topic(frames_topic(self._options.frames_topic))
            bag.add_metadata("foxglove", {"deviceName": self._options.robot})
        except BagWriteError:
            bag.abandon(remove=True)
            raise
        return LiveEpisode(
            id=episode_id,
            start_ns=now_ns,
            first_ns=now_ns,
            labels=self.labels,
            bag=bag,
            events_topic=self._options.events_topic,
            frames_topic=self._options.frames_topic,
            frames=None if self._options.alignment is None else FrameWriter(self._options.alignment),
        )

    def _require_live(self) -> LiveEpisode:
        if self._live is None:
            raise CommandRefused("No episode is being recorded.", remedy="Start one first.")
        return self._live

    def _count_drop(self, sample: Sample) -> None:
        """Charge a dropped sample to its episode: the newest that had begun when it was received.

        That may be the wrong one if the clock was set between the two; sealing settles the account of each.
        """
        for episode in (self._live, *reversed(self._stopped.sealing)):
            if episode is not None and sample.log_ns >= episode.first_ns and sample.channel_id in episode.ledgers:
                episode.count_dropped(sample)
                return

    def _try_to_flush(self) -> str:
        """Have the ingest deliver what waits; returns what went wrong, for nothing may keep an episode from ending."""
        try:
            self._flush()
        except Exception as error:
            return self._ingest_error or f"the last messages may be missing: {describe(error)}"
        return ""

    def _ingest_failed(self, error: Exception) -> None:
        self._ingest_error = f"Nothing is received any more: {describe(error)}"
        # Behind everything already queued, and in the writer's thread: the ingest's may not wait for our lock, since
        # a stop that holds it may be waiting for the ingest.
        self._queue.put_marker(lambda: self._fail(self._ingest_error))

    def _fail(self, reason: str) -> None:
        with self._lock:
            self.fault = reason
            if self._live is not None:
                self.stop(end=End.FAULT, detail=reason)
        self._on_change()

    def _write_failed(self, episode: LiveEpisode | None, error: Exception) -> None:
        """End an episode whose bag cannot be written any more; in the writer's thread."""
        reason = describe(error)
        with self._lock:
            self.fault = reason
            if episode is None:
                return
            episode.findings.append(Finding(self.intake.clock.now_ns(), "write_failed", reason))
            if self._live is episode:
                self.stop(end=End.FAULT, detail=reason)
            elif episode.stop is not None:
                episode.stop = replace(episode.stop, end=End.FAULT, detail=reason)
        self._on_change()

    def _seal(self, episode: LiveEpisode) -> None:
        """Finish an episode and hand it over: the marker behind its last message."""
        sealed: SealedEpisode | None = None
        try:
            sealed = seal_episode(episode, queue_high_water_bytes=self._queue.level().high_water_bytes)
        finally:
            self._writer.release(episode)
            with self._lock:
                if sealed is not None and not sealed.is_whole and sealed.file.stop is not None:
                    self.fault = self.fault or sealed.file.stop.detail
                self._stopped.hand_over(episode, sealed)
            self._on_change()
