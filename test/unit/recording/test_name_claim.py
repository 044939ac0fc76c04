"""Two recorders of one name on one computer."""

import os
import signal
import subprocess
import sys

import pytest

from humanoid_recorder.core.errors import RecorderUnavailableError
from humanoid_recorder.recording.name_claim import NameClaim

LONG_NAME = "/a_namespace" * 20 + "/recorder"


def test_a_name_that_is_held_is_refused_until_it_is_released() -> None:
    first = NameClaim(LONG_NAME, domain_id=7)
    with pytest.raises(RecorderUnavailableError, match=f"Another recorder named {LONG_NAME} is running"):
        NameClaim(LONG_NAME, domain_id=7)
    first.release()
    first.release()
    NameClaim(LONG_NAME, domain_id=7).release()


def test_another_name_and_another_domain_are_free() -> None:
    held = NameClaim("/test_claim/recorder", domain_id=7)
    others = [NameClaim("/test_claim/robot2/recorder", domain_id=7), NameClaim("/test_claim/recorder", domain_id=8)]
    with pytest.raises(RecorderUnavailableError):
        NameClaim("/test_claim/recorder", domain_id=7)
    for claim in (held, *others):
        claim.release()


def test_a_process_that_is_killed_gives_its_name_up() -> None:
    program = (
        "import time\nfrom humanoid_recorder.recording.name_claim import NameClaim\n"
        "claim = NameClaim('/test_claim/killed', domain_id=7)\nprint('held', flush=True)\ntime.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RecorderUnavailableError):
            NameClaim("/test_claim/killed", domain_id=7)
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    NameClaim("/test_claim/killed", domain_id=7).release()
