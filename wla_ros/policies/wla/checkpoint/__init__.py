"""Checkpoints in the published layout: load, inspect, create."""
