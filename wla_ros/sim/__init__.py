"""The simulated rig: MuJoCo scene, cameras, driver of the arms, faults. Knows no ROS."""
