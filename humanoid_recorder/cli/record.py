"""``humanoid-recorder record``."""


def record() -> None:
    """Record episodes (being written)."""
