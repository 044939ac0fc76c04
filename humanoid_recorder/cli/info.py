"""``humanoid-recorder info``."""


def info() -> None:
    """info (being written)."""
