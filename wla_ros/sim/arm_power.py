"""What an arm does about gravity: the three states that enabling and stopping lead to."""

import enum


class ArmPower(enum.Enum):
    """State of the motors of one arm."""

    POWERED = 'powered'  # servos track the set-point, weight is compensated
    DAMPED = 'damped'  # emergency stop: motors only brake, the arm sinks slowly, the gripper holds
    LIMP = 'limp'  # disabled or reset: no torque, the arm falls, the gripper lets go
