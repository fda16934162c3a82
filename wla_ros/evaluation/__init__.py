"""
Episodes in virtual time, bags, metrics and reports.

Takes policy, rig and executor as arguments; never imports rclpy or torch.
"""
