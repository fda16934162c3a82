"""What a robot is: driver profiles, message encodings and decodings, limits, kinematics."""
