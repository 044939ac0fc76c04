from pathlib import Path

from humanoid_recorder.storage.bag_folders import bags_below


def test_bags_are_found_at_any_depth_and_not_inside_each_other(tmp_path: Path) -> None:
    for folder in ("b/session/2", "b/session/1.unfinished", "a", "b/session/.discarded/3", "b/.hidden/4"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x_0.mcap").touch()
    (tmp_path / "a" / "inner").mkdir()
    (tmp_path / "a" / "inner" / "metadata.yaml").touch()
    found = [str(path.relative_to(tmp_path)) for path in bags_below(tmp_path)]
    assert found == ["a", "b/session/1.unfinished", "b/session/2"]
    with_discarded = [str(path.relative_to(tmp_path)) for path in bags_below(tmp_path, discarded=True)]
    assert with_discarded == ["a", "b/session/.discarded/3", "b/session/1.unfinished", "b/session/2"]
