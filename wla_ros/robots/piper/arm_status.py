# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
The status codes of the Piper (CAN 0x2A1, PiperStatusMsg): their meaning, and may the arm move.

Standby is no fault: an arm leaves it at its first command after enabling. Angle-limit flags are a
warning only, because an arm that rests at its zero pose touches two bounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

# What the executor has to know about the health of an arm, whatever driver reports it.


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmHealth:
    """Verdict on one status message of an arm: may it be moved."""

    arm: str
    ok: bool
    reason: str  # a sentence, empty if ok: emergency stop, collision, not enabled, teach mode, ...
    receive_ns: int
    released: bool = False  # disabled or moved by hand: it follows no command at all


CTRL_MODES = {
    0: 'standby',
    1: 'CAN control',
    2: 'teach mode',
    3: 'ethernet control',
    4: 'wifi control',
    5: 'remote control',
    6: 'linkage teach input (the arm is a leader)',
    7: 'offline trajectory',
    8: 'TCP control',
}
STANDBY, CAN_CONTROL, TEACH, LEADER, TCP_CONTROL = 0, 1, 2, 6, 8

# Code: name for machines, text for people.
ARM_STATUSES = {
    0: ('normal', 'normal'),
    1: ('emergency_stop', 'emergency stop'),
    2: ('no_solution', 'no inverse kinematics solution'),
    3: ('singularity', 'singularity'),
    4: ('target_exceeds_limit', 'target exceeds a joint limit'),
    5: ('joint_communication', 'communication error of a joint'),
    6: ('brake_not_released', 'a brake is not released'),
    7: ('collision', 'collision'),
    8: ('drag_overspeed', 'overspeed while dragged'),
    9: ('joint_status', 'status error of a joint'),
    10: ('other_error', 'other error'),
    11: ('teach_recording', 'recording a taught trajectory'),
    12: ('teach_executing', 'executing a taught trajectory'),
    13: ('teach_paused', 'pausing a taught trajectory'),
    14: ('controller_overheated', 'the controller is too hot'),
    15: ('brake_resistor_overheated', 'the brake resistor is too hot'),
}
MODE_FEEDBACKS = {
    0: 'MOVE P',
    1: 'MOVE J',
    2: 'MOVE L',
    3: 'MOVE C',
    4: 'MOVE M',
    5: 'MOVE CPV',
}
TEACH_STATUSES = {
    0: 'off',
    1: 'recording',
    2: 'recording ended',
    3: 'executing',
    4: 'paused',
    5: 'resumed',
    6: 'terminated',
    7: 'going to the start',
}
_JOINTS = range(1, 7)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmCondition:
    """What the status of one arm means."""

    arm: str
    ok: bool  # nothing forbids motion
    reason: str  # for machines; 'normal', 'standby', or why it is not ok
    text: str  # for people, everything notable
    enabled: bool  # under control by commands; false in standby
    moving: bool  # has not reached its target
    emergency_stop: bool
    collision: bool
    teach: bool  # moved or recorded by hand
    leader: bool  # configured as leader: it ignores commands
    released: bool  # follows no command of ours: disabled, moved by hand or by something else
    limit_joints: tuple[int, ...]  # joints 1 to 6 that report their angle limit
    silent_joints: tuple[int, ...]  # joints 1 to 6 with a communication error


def decode_arm_status(
    *,
    arm: str,
    ctrl_mode: int,
    arm_status: int,
    mode_feedback: int = 1,
    teach_status: int = 0,
    motion_status: int = 0,
    err_code: int = 0,
    angle_limit: Sequence[bool] = (),
    communication_error: Sequence[bool] = (),
) -> ArmCondition:
    """
    Return what the fields of a PiperStatusMsg mean; the sequences are its flags of joints 1 to 6.

    err_code repeats the flags: bits 8 to 13 are angle limits, bits 0 to 5 communication errors of
    joints 1 to 6. (Comments in piper_ros have the two bytes swapped; the code is as here.) Unknown
    codes are not ok.
    """
    limit_joints = _flagged(err_code >> 8, angle_limit)
    silent_joints = _flagged(err_code, communication_error)
    name, text = ARM_STATUSES.get(arm_status, ('unknown_status', f'arm status {arm_status}'))
    control = CTRL_MODES.get(ctrl_mode, f'control mode {ctrl_mode}')
    teach = ctrl_mode == TEACH or arm_status in (11, 12, 13) or teach_status not in (0, 2, 6)
    enabled = ctrl_mode in (CAN_CONTROL, TCP_CONTROL)
    if arm_status != 0:
        reason = name
    elif silent_joints:
        reason = 'joint_communication'
    elif teach:
        reason = 'teach'
    elif ctrl_mode == LEADER:
        reason = 'leader'
    elif not enabled and ctrl_mode != STANDBY:
        reason = 'foreign_control'
    else:
        reason = 'normal' if enabled else 'standby'
    notes = [control, text]
    if teach_status:
        notes.append(f'teaching {TEACH_STATUSES.get(teach_status, teach_status)}')
    if silent_joints:
        notes.append(f'no communication with joint {_list(silent_joints)}')
    if limit_joints:
        notes.append(f'joint {_list(limit_joints)} at its limit')
    notes.append(MODE_FEEDBACKS.get(mode_feedback, f'move mode {mode_feedback}'))
    return ArmCondition(
        arm=arm,
        ok=reason in ('normal', 'standby'),
        reason=reason,
        text=', '.join(notes),
        enabled=enabled,
        moving=motion_status != 0,
        emergency_stop=arm_status == 1,
        collision=arm_status == 7,
        teach=teach,
        leader=ctrl_mode == LEADER,
        released=arm_status == 1 or teach or not enabled,
        limit_joints=limit_joints,
        silent_joints=silent_joints,
    )


def _flagged(bits: int, flags: Sequence[bool]) -> tuple[int, ...]:
    return tuple(
        joint
        for joint in _JOINTS
        if bits >> (joint - 1) & 1 or (joint <= len(flags) and flags[joint - 1])
    )


def _list(joints: tuple[int, ...]) -> str:
    return ' and '.join(str(joint) for joint in joints)
