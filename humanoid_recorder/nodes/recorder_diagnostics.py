"""The recorder's state as ``/diagnostics`` (REP 107): one status for the recorder, one for each stream."""

from collections.abc import Mapping

from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from humanoid_recorder.recording.state import RecorderState, StreamState


def diagnostics(state: RecorderState) -> DiagnosticArray:
    """Translate a state."""
    seconds, nanoseconds = divmod(state.time_ns, 1_000_000_000)
    array = DiagnosticArray()
    array.header.stamp = Time(sec=seconds, nanosec=nanoseconds)
    problems = {problem.stream: problem.problem for problem in state.problems}
    array.status = [_recorder_status(state)]
    array.status += [_stream_status(state.node, stream, problems.get(stream.name, "")) for stream in state.streams]
    return array


def _recorder_status(state: RecorderState) -> DiagnosticStatus:
    level, message = DiagnosticStatus.OK, state.phase.value
    disk = state.disk
    if state.fault:
        level, message = DiagnosticStatus.ERROR, state.fault
    elif disk is not None and disk.problem:
        level, message = DiagnosticStatus.ERROR, f"{disk.problem} {disk.remedy}".rstrip()
    elif state.silent:
        level, message = DiagnosticStatus.WARN, f"waiting for {', '.join(state.silent)}"
    elif disk is not None and disk.is_little:
        level, message = DiagnosticStatus.WARN, f"{state.phase.value}; the disk has room for {disk.room()} only"
    values = {
        "session": state.session,
        "episode": state.episode.id if state.episode else "",
        "kept": state.kept,
        "discarded": state.discarded,
        "queue_bytes": state.queue.bytes if state.queue else 0,
        "free_bytes": disk.free_bytes if disk else None,
        "minutes_left": disk.minutes_left if disk else None,
        "episodes_left": disk.episodes_left if disk else None,
        "discarded_bytes": disk.discarded_bytes if disk else None,
        "purged_episodes": disk.purged_episodes if disk else None,
    }
    return _status(f"{state.node}: recorder", level, message, values)


def _stream_status(node: str, stream: StreamState, problem: str) -> DiagnosticStatus:
    level, message = _judge(stream, problem)
    values = {
        "topic": stream.topic,
        "rate_hz": stream.rate_hz,
        "expected_hz": stream.expected_hz,
        "received": stream.received,
        "dropped": stream.dropped,
        "lost": stream.lost_reason or stream.lost,
    }
    return _status(f"{node}: {stream.name}", level, message, values)


def _judge(stream: StreamState, problem: str) -> tuple[bytes, str]:
    """Return level and message; the worst comes first."""
    if problem:
        return DiagnosticStatus.ERROR if stream.required else DiagnosticStatus.WARN, problem
    if stream.dropped:
        return DiagnosticStatus.ERROR, f"{stream.dropped} messages dropped: the disk is too slow"
    if stream.expected_hz and not stream.rate_hz:
        return DiagnosticStatus.STALE, "silent"
    if stream.lost:
        return DiagnosticStatus.WARN, f"{stream.lost} messages lost before they reached us"
    if stream.is_off_rate:
        return DiagnosticStatus.WARN, f"{stream.rate_hz:.0f} Hz instead of {stream.expected_hz:g}"
    return DiagnosticStatus.OK, "ok"


def _status(name: str, level: bytes, message: str, values: Mapping[str, object]) -> DiagnosticStatus:
    pairs = [KeyValue(key=key, value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(name=name, level=level, message=message, hardware_id="", values=pairs)
