"""Training-set writers."""
