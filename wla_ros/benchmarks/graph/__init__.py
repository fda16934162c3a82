"""Latency, lateness and CPU of the nodes under the load of a full rig."""
