import importlib
import sys
import xml.etree.ElementTree as ET
from importlib import metadata, util
from pathlib import Path

import pytest

pytest.importorskip("mujoco", reason="needs the extra humanoid_recorder[sim]")

import humanoid_recorder.sim.humanoid as package
from humanoid_recorder.core.errors import SpecError
from humanoid_recorder.sim.humanoid import description
from humanoid_recorder.sim.humanoid.shapes import link_shapes


def _urdf() -> ET.Element:
    return ET.parse(description.urdf_path()).getroot()  # noqa: S314 - a file of an installed package


def test_the_43_joints_are_those_of_the_urdf_in_its_order() -> None:
    root = _urdf()
    moving = [joint.get("name") for joint in root.iterfind("joint") if joint.get("type") != "fixed"]
    assert [joint.name for joint in description.joints()] == moving
    assert len(moving) == 43


def test_every_shape_belongs_to_a_link_of_the_urdf() -> None:
    root = _urdf()
    links = {link.get("name") for link in root.iterfind("link")}
    shaped = {link for link, _ in link_shapes()}
    assert shaped <= links
    assert {link.replace("left_", "right_") for link in shaped if link.startswith("left_")} <= shaped


def test_a_missing_description_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def missing(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(SpecError, match=r"humanoid_recorder\[sim\]"):
        description.urdf_path()


def test_a_missing_mujoco_names_the_extra_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda _: None)
    with pytest.raises(SpecError, match=r"humanoid_recorder\[sim\]"):
        importlib.reload(package)
