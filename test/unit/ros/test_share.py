from pathlib import Path

import pytest

from humanoid_recorder.core.errors import RosError
from humanoid_recorder.ros import share


def install(prefix: Path) -> Path:
    folder = prefix / "share" / share.PACKAGE
    folder.mkdir(parents=True)
    (folder / "package.xml").touch()
    return folder


def test_a_sourced_workspace_comes_before_the_prefix_of_python(tmp_path: Path) -> None:
    expected = install(tmp_path / "overlay")
    install(tmp_path / "python")
    environment = {"AMENT_PREFIX_PATH": f"{tmp_path / 'empty'}:{tmp_path / 'overlay'}"}
    assert share.share_directory(environment, tmp_path / "python") == expected


def test_an_installation_by_pip_is_found_without_any_workspace(tmp_path: Path) -> None:
    expected = install(tmp_path / "python")
    assert share.share_directory({}, tmp_path / "python") == expected


def test_a_checkout_works_without_being_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "checkout" / "config").mkdir(parents=True)
    monkeypatch.setattr(share, "_checkout", lambda: tmp_path / "checkout")
    assert share.share_directory({}, tmp_path / "python") == tmp_path / "checkout"


def test_where_there_is_none_the_error_says_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(share, "_checkout", lambda: tmp_path / "site-packages")
    with pytest.raises(RosError) as caught:
        share.share_directory({"AMENT_PREFIX_PATH": "/opt/nowhere"}, tmp_path / "python")
    assert "/opt/nowhere" in caught.value.message
    assert caught.value.remedy
