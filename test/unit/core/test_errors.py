from humanoid_recorder.core.errors import EXIT_BAD, EXIT_USAGE, BagWriteError, SpecError


def test_an_error_says_what_is_wrong_and_then_what_to_do() -> None:
    assert str(BagWriteError("The disk is full.", remedy="Free space.")) == "The disk is full. Free space."
    assert str(BagWriteError("The disk is full.")) == "The disk is full."


def test_a_wrong_request_and_bad_data_end_with_different_codes() -> None:
    assert (SpecError("x").exit_code, BagWriteError("x").exit_code) == (EXIT_USAGE, EXIT_BAD)
