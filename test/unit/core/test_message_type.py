import pytest

from humanoid_recorder.core.message_type import starts_with_header


@pytest.mark.parametrize(
    "definition",
    [
        "std_msgs/Header header\nfloat64 x\n",
        "# a comment\n\n  Header header # stamped\n",
        "uint8 RED = 1\nuint8 BLUE=2\nstd_msgs/msg/Header header\n",
    ],
)
def test_a_header_as_the_first_field_is_seen_behind_comments_and_constants(definition: str) -> None:
    assert starts_with_header(definition)


@pytest.mark.parametrize(
    "definition",
    ["", "string<=10 name\nstd_msgs/Header header\n", "std_msgs/Headers header\n", "int32 x 5\nHeader header\n"],
)
def test_a_header_elsewhere_is_none(definition: str) -> None:
    assert not starts_with_header(definition)
