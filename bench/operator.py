"""How often the scripted operator succeeds, and how fast the simulated humanoid runs. Needs the extra ``sim``.

Usage: python bench/operator.py [--json] [--seeds N] [--first SEED] [--task NAME ...]

One process, no pictures, as fast as it goes. The interval is Wilson's, 95 %. Exits 1 if a task succeeds less often than
``GOAL``.
"""

import argparse
import json
import math
import sys
import time
from dataclasses import asdict, dataclass

from humanoid_recorder.sim.humanoid.attempt import attempt
from humanoid_recorder.sim.humanoid.robot import SimHumanoid
from humanoid_recorder.sim.humanoid.scene import Task

GOAL = 0.95
Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Result:
    """Of one task."""

    task: str
    attempts: int
    successes: int
    success_rate: float
    low: float
    """Lower end of the interval."""
    high: float
    attempt_s: float
    """Mean simulated duration."""
    real_time_factor: float
    """Simulated over real time: physics at 1 kHz, sensors, operator and judge at 100 Hz."""
    physics_factor: float
    """The same for physics alone."""
    failures: dict[int, str]
    """Reason by seed."""


def wilson(successes: int, attempts: int) -> tuple[float, float]:
    share, z2 = successes / attempts, Z95**2
    middle = (share + z2 / (2 * attempts)) / (1 + z2 / attempts)
    half = Z95 / (1 + z2 / attempts) * math.sqrt(share * (1 - share) / attempts + z2 / (4 * attempts**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def measure(task: Task, seeds: range) -> Result:
    robot = SimHumanoid(seeds.start, task)
    began = time.perf_counter()
    robot.step(2_000_000_000)
    physics_factor = 2.0 / (time.perf_counter() - began)
    began = time.perf_counter()
    attempts = [attempt(robot, seed) for seed in seeds]
    took_s = time.perf_counter() - began
    failures = {each.seed: each.verdict.reason for each in attempts if not each.verdict.success}
    successes = len(attempts) - len(failures)
    low, high = wilson(successes, len(attempts))
    simulated_s = sum(each.duration_s for each in attempts)
    return Result(
        task=task.value,
        attempts=len(attempts),
        successes=successes,
        success_rate=successes / len(attempts),
        low=low,
        high=high,
        attempt_s=simulated_s / len(attempts),
        real_time_factor=simulated_s / took_s,
        physics_factor=physics_factor,
        failures=failures,
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seeds", type=int, default=50, help="attempts per task")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--task", nargs="+", type=Task, choices=list(Task), default=list(Task))
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error("--seeds must be at least 1")
    results = [measure(task, range(arguments.first, arguments.first + arguments.seeds)) for task in arguments.task]
    if arguments.json:
        print(json.dumps([asdict(result) for result in results], indent=2))
    else:
        print(
            f"{'task':12} {'success':>9} {'rate':>6}  {'95 % interval':15} {'attempt':>8} {'speed':>7} {'physics':>8}"
        )
        for result in results:
            interval = f"{result.low:.1%} - {result.high:.1%}"
            print(
                f"{result.task:12} {result.successes:4}/{result.attempts:<4} {result.success_rate:6.1%}  {interval:15}"
                f" {result.attempt_s:6.1f} s {result.real_time_factor:6.1f}x {result.physics_factor:7.1f}x"
            )
            for seed, reason in result.failures.items():
                print(f"  seed {seed}: {reason}")
    return 0 if all(result.success_rate >= GOAL for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
