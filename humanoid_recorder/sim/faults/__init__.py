"""Faults that real robots have, by name, for the simulated one to show."""
