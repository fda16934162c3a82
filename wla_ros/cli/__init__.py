"""The command line `wla_ros`."""
