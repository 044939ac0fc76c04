"""Message types by name, from a made-up prefix: no ROS needed."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from humanoid_recorder.core.errors import TypeUnavailableError
from humanoid_recorder.ros.message_types import ament_prefixes, message_class, message_type

SEPARATOR = "=" * 80
MESSAGES = {
    "std_msgs": {"Header": "builtin_interfaces/Time stamp\nstring frame_id\n"},
    "builtin_interfaces": {"Time": "int32 sec\nuint32 nanosec\n"},
    "hand_msgs": {
        "Finger": "# one finger\nfloat32[12] pads  # Pa\n",
        "Hand": "uint8 LEFT = 0\nuint8 RIGHT=1\nstd_msgs/Header header\nFinger[<=5] fingers\nhand_msgs/Finger thumb\n",
        "Bare": "uint32 tick\nstring<=8 name\nstd_msgs/Header header\n",
        "OldHeader": "Header header\n",
        "Lost": "gone_msgs/Gone gone\n",
    },
}


@pytest.fixture(autouse=True)
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    index = tmp_path / "share/ament_index/resource_index/rosidl_interfaces"
    index.mkdir(parents=True)
    for package, messages in MESSAGES.items():
        (index / package).write_text("\n".join(f"msg/{name}.idl\nmsg/{name}.msg" for name in messages))
        folder = tmp_path / "share" / package / "msg"
        folder.mkdir(parents=True)
        for name, text in messages.items():
            (folder / f"{name}.msg").write_text(text)
    hashes = [
        {"type_name": "std_msgs/msg/Header", "hash_string": "RIHS01_other"},
        {"type_name": "hand_msgs/msg/Hand", "hash_string": "RIHS01_abc"},
    ]
    (tmp_path / "share/hand_msgs/msg/Hand.json").write_text(json.dumps({"type_hashes": hashes}))
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"/nowhere:{tmp_path}")
    message_type.cache_clear()
    message_class.cache_clear()
    yield tmp_path
    message_type.cache_clear()
    message_class.cache_clear()


def test_a_definition_carries_every_type_it_uses_once_in_rosbag2_form() -> None:
    definition = message_type("hand_msgs/msg/Hand").definition
    parts = definition.split(f"\n{SEPARATOR}\n")
    assert parts[0] == MESSAGES["hand_msgs"]["Hand"]
    assert [part.split("\n", 1)[0] for part in parts[1:]] == [
        "MSG: std_msgs/Header",
        "MSG: hand_msgs/Finger",
        "MSG: builtin_interfaces/Time",
    ]
    assert parts[2] == f"MSG: hand_msgs/Finger\n{MESSAGES['hand_msgs']['Finger']}"


@pytest.mark.parametrize(
    ("name", "has_header"),
    [("hand_msgs/msg/Hand", True), ("hand_msgs/msg/OldHeader", True), ("hand_msgs/msg/Bare", False)],
)
def test_only_a_header_that_comes_first_gives_stamps(name: str, has_header: bool) -> None:
    assert message_type(name).has_header is has_header


def test_the_hash_is_that_of_the_type_itself_and_empty_where_none_is_shipped() -> None:
    assert message_type("hand_msgs/msg/Hand").type_hash == "RIHS01_abc"
    assert message_type("hand_msgs/msg/Finger").type_hash == ""


@pytest.mark.parametrize("name", ["os.path", "std_msgs/Header", "../msg/Evil", "std_msgs/srv/Header", "", "a/msg/b"])
def test_what_is_not_a_message_name_is_refused_before_anything_is_imported(name: str) -> None:
    with pytest.raises(TypeUnavailableError, match="is not a message type"):
        message_class(name)


def test_a_missing_package_and_a_missing_message_are_told_apart() -> None:
    with pytest.raises(TypeUnavailableError, match="there is no package unitree_hg"):
        message_type("unitree_hg/msg/LowState")
    with pytest.raises(TypeUnavailableError, match="hand_msgs has no message Foot"):
        message_type("hand_msgs/msg/Foot")


def test_a_missing_dependency_is_named() -> None:
    with pytest.raises(TypeUnavailableError, match="gone_msgs/msg/Gone"):
        message_type("hand_msgs/msg/Lost")


def test_a_module_of_the_same_name_that_the_index_does_not_list_is_not_imported() -> None:
    with pytest.raises(TypeUnavailableError, match="no package json"):
        message_class("json/msg/Decoder")


def test_a_listed_message_without_python_bindings_says_so() -> None:
    with pytest.raises(TypeUnavailableError, match="bindings of hand_msgs/msg/Hand cannot be loaded"):
        message_class("hand_msgs/msg/Hand")


def test_a_definition_that_cannot_be_read_says_which_file(prefix: Path) -> None:
    (prefix / "share/hand_msgs/msg/Finger.msg").unlink()
    with pytest.raises(TypeUnavailableError, match=r"Finger\.msg cannot be read"):
        message_type("hand_msgs/msg/Finger")


def test_the_environments_own_prefix_is_searched_last(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.prefix", "/opt/environment")
    assert ament_prefixes() == [Path("/nowhere"), prefix, Path("/opt/environment")]
