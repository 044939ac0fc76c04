"""A simulated Unitree G1 with hands: its physics, sensors and cameras, its tasks, and an operator that does them."""
