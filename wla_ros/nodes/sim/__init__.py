"""The node of the simulated rig."""
