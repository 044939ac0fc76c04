"""The recorder node with its syncs watched: ``python -m humanoid_recorder.cli.drill_recorder LOG --ros-args ...``."""

import runpy
import sys
from pathlib import Path

from humanoid_recorder.cli.drill_syncs import watch_syncs

_RECORDER = "humanoid_recorder.nodes.recorder"


def main() -> None:
    """Run the recorder as it always runs."""
    watch_syncs(Path(sys.argv.pop(1)))
    runpy.run_module(_RECORDER, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
