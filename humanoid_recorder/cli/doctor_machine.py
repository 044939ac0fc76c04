"""Checks of the machine: readings of the system, and what follows from them. The ``judge_`` functions are pure."""

import fcntl
import os
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.filesize import decimal

from humanoid_recorder.cli.doctor_finding import Finding, ok, problem, warning
from humanoid_recorder.recording.clock_sync import is_clock_synchronised
from humanoid_recorder.recording.disk_limits import DiskLimits, DiskLoad, Outlook
from humanoid_recorder.storage.disk_space import DiskSpace, disk_space

MEGABYTE = 1_000_000
FULL_LOAD_BYTES_PER_S = 30 * MEGABYTE
"""A humanoid with seven compressed cameras, 500 Hz joints and 1 kHz wrists."""
_GOOD_WRITE_BYTES_PER_S = 2 * FULL_LOAD_BYTES_PER_S
_LONG_SYNC_S = 1.0
_WRITE_PIECE_BYTES = 4 * 1024 * 1024
_MOST_WRITTEN_BYTES = 256 * MEGABYTE
_LONGEST_WRITE_S = 2.0
_GOOD_SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
_GOOD_SHM_BYTES = 256 * MEGABYTE
_SHM = Path("/dev/shm")  # noqa: S108 - this is where the middleware puts it
_CPUFREQ = Path("/sys/devices/system/cpu/cpu0/cpufreq")
_DYNAMIC_DRIVERS = ("intel_pstate", "amd-pstate", "amd-pstate-epp")
"""Their governor `powersave` still raises the frequency under load."""


@dataclass(frozen=True, slots=True)
class DiskReading:
    """The disk that recordings go to."""

    folder: str
    space: DiskSpace
    written_bytes: int
    seconds: float
    longest_sync_s: float

    @property
    def bytes_per_s(self) -> float:
        """Sustained, every piece on the disk before the next."""
        return self.written_bytes / self.seconds


def read_disk(out: Path, *, most_bytes: int = _MOST_WRITTEN_BYTES) -> DiskReading:
    """Write for a moment where recordings will go, and take it away again.

    Args:
        out: The folder; when it does not exist yet, the nearest that does is measured.
        most_bytes: Written at most, and for 2 s at most.

    Raises:
        OSError: It cannot be written.
    """
    folder = out.absolute()
    while not folder.exists():
        folder = folder.parent
    space = disk_space(folder)
    most = min(most_bytes, space.free_bytes // 4)
    piece = os.urandom(_WRITE_PIECE_BYTES)  # a disk that compresses would be too good with zeros
    written, longest_s = 0, 0.0
    with tempfile.TemporaryFile(dir=folder) as file:
        begin_s = time.monotonic()
        while written < most and time.monotonic() - begin_s < _LONGEST_WRITE_S:
            written += file.write(piece)
            file.flush()
            before_s = time.monotonic()
            os.fdatasync(file.fileno())
            longest_s = max(longest_s, time.monotonic() - before_s)
        seconds = max(time.monotonic() - begin_s, 1e-9)
    return DiskReading(str(folder), space, written, seconds, longest_s)


def judge_disk(reading: DiskReading) -> Finding:
    """Judge space and speed against the load of a full humanoid, by the limits the recorder keeps."""
    free = reading.space.free_bytes
    limits = DiskLimits.of(
        DiskLoad(FULL_LOAD_BYTES_PER_S), total_bytes=reading.space.total_bytes, wanted_reserve_bytes=0
    )
    outlook = Outlook.of(free - limits.reserve_bytes, bytes_per_s=FULL_LOAD_BYTES_PER_S, episode_bytes=None)
    found = (
        f"{reading.folder}: {decimal(free)} free ({outlook.minutes_left:.0f} min at 30 MB/s above the reserve of "
        f"{decimal(limits.reserve_bytes)}), writes "
        f"{decimal(round(reading.bytes_per_s))}/s, longest sync {reading.longest_sync_s * 1000:.0f} ms"
    )
    if free < limits.reserve_bytes:
        return problem(
            "disk", found, "The recorder would refuse a start. Free space, or record to another disk with --out."
        )
    if reading.bytes_per_s < FULL_LOAD_BYTES_PER_S:
        return problem("disk", found, "A full humanoid brings 30 MB/s: record to a faster disk with --out.")
    if outlook.is_little:
        return warning("disk", found, "Free space before a longer session.")
    if reading.bytes_per_s < _GOOD_WRITE_BYTES_PER_S or reading.longest_sync_s > _LONG_SYNC_S:
        return warning("disk", found, "Nothing else should write to this disk while recording; an SSD is better.")
    return ok("disk", found)


def check_disk(out: Path) -> Finding:
    """Measure the disk."""
    try:
        return judge_disk(read_disk(out))
    except OSError as error:
        return problem(
            "disk", f"{out} cannot be written: {error.strerror or error}", "Choose another folder with --out."
        )


@dataclass(frozen=True, slots=True)
class SharedMemoryReading:
    """``/dev/shm``, where Fast DDS exchanges messages on one computer."""

    total_bytes: int
    free_bytes: int
    leftovers: int
    """Segments of processes that have gone."""
    leftover_bytes: int


def read_shared_memory(folder: Path = _SHM) -> SharedMemoryReading:
    """Read size and leftovers. Fast DDS holds a lock on the ``_el`` file of a segment for as long as it lives."""
    usage = shutil.disk_usage(folder)
    count = size = 0
    for lock in [*folder.glob("fastdds_*_el"), *folder.glob("fastrtps_*_el")]:
        segment = lock.with_name(lock.name.removesuffix("_el"))
        try:
            with lock.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            count, size = count + 1, size + segment.stat().st_size
        except OSError:  # locked by a living process, just removed, or somebody else's
            continue
    return SharedMemoryReading(usage.total, usage.free, count, size)


def judge_shared_memory(reading: SharedMemoryReading) -> Finding:
    """Judge the room for messages."""
    found = f"{_SHM}: {decimal(reading.free_bytes)} of {decimal(reading.total_bytes)} free"
    if reading.leftovers:
        found += f", {reading.leftovers} leftover segments of Fast DDS ({decimal(reading.leftover_bytes)})"
    if reading.free_bytes < 64 * MEGABYTE:
        return problem("shared memory", found, "Run `fastdds shm clean`; in a container, start it with --shm-size=1g.")
    if reading.free_bytes < _GOOD_SHM_BYTES:
        return warning("shared memory", found, "In a container, start it with --shm-size=1g.")
    if reading.leftover_bytes > reading.total_bytes // 10:
        return warning("shared memory", found, "Run `fastdds shm clean`.")
    return ok("shared memory", found)


def check_shared_memory() -> Finding:
    """Look at ``/dev/shm``."""
    if not _SHM.is_dir():
        return warning("shared memory", "there is no /dev/shm", "Messages will go over the network stack, slower.")
    return judge_shared_memory(read_shared_memory())


def judge_socket_buffers(rmem_max_bytes: int) -> Finding:
    """Judge the largest receive buffer a process may ask for."""
    found = f"net.core.rmem_max is {decimal(rmem_max_bytes)}"
    if rmem_max_bytes >= _GOOD_SOCKET_BUFFER_BYTES:
        return ok("socket buffers", found)
    return warning(
        "socket buffers",
        f"{found}: bursts of images from another computer overflow it",
        "sudo sysctl -w net.core.rmem_max=16777216 (and a file in /etc/sysctl.d to keep it)",
    )


def check_socket_buffers() -> Finding:
    """Read the kernel's limit."""
    return judge_socket_buffers(int(Path("/proc/sys/net/core/rmem_max").read_text()))


def judge_clock(synchronised: bool | None) -> Finding:
    """Judge whether stamps of several computers can be compared."""
    if synchronised is None:
        return warning("clock", "the kernel cannot be asked", "Check with `timedatectl` or `chronyc tracking`.")
    if synchronised:
        return ok("clock", "kept by NTP or PTP")
    return warning(
        "clock",
        "not synchronised: stamps of this computer and of the robot may disagree",
        "Install chrony (sudo apt install chrony) with the same server on every computer.",
    )


def check_clock() -> Finding:
    """Ask the kernel."""
    return judge_clock(is_clock_synchronised())


@dataclass(frozen=True, slots=True)
class RealTimeReading:
    """What this user may ask of the scheduler."""

    may_use_fifo: bool
    rtprio_limit: int
    """Highest priority by the limits; -1 = unlimited."""
    memlock_limit_bytes: int
    """-1 = unlimited."""


def read_real_time() -> RealTimeReading:
    """Try SCHED_FIFO in a thread that ends at once."""
    granted: list[bool] = []

    def attempt() -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        except OSError:
            granted.append(False)
        else:
            granted.append(True)

    thread = threading.Thread(target=attempt)
    thread.start()
    thread.join()
    return RealTimeReading(
        granted == [True], resource.getrlimit(resource.RLIMIT_RTPRIO)[0], resource.getrlimit(resource.RLIMIT_MEMLOCK)[0]
    )


def judge_real_time(reading: RealTimeReading) -> Finding:
    """Judge whether a control loop can hold its rate; recording does not need this."""
    memlock = "unlimited" if reading.memlock_limit_bytes < 0 else decimal(reading.memlock_limit_bytes)
    priority = "unlimited" if reading.rtprio_limit < 0 else str(reading.rtprio_limit)
    found = f"SCHED_FIFO {'allowed' if reading.may_use_fifo else 'refused'}, rtprio {priority}, memlock {memlock}"
    if reading.may_use_fifo:
        return ok("real time", found)
    return warning(
        "real time",
        f"{found}; recording does not need it, moving the robot does",
        "Add `@realtime - rtprio 90` and `@realtime - memlock unlimited` to /etc/security/limits.d/realtime.conf, "
        "join the group realtime, and log in again.",
    )


def check_real_time() -> Finding:
    """Look at the limits, and try."""
    return judge_real_time(read_real_time())


def judge_cpu(count: int, governor: str, driver: str) -> Finding:
    """Judge number and frequency of the processors; empty texts where the kernel does not tell."""
    found = f"{count} processors, " + (f"governor {governor} ({driver})" if governor else "frequency not told")
    if count < 2:
        return warning("cpu", found, "Record on a computer with at least two processors.")
    if governor in ("powersave", "ondemand", "conservative") and driver not in _DYNAMIC_DRIVERS:
        return warning("cpu", found, "sudo cpupower frequency-set -g performance")
    return ok("cpu", found)


def check_cpu() -> Finding:
    """Read what the kernel tells."""
    return judge_cpu(
        len(os.sched_getaffinity(0)), _text(_CPUFREQ / "scaling_governor"), _text(_CPUFREQ / "scaling_driver")
    )


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class InterfaceReading:
    """One network interface."""

    name: str
    flags: int
    """``IFF_`` bits of linux/if.h."""

    @property
    def can_discover(self) -> bool:
        """Whether it is up, not the loopback, and carries multicast, by which DDS finds others."""
        up, loopback, multicast = 0x1, 0x8, 0x1000
        return bool(self.flags & up) and not self.flags & loopback and bool(self.flags & multicast)


def read_interfaces(folder: Path = Path("/sys/class/net")) -> Sequence[InterfaceReading]:
    """Read the kernel's interfaces."""
    return [
        InterfaceReading(each.name, int((each / "flags").read_text(), 16))
        for each in sorted(folder.iterdir())
        if (each / "flags").is_file()
    ]
