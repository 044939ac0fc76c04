"""The built wheel: what a user gets from `pip install`, checked in a prefix of its own."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGE = "humanoid_recorder"
EXECUTABLES = sorted(path.name for path in (CHECKOUT / "executables").iterdir())


@dataclass(frozen=True, slots=True)
class Installed:
    """A prefix with only this package in it; its dependencies come from the running environment."""

    prefix: Path

    @property
    def share(self) -> Path:
        return self.prefix / "share" / PACKAGE

    @property
    def site_packages(self) -> Path:
        return self.prefix / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "PATH": f"{self.prefix / 'bin'}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.site_packages),
            "AMENT_PREFIX_PATH": f"{self.prefix}{os.pathsep}{sys.prefix}",
        }

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=self.environment(), cwd=self.prefix, text=True, capture_output=True, timeout=60, check=False
        )


def pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", *arguments, "--no-index", "--no-deps"],
        text=True,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    work = tmp_path_factory.mktemp("packaging")
    unwanted = shutil.ignore_patterns(".*", "build", "install", "log", "recordings", "*.egg-info", "__pycache__")
    shutil.copytree(CHECKOUT, work / "source", ignore=unwanted)
    pip("wheel", "--no-build-isolation", "--wheel-dir", str(work), str(work / "source"))
    (wheel,) = work.glob("*.whl")
    pip("install", "--ignore-installed", "--prefix", str(work / "prefix"), str(wheel))
    return Installed(work / "prefix")


def files_below(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_package_is_in_the_ament_index(installed: Installed) -> None:
    assert (installed.prefix / "share/ament_index/resource_index/packages" / PACKAGE).is_file()
    assert (installed.share / "package.xml").read_bytes() == (CHECKOUT / "package.xml").read_bytes()


@pytest.mark.parametrize("folder", ["launch", "config"])
def test_every_launch_and_configuration_file_is_shared(installed: Installed, folder: str) -> None:
    expected = files_below(CHECKOUT / folder)
    assert expected
    assert files_below(installed.share / folder) == expected


def test_node_executables_are_where_ros2_run_looks(installed: Installed) -> None:
    folder = installed.prefix / "lib" / PACKAGE
    assert sorted(path.name for path in folder.iterdir()) == EXECUTABLES
    assert all(os.access(path, os.X_OK) for path in folder.iterdir())


@pytest.mark.parametrize("name", EXECUTABLES)
def test_every_node_executable_uses_the_python_on_path(installed: Installed, name: str) -> None:
    first_line = (installed.prefix / "lib" / PACKAGE / name).read_text().splitlines()[0]
    assert first_line == "#!/usr/bin/env python3"


def test_one_command_and_one_typed_package_and_nothing_else_are_put_in_the_environment(installed: Installed) -> None:
    assert [path.name for path in (installed.prefix / "bin").iterdir()] == ["humanoid-recorder"]
    assert {path.name.split("-")[0] for path in installed.site_packages.iterdir()} == {PACKAGE}
    assert (installed.site_packages / PACKAGE / "py.typed").is_file()


def test_every_module_of_the_checkout_is_installed(installed: Installed) -> None:
    assert files_below(installed.site_packages / PACKAGE) == files_below(CHECKOUT / PACKAGE)


def test_the_installed_command_describes_itself(installed: Installed) -> None:
    done = installed.run("humanoid-recorder", "--help")
    assert done.returncode == 0, done.stderr
    assert "record" in done.stdout


def test_package_xml_and_setup_py_agree(installed: Installed) -> None:
    manifest = ET.parse(installed.share / "package.xml")  # noqa: S314 - our own file
    (metadata,) = importlib.metadata.distributions(name=PACKAGE, path=[str(installed.site_packages)])
    assert metadata.version == manifest.findtext("version")
    assert metadata.metadata["License"] == manifest.findtext("license")
    assert metadata.metadata["Name"] == manifest.findtext("name")
