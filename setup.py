"""The Python package, and the files that ROS 2 tools look for outside of it.

The description is here and not in setup.cfg or pyproject.toml: colcon reads the arguments of ``setup()`` as Python
literals, and setuptools turns what it finds elsewhere into objects (``python_requires``) that colcon cannot read.
"""

from pathlib import Path

from setuptools import find_packages, setup

PACKAGE = "humanoid_recorder"

# Lower bounds are versions the tests have been run with, but for those of lz4 and zstandard, which mcap brings along.
# Ubuntu's own pydantic and typer may be older: in a ROS workspace these come from pip (see package.xml).
RUNTIME = [
    "lz4>=4.3",
    "mcap>=1.6",
    "mcap-ros2-support>=0.6",
    "numpy>=1.26",
    "pillow>=10.2",
    "pydantic>=2.5",
    "pyyaml>=6.0.1",
    "rich>=13.7",
    "typer>=0.12.5",
    "zstandard>=0.22",
]
# The simulated humanoid: physics, and the robot it is (131 MB, of which one URDF is used).
SIM = ["example-robot-data>=6.0", "mujoco~=4.0"]
# Frame tables as Parquet, and pictures of how good they are.
EXPORT = ["pyarrow>=18.0"]
VIEW = ["matplotlib>=3.9"]
EXTRAS = {
    # ROS 2 itself as wheels (Linux x86_64), for machines without a ROS distribution. One of the two: they cannot share
    # an environment.
    "ros": ["ros-rclpy[fastrtps]~=9.1.2", "ros-common-interfaces~=5.5.1"],
    "jazzy": ["ros-rclpy[fastrtps]==7.1.6", "ros-common-interfaces>=5.3.6,<5.4"],
    "sim": SIM,
    "export": EXPORT,
    "view": VIEW,
    # Linters are held to one series: a newer one finds and formats differently, and would fail an unchanged checkout.
    "dev": [
        *SIM,
        *EXPORT,
        *VIEW,
        "hypothesis>=6.100",
        "import-linter~=2.16",
        "mypy~=2.4",
        "pytest>=9.0",
        "pytest-timeout>=2.3",
        "pytest-xdist>=3.6",
        "rosbags>=0.11",
        "ruff~=0.17.5",
        "setuptools>=68",
        "types-PyYAML",
        "wheel",
    ],
}


def files_below(folder: str) -> list[tuple[str, list[str]]]:
    """Every file below a folder, for share/PACKAGE/ with its subfolders kept."""
    grouped: dict[str, list[str]] = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
            grouped.setdefault(f"share/{PACKAGE}/{path.parent.as_posix()}", []).append(path.as_posix())
    return list(grouped.items())


setup(
    name=PACKAGE,
    version="0.1.0",
    description="Records what a humanoid does, losslessly and accounted for, and plays trained policies back on it",
    license="Apache-2.0",
    maintainer="humanoid_recorder maintainers",
    maintainer_email="maintainers@humanoid-recorder.invalid",
    keywords=["ROS 2", "humanoid", "recording", "MCAP", "rosbag2", "robot learning"],
    python_requires=">=3.11",
    install_requires=RUNTIME,
    extras_require=EXTRAS,
    packages=find_packages(include=[PACKAGE, f"{PACKAGE}.*"]),
    package_data={PACKAGE: ["py.typed"]},
    zip_safe=False,
    # The only one: node executables stay off PATH.
    entry_points={"console_scripts": [f"humanoid-recorder = {PACKAGE}.cli.main:main"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{PACKAGE}"]),
        (f"share/{PACKAGE}", ["package.xml"]),
        # Data files, not console scripts: `ros2 run` and launch look in lib/PACKAGE, and a data file keeps its
        # `env python3`, which is the distribution's Python in a workspace and the environment's in a venv.
        (f"lib/{PACKAGE}", sorted(path.as_posix() for path in Path("executables").iterdir() if path.is_file())),
        *files_below("launch"),
        *files_below("config"),
    ],
)
