# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
`wla_ros calibrate arm` and `gripper`: plan the motion, ask, move, estimate.

Composes the pure parts with the client that speaks to the executor. Prints the results.
"""

import argparse
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import rclpy
from rclpy.context import Context

from wla_ros.base.arguments import outside
from wla_ros.base.arguments import unknown_names
from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import load_configuration
from wla_ros.base.joints import ARM_JOINTS
from wla_ros.base.joints import GRIPPER
from wla_ros.base.joints import JointLimits
from wla_ros.base.progress import progress_bar
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import FloatArray
from wla_ros.base.types import Refusal
from wla_ros.calibration.delay import CombinedDelay
from wla_ros.calibration.delay import DelayEstimate
from wla_ros.calibration.delay import DelaySettings
from wla_ros.calibration.delay import Signal
from wla_ros.calibration.delay import combine_delays
from wla_ros.calibration.delay import estimate_delay
from wla_ros.calibration.excitation import Excitation
from wla_ros.calibration.excitation import ExcitationBounds
from wla_ros.calibration.excitation import ExcitationPart
from wla_ros.calibration.excitation import ExcitationPlan
from wla_ros.calibration.excitation import in_turn
from wla_ros.calibration.excitation import plan_excitation
from wla_ros.calibration.excitation_client import CalibrationError
from wla_ros.calibration.excitation_client import ExcitationClient
from wla_ros.calibration.excitation_client import Recording
from wla_ros.calibration.offset_file import OffsetChange
from wla_ros.composition.executor import ExecutorNodeConfiguration
from wla_ros.composition.executor import ExecutorParts
from wla_ros.composition.executor import load_executor
from wla_ros.nodes.lifecycle import prefer_local_transport
from wla_ros.nodes.parameter_file import parameters_of
from wla_ros.nodes.starter_watch import termination_signals
from wla_ros.observation.config import SynchronisationConfig

_REST_S = 0.8  # more than the longest delay that is searched for
_FADE_S = 1.0
_LARGEST_SPREAD_S = 0.03
_MOST_AMPLITUDE = {'arm': 0.2, 'gripper': 0.03}  # rad, m
_LEAST_AMPLITUDE = {'arm': 0.01, 'gripper': 0.003}
_KEYS = {'arm': 'action_latency_s', 'gripper': 'gripper_latency_s'}
_UNITS = {'arm': 'rad', 'gripper': 'm'}
_BAR = '{desc:<14} {bar} {n_fmt}/{total_fmt} s'
# Feedback that moves by another factor than this is no delayed command.
_GAINS = (0.7, 1.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Robot:
    """What the parameter file says."""

    parts: ExecutorParts
    joint_latency_s: float  # measurement to header stamp of the feedback


def calibrate_motion(
    path: Path, arguments: argparse.Namespace
) -> tuple[tuple[OffsetChange, ...], bool]:
    """
    Return what to write, and whether everything could be measured.

    Raises ConfigurationError for arguments that do not fit the file, CalibrationError if the graph
    does not allow a run.
    """
    robot = _load(path, arguments.namespace)
    columns = _columns(robot.parts, arguments)
    prefer_local_transport()
    context = Context()
    rclpy.init(context=context)
    stopped = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal stopped
        stopped = True
        raise KeyboardInterrupt

    # A terminated tool leaves as with Ctrl-C: through HOLD.
    previous = {kind: signal.signal(kind, stop) for kind in termination_signals()}
    client = ExcitationClient(robot.parts.robot, context=context, namespace=arguments.namespace)
    try:
        start = client.wait_ready()
        plan = _plan(robot.parts, columns, start, arguments)
        _announce(plan, robot.parts, arguments)
        if not arguments.yes and not _confirmed():
            print('nothing moved')
            return (), False
        recording = _run(client, plan, robot.parts)
    except KeyboardInterrupt:
        raise CalibrationError('stopped; the arms hold') from None
    except Exception:
        if stopped:  # the interrupt met a callback, which made another error of it
            raise CalibrationError('stopped; the arms hold') from None
        raise
    finally:
        client.close()
        context.try_shutdown()
        for kind, handler in previous.items():
            signal.signal(kind, handler)
    return _evaluate(recording, plan, robot, arguments.kind)


def _load(path: Path, namespace: str) -> _Robot:
    configuration = load_configuration(
        ExecutorNodeConfiguration,
        parameters_of(path, 'executor_node', namespace=namespace, required=True),
        source=str(path),
    )
    parts = load_executor(configuration)
    if not isinstance(parts, ExecutorParts):
        raise ConfigurationError(str(path), parts)
    policy = parameters_of(path, 'policy_node', namespace=namespace)
    synchronisation = load_configuration(
        SynchronisationConfig, policy.get('synchronisation', {}), source=str(path)
    )
    return _Robot(parts=parts, joint_latency_s=synchronisation.joints.latency_s)


def _columns(parts: ExecutorParts, arguments: argparse.Namespace) -> tuple[int, ...]:
    """Return the columns to move, in order. Raises ConfigurationError for unknown names."""
    layout = parts.robot.layout
    arms = arguments.arms or layout.arms
    joints: Sequence[str] = (GRIPPER,)
    known: Sequence[str] = joints
    if arguments.kind == 'arm':
        joints, known = arguments.joints or ARM_JOINTS, ARM_JOINTS
    most = _MOST_AMPLITUDE[arguments.kind]
    problems = [
        *unknown_names('--arms', arms, layout.arms),
        *unknown_names('--joints', joints, known),
        *outside('--amplitude', arguments.amplitude, _LEAST_AMPLITUDE[arguments.kind], most),
        *outside('--seconds', arguments.seconds, 3.0, 60.0),
        *outside('--speed', arguments.speed, 0.05, 1.0),
    ]
    if problems:
        raise ConfigurationError('arguments', tuple(problems))
    return tuple(layout.columns.index(f'{arm}/{joint}') for arm in arms for joint in joints)


def _plan(
    parts: ExecutorParts, columns: tuple[int, ...], start: FloatArray, arguments: Any
) -> ExcitationPlan:
    """Return the motion. Raises CalibrationError naming every column that has no room."""
    limits = parts.configuration.execution.motion.scaled(parts.limits)
    motions: dict[int, Excitation] = {}
    refused = []
    for column in columns:
        motion = plan_excitation(
            start=float(start[column]),
            lower=float(limits.lower[column]),
            upper=float(limits.upper[column]),
            bounds=_bounds(limits, column, arguments),
            duration_s=arguments.seconds,
            fade_s=_FADE_S,
        )
        if isinstance(motion, Refusal):
            refused.append(f'{limits.columns[column]}: {motion.detail}')
        else:
            motions[column] = motion
    if refused:
        raise CalibrationError('the arms cannot move from here: ' + '; '.join(refused))
    return in_turn(start, motions, rest_s=_REST_S)


def _bounds(limits: JointLimits, column: int, arguments: Any) -> ExcitationBounds:
    return ExcitationBounds(
        amplitude=arguments.amplitude,
        least_amplitude=_LEAST_AMPLITUDE[arguments.kind],
        velocity=arguments.speed * float(limits.velocity[column]),
        acceleration=arguments.speed * float(limits.acceleration[column]),
        jerk=float(limits.jerk[column]),
    )


def _announce(plan: ExcitationPlan, parts: ExecutorParts, arguments: Any) -> None:
    unit = _UNITS[arguments.kind]
    print(f'one after the other, {plan.duration_s:.0f} s in all:')
    for part in plan.parts:
        name = parts.robot.layout.columns[part.column]
        low, high = part.motion.reach()
        speed, _, _ = part.motion.largest_rates()
        print(
            f'  {name:<14} from {part.motion.start:7.3f} within {low:7.3f} .. {high:7.3f} {unit}, '
            f'at most {speed:.2f} {unit}/s'
        )


def _confirmed() -> bool:
    print('Stand clear, have the emergency stop at hand. Ctrl-C makes the arms hold.')
    try:
        return input('Type "move" to begin: ').strip().lower() == 'move'
    except EOFError:
        return False


def _run(client: ExcitationClient, plan: ExcitationPlan, parts: ExecutorParts) -> Recording:
    """Move, with a line of progress."""
    with progress_bar(
        'moving', total=round(plan.duration_s), unit='s', leave=False, bar_format=_BAR
    ) as line:

        def show(elapsed_s: float) -> None:
            name = ''
            for part in plan.parts:
                if part.begin_s <= elapsed_s <= part.end_s:
                    name = parts.robot.layout.columns[part.column]
            line.set_description_str(name, refresh=False)
            line.update(max(0, int(elapsed_s) - line.n))

        return client.run(plan, show)


def _evaluate(
    recording: Recording, plan: ExcitationPlan, robot: _Robot, kind: str
) -> tuple[tuple[OffsetChange, ...], bool]:
    layout = robot.parts.robot.layout
    by_arm: dict[str, dict[str, DelayEstimate | Refusal]] = {}
    for part in plan.parts:
        name = layout.columns[part.column]
        arm = name.split('/', 1)[0]
        found = _estimate(recording, part, arm, part.column - layout.arm_slice(arm).start, robot)
        by_arm.setdefault(arm, {})[name] = found
        print(f'  {name:<14} {_sentence(found)}')
    changes = []
    complete = True
    for arm, estimates in by_arm.items():
        combined = combine_delays(estimates, largest_spread_s=_LARGEST_SPREAD_S)
        complete &= isinstance(combined, CombinedDelay) and len(combined.columns) == len(estimates)
        present_s = getattr(robot.parts.configuration.execution.arm(arm), _KEYS[kind])
        print(f'{arm} {kind}: {_conclusion(combined)}; configured {1e3 * present_s:.1f} ms')
        if isinstance(combined, CombinedDelay):
            changes.append(
                OffsetChange(
                    node='executor_node',
                    path=('execution', 'arms', arm, _KEYS[kind]),
                    value_s=max(0.0, combined.delay_s),
                )
            )
    return tuple(changes), complete


def _estimate(
    recording: Recording, part: ExcitationPart, arm: str, column: int, robot: _Robot
) -> DelayEstimate | Refusal:
    begin_s, end_s = part.begin_s - _REST_S, part.end_s + _REST_S
    commanded = recording.command(part.column, begin_s, end_s)
    measured = recording.measured(arm, column, begin_s, end_s)
    found = estimate_delay(
        commanded,
        Signal(
            stamps_ns=measured.stamps_ns - seconds_to_ns(robot.joint_latency_s),
            values=measured.values,
        ),
        DelaySettings(least_motion=0.5 * part.motion.amplitude),
    )
    if isinstance(found, DelayEstimate) and not _GAINS[0] <= found.gain <= _GAINS[1]:
        return Refusal(
            reason='gain',
            detail=f'it moves {found.gain:.2f} times as far as commanded: unit or scale of the '
            'driver? (piper_ros: gripper_val_mutiple must be 1)',
        )
    return found


def _sentence(found: DelayEstimate | Refusal) -> str:
    if isinstance(found, Refusal):
        return f'refused, {found.reason}: {found.detail}'
    return (
        f'{1e3 * found.delay_s:6.1f} ms +- {1e3 * found.uncertainty_s:.1f}, '
        f'correlation {found.correlation:.4f}, gain {found.gain:.3f}'
    )


def _conclusion(combined: CombinedDelay | Refusal) -> str:
    if isinstance(combined, Refusal):
        return f'refused, {combined.reason}: {combined.detail}'
    return f'{1e3 * combined.delay_s:.1f} ms, spread {1e3 * combined.spread_s:.1f} ms'
