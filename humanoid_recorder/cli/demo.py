"""``humanoid-recorder demo``."""


def demo() -> None:
    """demo (being written)."""
