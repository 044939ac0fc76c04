from collections.abc import Callable
from pathlib import Path

import pytest

from humanoid_recorder.core.errors import BagReadError
from humanoid_recorder.storage.bag_decoder import decode_message
from humanoid_recorder.storage.bag_reader import BagReader


def test_messages_are_decoded_by_the_definitions_of_the_bag(make_bag: Callable[[], object], tmp_path: Path) -> None:
    make_bag()
    reader = BagReader(tmp_path / "bag")
    definitions = {topic.name: topic.definition for topic in reader.summary().topics}
    first = next(reader.messages(["/joint_states"]))
    decoded = decode_message(first, definitions["/joint_states"])
    assert list(decoded.name) == ["a", "b", "c"]
    assert list(decoded.position) == [0, 0, 0.5]
    assert decoded.header.frame_id == "base"


@pytest.mark.parametrize("definition", ["", "nonsense nonsense nonsense", "float64[100000] data"])
def test_a_definition_that_does_not_fit_is_an_error_that_names_the_topic(
    make_bag: Callable[[], object], tmp_path: Path, definition: str
) -> None:
    make_bag()
    message = next(BagReader(tmp_path / "bag").messages(["/joint_states"]))
    with pytest.raises(BagReadError, match="/joint_states is not a sensor_msgs/msg/JointState"):
        decode_message(message, definition)
