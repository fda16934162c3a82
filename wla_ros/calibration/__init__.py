"""Latency calibration of cameras, arms and grippers."""
