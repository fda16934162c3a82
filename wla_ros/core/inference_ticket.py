"""
One running inference, and the chunk that its result becomes.

Owns the stages of time from exposure to chunk. Knows neither streams nor counters.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.core.execution_strategy import Join
from wla_ros.core.types import ActionChunk
from wla_ros.core.types import FloatArray
from wla_ros.core.types import Observation
from wla_ros.core.types import PolicyRequest
from wla_ros.core.types import PolicyResult
from wla_ros.core.types import PolicySpec
from wla_ros.core.types import Provenance
from wla_ros.core.types import StageTiming


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InferenceTicket:
    """One running inference: what to call the policy with, and what anchors its result."""

    observation: Observation  # as the policy is to see it: its joints may be projected
    anchor: Observation  # as it was made
    request: PolicyRequest
    begun_ns: int
    join: Join
    most_rows: int  # of a chunk that does not finish the task

    def chunk(
        self, spec: PolicySpec, result: PolicyResult, *, sequence: int, now_ns: int
    ) -> ActionChunk:
        """
        Return `result` anchored at the observation stamp; the result has been checked.

        Rows that are not to be executed are not in it.
        """
        # [H, D], a copy: policies may reuse their output arrays.
        count = len(result.rows) if result.finished else self.most_rows
        rows: FloatArray = np.array(result.rows[:count], dtype=np.float64)
        rows.flags.writeable = False
        return ActionChunk(
            stamp_ns=self.observation.stamp_ns,
            dt_ns=spec.dt_ns,
            epoch=self.observation.epoch,
            sequence=sequence,
            representation=spec.representation,
            columns=spec.columns,
            rows=rows,
            row_offset=self.request.row_offset,
            join=self.join,
            committed_prefix=result.committed_prefix,
            finished=result.finished,
            provenance=Provenance(
                policy=spec.name,
                policy_version=spec.version,
                instruction=self.request.instruction,
                subtask=result.subtask,
                subtask_id=result.subtask_id,
                memory_revision=result.memory_revision,
            ),
            samples=self.observation.samples,
            timings=self._timings(result, now_ns),
        )

    def _timings(self, result: PolicyResult, now_ns: int) -> tuple[StageTiming, ...]:
        """
        Return the stages of this result; the stages of the policy itself are parts of 'inference'.

        ::

            exposure           synchronised       begun              now
               |--exposure_to_ready-|-------wait----|----inference----|
               |------------------exposure_to_chunk-------------------|
        """
        exposed_ns, ready_ns = self.observation.stamp_ns, self.observation.synchronised_ns
        stages = {
            'exposure_to_ready': ready_ns - exposed_ns,
            'wait': self.begun_ns - ready_ns,
            'inference': now_ns - self.begun_ns,
            'exposure_to_chunk': now_ns - exposed_ns,
        }
        return (
            *(StageTiming(stage=stage, duration_ns=ns) for stage, ns in stages.items()),
            *result.timings,
        )
