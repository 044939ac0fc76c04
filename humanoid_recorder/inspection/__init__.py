"""What a bag shows in rviz, and what must be made from it for that; without ROS."""
