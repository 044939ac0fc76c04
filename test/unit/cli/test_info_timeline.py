import pytest

from humanoid_recorder.cli.info_timeline import strip


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ([10, 10, 9, 10], "████"),
        ([2, 3, 2, 3], "████"),
        ([10, 5, 0, 10], "█▄·█"),
        ([0, 1, 0, 0, 0], "·|···"),
        ([40, 40, 1, 40], "██▁█"),
    ],
)
def test_a_strip_shows_what_is_usual_what_is_less_and_what_is_silence(counts: list[int], expected: str) -> None:
    assert strip(counts).plain == expected
