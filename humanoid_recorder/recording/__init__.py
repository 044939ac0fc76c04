"""The recorder without ROS: intake, writer thread, episodes from start to seal."""
