"""System clocks that are hours off or jump, in processes whose clock really is: by a library that is loaded first."""

import mmap
import os
import shutil
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from std_msgs.msg import String

from humanoid_recorder.recording.state import Phase
from humanoid_recorder.storage.bag_reader import BagReader
from humanoid_recorder.storage.episode_file import EpisodeFile

if TYPE_CHECKING:
    from test.ros.conftest import Operator, StartNode, StartRecorder, Talk

HOUR_NS = 3_600_000_000_000
SHIFT_CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *shift_ns;

__attribute__((constructor)) static void map_shift(void) {
    int file = open(getenv("CLOCK_SHIFT"), O_RDONLY);
    void *mapped = mmap(NULL, sizeof *shift_ns, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (mapped != MAP_FAILED) shift_ns = mapped;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, clock, now);
    if (!failed && clock == CLOCK_REALTIME && shift_ns) {
        int64_t ns = now->tv_sec * INT64_C(1000000000) + now->tv_nsec + *shift_ns;
        now->tv_sec = ns / 1000000000;
        now->tv_nsec = ns % 1000000000;
    }
    return failed;
}

/* Who waits until a time of the clock means the shifted one; the kernel, which wakes him, knows only its own. Times of
 * the monotonic clock come here too; they are small. */
static const struct timespec *unshifted(const struct timespec *until, struct timespec *result) {
    if (!shift_ns || until->tv_sec < 1000000000) return until;
    int64_t ns = until->tv_sec * INT64_C(1000000000) + until->tv_nsec - *shift_ns;
    result->tv_sec = ns / 1000000000;
    result->tv_nsec = ns % 1000000000;
    return result;
}

int pthread_cond_timedwait(pthread_cond_t *restrict c, pthread_mutex_t *restrict m, const struct timespec *restrict t) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!real) real = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2"); /* not the one for old programs */
    if (!real) real = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    struct timespec until;
    return real(c, m, unshifted(t, &until));
}

int pthread_mutex_timedlock(pthread_mutex_t *restrict m, const struct timespec *restrict t) {
    static int (*real)(pthread_mutex_t *, const struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "pthread_mutex_timedlock");
    struct timespec until;
    return real(m, unshifted(t, &until));
}

int sem_timedwait(sem_t *restrict s, const struct timespec *restrict t) {
    static int (*real)(sem_t *, const struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "sem_timedwait");
    struct timespec until;
    return real(s, unshifted(t, &until));
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (result) *result = precise.tv_sec;
    return precise.tv_sec;
}
"""

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")

SetClock = Callable[[int], None]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clock")
    source = folder / "shift_clock.c"
    source.write_text(SHIFT_CLOCK)
    built = folder / "shift_clock.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", built, source, "-ldl"], check=True, timeout=60)
    return built


@pytest.fixture
def set_clock(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SetClock]:
    """Sets the system clock of the processes started from now on, now and later: ns added to the real one."""
    shift = tmp_path / "shift"
    shift.write_bytes(bytes(8))
    monkeypatch.setenv("CLOCK_SHIFT", str(shift))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    with shift.open("r+b") as file, mmap.mmap(file.fileno(), 8) as mapped:

        def set_to(shift_ns: int) -> None:
            mapped[:] = struct.pack("=q", shift_ns)

        yield set_to


PUBLISHER = """
import rclpy
from sensor_msgs.msg import JointState
rclpy.init()
node = rclpy.create_node("joints")
publisher = node.create_publisher(JointState, "/joints", 100)

def publish():
    message = JointState(name=["left_knee_joint"], position=[1.0])
    message.header.stamp = node.get_clock().now().to_msg()
    publisher.publish(message)

node.create_timer(0.02, publish)
rclpy.spin(node)
"""


def log_times(bag: Path, topic: str) -> list[int]:
    return [message.log_ns for message in BagReader(bag).messages() if message.topic == topic]


@pytest.mark.parametrize("shift_ns", [5 * HOUR_NS, -5 * HOUR_NS])
def test_a_publisher_whose_clock_is_hours_off_disturbs_no_log_time(
    start_node: "StartNode",
    start_recorder: "StartRecorder",
    operator: "Operator",
    set_clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shift_ns: int,
) -> None:
    (tmp_path / "shifted_publisher.py").write_text(PUBLISHER)
    with monkeypatch.context() as env:
        env.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
        set_clock(shift_ns)
        start_node("shifted_publisher")
    for name in ("LD_PRELOAD", "CLOCK_SHIFT"):
        monkeypatch.delenv(name)
    start_recorder()
    operator.wait_for(Phase.ARMED)
    bag = operator.record()
    messages = [message for message in BagReader(bag).messages() if message.topic == "/joints"]
    file = EpisodeFile.read(bag)
    stop = file.stop
    assert stop is not None
    assert len(messages) >= 10
    assert all(file.start.time_ns <= message.log_ns <= stop.time_ns for message in messages)
    assert all(abs(message.publish_ns - message.log_ns - shift_ns) < HOUR_NS for message in messages)
    assert (stop.lost, file.findings) == (0, ())


def test_a_system_clock_that_jumps_by_hours_within_an_episode_is_two_findings_and_moves_no_message(
    start_recorder: "StartRecorder", operator: "Operator", talk: "Talk", set_clock: SetClock
) -> None:
    recorder = start_recorder()
    talk(String(data="news"), "/x")
    operator.wait_for(Phase.ARMED)
    began_ns = operator.state.time_ns

    def goes_on_in(shift_ns: int) -> None:
        """Set the clock, and wait until the recorder says so and has got more."""
        before = operator.state.episode
        set_clock(shift_ns)
        operator.poll(
            lambda: (
                abs(operator.state.time_ns - began_ns - shift_ns) < HOUR_NS
                and operator.state.episode is not None
                and before is not None
                and operator.state.episode.messages > before.messages + 10
            )
        )

    def jump_there_and_back() -> bool:
        goes_on_in(5 * HOUR_NS)
        goes_on_in(-3 * HOUR_NS)
        return True

    bag = operator.record(jump_there_and_back)
    times = log_times(bag, "/x")
    file = EpisodeFile.read(bag)
    stop = file.stop
    assert stop is not None
    assert (stop.lost, stop.dropped) == (0, 0)
    assert [finding.check for finding in file.findings] == ["clock_step", "clock_step"]
    assert [round(float(finding.message.split()[-2]) / 3600) for finding in file.findings] == [5, -8]
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert file.start.time_ns <= times[0] <= times[-1] <= stop.time_ns
    assert stop.duration_s < 600
    following = operator.record()
    assert abs(EpisodeFile.read(following).start.time_ns - began_ns + 3 * HOUR_NS) < HOUR_NS
    recorder.signal(signal.SIGINT)
    assert recorder.wait() == 0, recorder.output
