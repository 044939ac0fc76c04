"""Offsets that were found, put into the profile."""

from collections.abc import Sequence
from pathlib import Path

from humanoid_recorder.core.errors import SessionError
from humanoid_recorder.inspection.clock_delays import ClockDelay
from humanoid_recorder.spec.profile_edit import set_offset
from humanoid_recorder.spec.yaml_source import YamlDocument
from humanoid_recorder.storage.durable import write_atomically


def write_offsets(profile: Path, delays: Sequence[ClockDelay]) -> frozenset[str]:
    """Set ``align.offset_ms`` of each stream whose clock is off by more than the estimate's error.

    Left out are offsets that are not of the clock alone: what the operator does comes before the robot does it, and
    should stay so.

    Args:
        profile: The file; replaced at once, or not at all.
        delays: What was found.

    Returns:
        The names of the streams that were changed.

    Raises:
        SpecError: The profile is not valid, or cannot be changed there.
        SessionError: The file cannot be written.
    """
    text = YamlDocument.read(profile).text
    written = []
    for delay in delays:
        if delay.offset_ms is None or delay.error_ms is None or not delay.is_clock_alone:
            continue
        if abs(delay.offset_ms - delay.movement.offset_ms) > delay.error_ms:
            text = set_offset(text, delay.movement.stream.name, delay.offset_ms, name=str(profile))
            written.append(delay.movement.stream.name)
    if written:
        try:
            write_atomically(profile.resolve(), text)
        except OSError as error:
            raise SessionError(f"{profile} cannot be written: {error.strerror or error}.") from error
    return frozenset(written)
