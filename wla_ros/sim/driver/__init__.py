"""A stand-in for the driver and firmware of a Piper, down to units and periods of its CAN bus."""
