"""Record what a humanoid does, and play trained policies back on it."""
