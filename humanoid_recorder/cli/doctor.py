"""``humanoid-recorder doctor``."""


def doctor() -> None:
    """doctor (being written)."""
