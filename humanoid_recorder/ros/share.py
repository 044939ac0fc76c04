"""Where the files that come with the package are: launch, config, package.xml."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from humanoid_recorder.core.errors import RosError

PACKAGE = "humanoid_recorder"


def share_directory(environment: Mapping[str, str] = os.environ, prefix: Path | None = None) -> Path:
    """Find the package's share folder.

    Looked at in this order: the prefixes of ``AMENT_PREFIX_PATH`` (a sourced workspace), the prefix of this Python
    (installed with pip), and the source checkout this module is part of.

    Args:
        environment: Environment variables.
        prefix: Prefix of this Python; None for ``sys.prefix``.

    Returns:
        The folder that holds ``config`` and ``launch``.

    Raises:
        RosError: None of the three has it.
    """
    prefixes = [Path(entry) for entry in environment.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]
    prefixes.append(Path(sys.prefix) if prefix is None else prefix)
    for candidate in prefixes:
        share = candidate / "share" / PACKAGE
        if (share / "package.xml").is_file():
            return share
    checkout = _checkout()
    if (checkout / "package.xml").is_file() or (checkout / "config").is_dir():
        return checkout
    raise RosError(
        f"The folder share/{PACKAGE} is in none of {', '.join(map(str, prefixes))}.",
        remedy="Source the workspace the package was built in, or install it again with pip.",
    )


def _checkout() -> Path:
    return Path(__file__).resolve().parents[2]
