"""
The simulated rig: MuJoCo scene, driver stand-in, cameras, tasks, scripted experts.

Never imports rclpy or torch.
"""
