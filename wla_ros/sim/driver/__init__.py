"""A stand-in for one Piper, its firmware and its `piper_ros` driver. Knows no physics engine."""
