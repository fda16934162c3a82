"""
What the policy node tells its tasks and their clients: readiness, progress, feedback.

Pure functions of snapshots and messages.
"""

from wla_ros.action import RunTask
from wla_ros.core.session_snapshot import SessionSnapshot
from wla_ros.core.strategy_config import AUTO
from wla_ros.core.subtask_memory import SubtaskMemory
from wla_ros.core.timing import ns_to_seconds
from wla_ros.core.types import ActionChunk
from wla_ros.core.types import Mode
from wla_ros.core.types import Refusal
from wla_ros.msg import ControlMode
from wla_ros.msg import ExecutorStatus
from wla_ros.ros.status_conversion import memory_message
from wla_ros.ros.task_run import TaskFacts


def task_facts(
    snapshot: SessionSnapshot,
    executor: ExecutorStatus | None,
    mode: ControlMode | None,
    *,
    warm: bool,
    start: Refusal | None,
    last_chunk_ns: int,
    finished: bool,
) -> TaskFacts:
    """
    Return the facts of the policy node; why it is not ready, or why there is no observation.

    `start` is why the policy must not begin here, None once it has begun.
    """
    unready = _unready(snapshot, executor, mode, warm=warm)
    if not unready and start is not None:
        unready = f'{start.reason}: {start.detail}'
    refusal = f'{snapshot.refusal}: {snapshot.refusal_detail}' if snapshot.refusal else ''
    return TaskFacts(
        ready=not unready,
        refusal=unready or refusal,
        mode=None if mode is None else Mode(mode.mode),
        mode_reason='' if mode is None else mode.reason,
        last_chunk_ns=last_chunk_ns,
        finished=finished,
    )


def task_feedback(
    snapshot: SessionSnapshot, chunk: ActionChunk | None, memory: SubtaskMemory
) -> RunTask.Feedback:
    """Return subtask, memory, rate and latency; elapsed_s is left to the server of the action."""
    timings = () if chunk is None else chunk.timings
    latency = {timing.stage: timing.duration_ns for timing in timings}
    return RunTask.Feedback(
        subtask='' if memory.current is None else memory.current.text,
        memory=memory_message(memory),
        inference_rate_hz=snapshot.inference_rate_hz,
        chunk_latency_s=ns_to_seconds(latency.get('exposure_to_chunk', 0)),
        refusal=snapshot.refusal,
    )


def _unready(
    snapshot: SessionSnapshot,
    executor: ExecutorStatus | None,
    mode: ControlMode | None,
    *,
    warm: bool,
) -> str:
    if not snapshot.ready:
        ill = [
            f'{stream.stream}: {stream.problem}' for stream in snapshot.streams if stream.problem
        ]
        return f'inputs: {", ".join(ill) or snapshot.refusal_detail}'
    if not warm:
        return 'the policy is still warming up'
    if executor is None or mode is None:
        return 'nothing heard from the executor'
    if executor.state in (ExecutorStatus.NOT_READY, ExecutorStatus.FAILED):
        return f'the executor is not ready: {executor.reason}'
    if executor.strategy not in (AUTO, snapshot.plan.strategy):
        return (
            f'the executor runs strategy {executor.strategy!r}, the policy node '
            f'{snapshot.plan.strategy!r}: give the executor strategy.name {AUTO}'
        )
    return ''
