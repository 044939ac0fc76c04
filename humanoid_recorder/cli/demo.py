"""``humanoid-recorder demo``."""


def demo() -> None:
    """Demo (being written)."""
