"""``humanoid-recorder doctor``."""


def doctor() -> None:
    """Doctor (being written)."""
