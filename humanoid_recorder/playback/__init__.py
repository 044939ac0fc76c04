"""Playing bags: what goes out when, without ROS."""
