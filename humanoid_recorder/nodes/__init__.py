"""Thin executables that wire the layers below to ROS 2 topics, services and parameters."""
