"""
Chunk execution: schedule to limited joint commands.

May import `core`, `robots`, numpy and ruckig; never rclpy or torch.
"""
