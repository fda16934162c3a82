"""The tasks of the simulated rig. A new task is one file and one entry point."""
