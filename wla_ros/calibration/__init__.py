"""
Measuring latencies: excitation, delay estimates, the time code on a screen, offsets in a file.

Pure: numpy, OpenCV and YAML. Reads no clock and commands nothing; who listens and who moves is
the business of `ros` and `cli`.
"""
