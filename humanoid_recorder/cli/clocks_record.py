"""A short episode of a deliberate movement, recorded as ``record`` does."""

import contextlib
import io
import json
import sys
from pathlib import Path

from humanoid_recorder.cli.node_child import NodeChild, StopSignals
from humanoid_recorder.cli.record_request import Choice, RecordRequest
from humanoid_recorder.core.errors import CommandRefused
from humanoid_recorder.core.labels import Labels
from humanoid_recorder.spec.profile import load_profile

_NODE = "clocks_recorder"
"""Not ``recorder``: one that is running for the shift stays as it is."""


def record_movement(profile: Path, *, out: Path, seconds: float) -> Path:
    """Ask for a movement, record it, and return the bag.

    Raises:
        SpecError: The profile is wrong.
        CommandRefused: Nothing was recorded.
        RecorderUnavailableError: The recorder does not answer.
    """
    streams = load_profile(profile.expanduser()).profile.streams_to_record()
    request = RecordRequest(
        choice=Choice(profile),
        out=out,
        labels=Labels(task="clocks"),
        name=_NODE,
        episodes=1,
        seconds=seconds,
        as_json=True,
    )
    request.check()
    _say(
        f"When it says Recording, wave both arms for {seconds:g} s: short strokes of different length, with rests "
        "between, hands in front of the cameras, touching nothing."
    )
    results = io.StringIO()
    with StopSignals() as signals, NodeChild(request.node(attended=False), log_to_file=False) as child:
        from humanoid_recorder.cli.record_script import record_unattended

        optional = frozenset(stream.name for stream in streams if not stream.required)
        try:
            with contextlib.redirect_stdout(results):  # what it prints there is for us
                record_unattended(request, child, signals, optional=optional)
        except CommandRefused as error:  # its own remedy speaks of options of `record`
            remedy = "Start the drivers, or set 'required: false' for what is not there."
            raise CommandRefused(error.message, remedy=remedy) from error
    lines = results.getvalue().splitlines()
    if not lines:
        raise CommandRefused("Nothing was recorded.")
    return Path(json.loads(lines[-1])["path"])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
