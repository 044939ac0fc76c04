"""``humanoid-recorder info``."""


def info() -> None:
    """Info (being written)."""
