"""The codes of CAN 0x2A1 that the stand-in can report (piper_sdk, PiperStatusMsg)."""

import enum


class CtrlMode(enum.IntEnum):
    """Who commands the arm."""

    STANDBY = 0
    CAN = 1


class ArmState(enum.IntEnum):
    """How the arm is."""

    NORMAL = 0
    EMERGENCY_STOP = 1
    NO_SOLUTION = 2
    SINGULARITY = 3
    TARGET_BEYOND_LIMIT = 4


class MoveMode(enum.IntEnum):
    """How it moves."""

    P = 0
    J = 1
