"""What tests with ROS 2 share, in this process or in others: a domain of their own."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

DOMAINS = 100


@pytest.fixture
def domain_id(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A domain that no other test on this machine uses at the same time; child processes inherit it."""
    with ExitStack() as stack:
        for attempt in range(DOMAINS):
            domain = 1 + (os.getpid() + attempt) % DOMAINS
            lock = stack.enter_context((Path(tempfile.gettempdir()) / f"ros_test_domain_{domain}.lock").open("w"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            monkeypatch.setenv("ROS_DOMAIN_ID", str(domain))
            monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
            yield domain
            return
        pytest.fail(f"all {DOMAINS} ROS domains are in use")
