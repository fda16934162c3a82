"""The ROS nodes, one folder each, and what they share: thin shells around the pure rooms."""
