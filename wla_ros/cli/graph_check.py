"""
What a listening doctor makes of what it heard: rates, ages, units, owners of the commands.

Judges a `GraphRecord`; hears nothing itself.
"""

from collections.abc import Iterator

import numpy as np

from wla_ros.cli.software_check import CheckResult
from wla_ros.cli.software_check import Level
from wla_ros.core.joint_layout import JointLayout
from wla_ros.core.joint_limits import JointLimits
from wla_ros.core.synchronisation import SynchronisationConfig
from wla_ros.robots.feedback_plausibility import judge_feedback
from wla_ros.ros.graph_probe import GraphRecord
from wla_ros.ros.graph_probe import StreamRecord

# A healthy piper driver publishes 200 Hz; half of that still interpolates well.
_LOWEST_FEEDBACK_HZ = 100.0
# Feedback and cameras stamped by another clock are off by far more than any delay.
_LARGEST_AGE_S = 1.0
_DARK = 2.0  # mean pixel value of a lens cap


def check_graph(
    found: GraphRecord,
    layout: JointLayout,
    limits: JointLimits,
    synchronisation: SynchronisationConfig,
) -> Iterator[CheckResult]:
    """Yield results per arm, camera, and for who commands."""
    names = ', '.join(found.nodes) or 'none'
    yield CheckResult(
        subject='nodes', level=Level.OK if found.nodes else Level.NOT_LOOKED, fact=names
    )
    for arm, record in found.joints.items():
        yield from _check_arm(arm, record, limits, layout)
        yield _check_condition(arm, found)
        yield _check_commands(arm, found.commanders[arm], found.nodes)
    for camera, record in found.cameras.items():
        section = synchronisation.cameras.get(camera)
        wanted_hz = 0.0 if section is None else section.rate_hz
        yield _check_camera(camera, record, wanted_hz)


def _check_arm(
    arm: str, record: StreamRecord, limits: JointLimits, layout: JointLayout
) -> Iterator[CheckResult]:
    subject = f'{arm} joints'
    silent = _silence(subject, record, 'is the driver running, the arm powered, CAN up?')
    if silent is not None:
        yield silent
        return
    columns = layout.arm_slice(arm)
    findings = judge_feedback(
        np.array(record.positions).reshape(-1, 7), limits.lower[columns], limits.upper[columns]
    )
    for finding in findings:
        level = Level.PROBLEM if finding.severe else Level.NOTE
        yield CheckResult(subject=subject, level=level, fact=finding.what, remedy=finding.remedy)
    slow = record.rate_hz < _LOWEST_FEEDBACK_HZ
    yield CheckResult(
        subject=subject,
        level=Level.PROBLEM if slow else Level.OK,
        fact=f'{record.rate_hz:.0f} Hz, {1e3 * record.median_age_s:.1f} ms old on {record.topic}',
        remedy='a piper driver publishes 200 Hz; look at CPU load and the CAN bus' if slow else '',
    )
    yield from _check_clock(subject, record)
    yield from _check_owner(subject, record)


def _check_condition(arm: str, found: GraphRecord) -> CheckResult:
    subject, condition = f'{arm} status', found.conditions.get(arm)
    if condition is None:
        return CheckResult(
            subject=subject,
            level=Level.NOT_LOOKED,
            fact='no status heard: faults and power of the arm are unknown',
            remedy='the executor cannot see faults of the arm without it',
        )
    if not condition.ok:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=condition.text,
            remedy='clear the fault with the driver; never reset a raised arm',
        )
    if not condition.enabled:
        return CheckResult(
            subject=subject,
            level=Level.NOTE,
            fact=f'motors not under control: {condition.text}',
            remedy='enable the arm with its driver; it takes control at its first command',
        )
    return CheckResult(subject=subject, level=Level.OK, fact=f'under control: {condition.text}')


def _check_commands(arm: str, commanders: tuple[str, ...], nodes: tuple[str, ...]) -> CheckResult:
    subject = f'{arm} commands'
    if len(commanders) > 1:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=f'{len(commanders)} publishers command this arm: {", ".join(commanders)}',
            remedy='only the executor may: stop the others',
        )
    if commanders:
        return CheckResult(subject=subject, level=Level.OK, fact=f'only {commanders[0]} commands')
    executors = [name for name in nodes if 'executor' in name]
    if executors:
        return CheckResult(
            subject=subject,
            level=Level.NOTE,
            fact=f'no publisher was found, but {", ".join(executors)} runs',
            remedy='not configured, for another robot or namespace, or found too late: run again',
        )
    return CheckResult(subject=subject, level=Level.OK, fact='nobody commands, no executor runs')


def _check_camera(camera: str, record: StreamRecord, wanted_hz: float) -> CheckResult:
    subject = f'camera {camera}'
    silent = _silence(subject, record, 'is the camera node running, the topic right?')
    if silent is not None:
        return silent
    clock = next(_check_clock(subject, record), None)
    if clock is not None:
        return clock
    size = '' if record.pixels is None else f' {record.pixels.shape[1]}x{record.pixels.shape[0]}'
    fact = f'{record.rate_hz:.1f} Hz{size}, {1e3 * record.median_age_s:.0f} ms old'
    if record.refusals:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=f'{fact}; {_refused(record)}',
            remedy=record.detail,
        )
    if record.pixels is not None and float(record.pixels.mean()) < _DARK:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=f'{fact}, black',
            remedy='lens cap, exposure?',
        )
    if wanted_hz and record.rate_hz < 0.8 * wanted_hz:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=fact,
            remedy=f'{wanted_hz:g} Hz are configured: the middleware profile of the driver and '
            'shared memory (above), USB bandwidth, exposure time, CPU load?',
        )
    return CheckResult(subject=subject, level=Level.OK, fact=fact)


def _silence(subject: str, record: StreamRecord, remedy: str) -> CheckResult | None:
    if record.stamps_ns:
        return None
    if record.refusals:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=f'nothing usable on {record.topic}: {_refused(record)}',
            remedy=record.detail,
        )
    if record.mismatch:
        return CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=f'the node hears nothing on {record.topic}: {record.mismatch}',
            remedy='change the publisher or what the parameter file or driver profile asks for',
        )
    if record.publishers:
        remedy = f'{record.publishers} publisher(s), but no message: a driver without data?'
    return CheckResult(
        subject=subject, level=Level.PROBLEM, fact=f'silence on {record.topic}', remedy=remedy
    )


def _refused(record: StreamRecord) -> str:
    return ', '.join(f'{reason} {count} times' for reason, count in record.refusals.items())


def _check_clock(subject: str, record: StreamRecord) -> Iterator[CheckResult]:
    if not abs(record.median_age_s) <= _LARGEST_AGE_S:
        yield CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=f'stamps are {record.median_age_s:.3f} s old',
            remedy='the stamps come from another clock: synchronise hosts (chrony), no sim time',
        )


def _check_owner(subject: str, record: StreamRecord) -> Iterator[CheckResult]:
    if record.publishers > 1:
        yield CheckResult(
            subject=subject,
            level=Level.PROBLEM,
            fact=f'{record.publishers} publishers on {record.topic}',
            remedy='two drivers, or a stray simulation: stop one',
        )
