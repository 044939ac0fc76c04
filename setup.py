"""What setup.cfg cannot say: the files outside the Python package, where ROS 2 tools look for them."""

from pathlib import Path

from setuptools import setup

PACKAGE = "humanoid_recorder"


def files_below(folder: str) -> list[tuple[str, list[str]]]:
    """Every file below a folder, for share/PACKAGE/ with its subfolders kept."""
    grouped: dict[str, list[str]] = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
            grouped.setdefault(f"share/{PACKAGE}/{path.parent.as_posix()}", []).append(path.as_posix())
    return list(grouped.items())


setup(
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        # Data files, not console scripts: `ros2 run` and launch look in lib/PACKAGE, and a script keeps its
        # `env python3`, which is the distribution's Python in a workspace and the environment's in a venv.
        (f"lib/{PACKAGE}", sorted(path.as_posix() for path in Path("executables").iterdir() if path.is_file())),
        *files_below("launch"),
        *files_below("config"),
    ],
)
