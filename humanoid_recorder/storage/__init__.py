"""Files only: the MCAP writer and reader, rosbag2 metadata, the layout on disk."""
