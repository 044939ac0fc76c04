"""Signal sources that stand in for a robot."""
