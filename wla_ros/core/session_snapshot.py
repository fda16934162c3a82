"""The state of an inference session at one moment, as PolicyStatus.msg and its parts carry it."""

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from wla_ros.core.plan_listener import PlanHealth
from wla_ros.core.types import StageTiming
from wla_ros.core.types import StreamSample


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHealth:
    """One input stream, as StreamStatus.msg: received = used + superseded + refused + waiting."""

    stream: str
    rate_hz: float
    age_s: float  # now less the newest stamp; -1 if there is no usable sample
    received: int
    used: int
    superseded: int
    refused: int
    waiting: int
    problem: str  # name of the present problem, empty if healthy
    problem_detail: str
    last_refusal: str  # name of the last refusal at the door, empty if none


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSnapshot:
    """
    Counters and health, as PolicyStatus.msg.

    observations = inferences + inference_errors + (1 while one is running: `running`);
    inferences = chunks_published + results_discarded.
    """

    policy: str
    # Every required stream is healthy and nothing else blocks; whether the policy is warm is not
    # known here.
    ready: bool
    refusal: str  # why the last call gave no observation; empty if it did or every anchor is used
    refusal_detail: str
    epoch: int
    epoch_reason: str  # why the running epoch began
    instruction: str
    observations: int
    inferences: int
    inference_errors: int
    last_inference_error: str
    chunks_published: int
    results_discarded: int
    running: bool
    inference_rate_hz: float
    streams: tuple[StreamHealth, ...]
    samples: tuple[StreamSample, ...]  # of the last observation: ages and skews
    latency_p50: tuple[StageTiming, ...]
    latency_p95: tuple[StageTiming, ...]
    latency_p99: tuple[StageTiming, ...]
    plan: PlanHealth  # what is known of the executor, and what follows for inferences
    refusal_counts: Mapping[str, int] = field(
        default_factory=dict
    )  # calls without observation, by reason
    epoch_counts: Mapping[str, int] = field(default_factory=dict)  # epochs begun, by reason
