"""One arm of a scene as its driver sees it: the ArmPort of `TwoArmScene`."""

from wla_ros.core.types import FloatArray
from wla_ros.sim.arm_port import ArmMeasurement
from wla_ros.sim.arm_power import ArmPower
from wla_ros.sim.scene import TwoArmScene


class SceneArm:
    """The motors and sensors of `arm` in `scene`."""

    def __init__(self, scene: TwoArmScene, arm: str) -> None:
        """Bind to `arm`."""
        self._scene = scene
        self._arm = arm

    def set_joint_target(self, position: FloatArray, velocity: FloatArray) -> None:
        """Set the servo set-point, [6] rad and [6] rad/s."""
        self._scene.set_joint_target(self._arm, position, velocity)

    def set_gripper_target(self, width_m: float, force_n: float) -> None:
        """Set opening width and force of each finger."""
        self._scene.set_gripper_target(self._arm, width_m=width_m, force_n=force_n)

    def set_power(self, power: ArmPower) -> None:
        """Switch the motors."""
        self._scene.set_power(self._arm, power)

    def measure(self) -> ArmMeasurement:
        """Return the present state of the arm."""
        scene, arm = self._scene, self._arm
        return ArmMeasurement(
            position=scene.joint_position(arm),
            velocity=scene.joint_velocity(arm),
            torque=scene.joint_torque(arm),
            gripper_width_m=scene.gripper_width(arm),
            gripper_force_n=scene.gripper_force(arm),
        )
