# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Episodes through the real nodes: start them, run a task per seed, take the final counters, stop
them.

The rig is activated last and everything that sends is deactivated before the counters are read, so
that what one end of a link sent can be compared with what the other end has received.
"""

import os
import time
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import Any

import rclpy
import yaml
from lifecycle_msgs.msg import Transition
from rclpy.context import Context

from wla_ros.action import RunTask
from wla_ros.base.counters import counter_names
from wla_ros.base.timing import NS_PER_S
from wla_ros.base.timing import ns_to_seconds
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.whole_file import write_whole
from wla_ros.cli.up import NodeProcesses
from wla_ros.cli.up import node_commands
from wla_ros.episodes.counters import live_counters
from wla_ros.episodes.from_bag import EpisodeWindow
from wla_ros.episodes.record import CounterValue
from wla_ros.episodes.record import counters_of
from wla_ros.execution.report import EXECUTOR_COUNTERS
from wla_ros.inference.plan import PlanHealth
from wla_ros.inference.snapshot import SessionSnapshot
from wla_ros.inference.snapshot import StreamHealth
from wla_ros.nodes.clients.task_client import TaskClient
from wla_ros.nodes.clients.task_client import TaskError
from wla_ros.nodes.lifecycle import prefer_local_transport
from wla_ros.nodes.messages import duration_ns
from wla_ros.nodes.messages import stamp_ns
from wla_ros.nodes.parameter_file import nodes_of

_POLICY_COUNTERS = (*counter_names(SessionSnapshot), *counter_names(PlanHealth))
_STREAM_COUNTERS = (*counter_names(StreamHealth), 'missed', 'unheard')
PICTURE_CAMERA = 'head'
_PICTURE_RATE_HZ = 5.0
# The report reads the limited commands of both arms instead of what each driver is sent.
_UNREAD_TOPICS = frozenset(
    {
        'joint_ctrl_cmd_left',
        'joint_ctrl_cmd_right',
        'arm_status_left',
        'arm_status_right',
        'execution_plan',
        'planned_path',
    }
)
# Processes import, discover each other and open a renderer; slow machines need a while.
_START_S = 60.0
_DISCOVERY_S = 2.0  # publishers and subscriptions match before the first image is sent
_REFUSALS_S = 15.0
_SETTLE_S = 0.6  # a stack that is going to fall has fallen
_STATUS_S = 5.0  # at least two statuses of every node


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSettings:
    """What to run."""

    parameters: Path
    policy: str
    instruction: str
    seeds: tuple[int, ...]
    time_limit_s: float
    folder: Path  # logs and the bag go there
    record: bool = True
    overrides: tuple[str, ...] = ()  # NODE:NAME=VALUE


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveProgress:
    """What a person waiting wants to see."""

    episode: int
    episodes: int
    stage: str
    elapsed_s: float = 0.0
    subtask: str = ''
    rate_hz: float = 0.0
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOutcome:
    """What happened."""

    windows: tuple[EpisodeWindow, ...]
    bag: Path | None
    exit_codes: Mapping[str, int]
    tick_lateness_p99_s: float  # in the time of the rig
    real_time_factor: float  # time of the rig by the wall clock, over all episodes
    load_average: float  # of the last minute, at the end


def run_live(settings: LiveSettings, show: Callable[[LiveProgress], None]) -> LiveOutcome:
    """
    Run one task per seed. Raises WlaError if a node ends, does not answer or refuses.

    Nodes are stopped whatever happens. The counters of the whole run stand in the last window.
    """
    prefer_local_transport()
    bag = settings.folder / 'bag' if settings.record else None
    # What outlives a node (the subtask memory) stays in the folder of the run.
    environment = {'ROS_HOME': str(settings.folder / 'ros')}
    with NodeProcesses(log_folder=settings.folder / 'log', environment=environment) as nodes:
        for command in node_commands(
            _light_recording(settings),
            without=() if settings.record else ('recorder_node',),
            overrides=(
                'sim_node:autostart=false',
                'sim_node:clock.publish=true',
                *(
                    f'{node}:use_sim_time=true'
                    for node in nodes_of(settings.parameters)
                    if node != 'sim_node' and (settings.record or node != 'recorder_node')
                ),
                f'policy_node:policy.name={settings.policy}',
                *(
                    (f'recorder_node:folder={settings.folder}', 'recorder_node:name=bag')
                    if bag
                    else ()
                ),
                *settings.overrides,
            ),
            namespace='',
        ):
            nodes.start(command)
        context = Context()
        rclpy.init(context=context)
        run = _Run(settings, nodes, context, show)
        try:
            windows = run.episodes()
            lateness_ns = duration_ns(run.client.executor_status.tick_lateness_p99)
            load = os.getloadavg()[0]
        finally:
            run.client.close()
            context.try_shutdown()
        codes = nodes.stop()
    return LiveOutcome(
        windows=windows,
        bag=bag,
        exit_codes=codes,
        tick_lateness_p99_s=ns_to_seconds(lateness_ns),
        real_time_factor=run.real_time_factor,
        load_average=load,
    )


def _light_recording(settings: LiveSettings) -> Path:
    """
    Write the parameters of this run to its folder and return the file.

    Recorded are what a report needs and the pictures of one camera: a recorder that receives three
    cameras takes a third of a core, which a small machine lacks beside a renderer.
    """
    content = yaml.safe_load(settings.parameters.read_text(encoding='utf-8'))
    for key, section in content.items():
        if str(key).rsplit('/', 1)[-1] == 'recorder_node':
            values = section['ros__parameters']
            values['images'] = {
                name: {**image, 'rate_hz': _PICTURE_RATE_HZ}
                for name, image in values.get('images', {}).items()
                if name == PICTURE_CAMERA
            }
            topics = values.get('topics', [])
            values['topics'] = [name for name in topics if name not in _UNREAD_TOPICS]
    path = settings.folder / 'parameters.yaml'
    write_whole(path, yaml.safe_dump(content, sort_keys=False))
    return path


class _Run:
    """The episodes of one run, driven through the public interface of the nodes."""

    def __init__(
        self,
        settings: LiveSettings,
        nodes: NodeProcesses,
        context: Context,
        show: Callable[[LiveProgress], None],
    ) -> None:
        self._settings = settings
        self._nodes = nodes
        self._show = show
        self._progress = LiveProgress(episode=0, episodes=len(settings.seeds), stage='starting')
        self._solved_ns: int | None = None
        self._began_s = time.monotonic()
        self._rig_ns = self._wall_ns = 0  # of the episodes so far
        self.client = TaskClient(context=context, on_idle=self._idle, simulated_time=True)

    @property
    def real_time_factor(self) -> float:
        """Time of the rig by time of the wall clock during the episodes."""
        return self._rig_ns / self._wall_ns if self._wall_ns else 1.0

    def episodes(self) -> tuple[EpisodeWindow, ...]:
        """Run all episodes and return their windows, the counters of the run in the last one."""
        self._start_rig()
        windows = [
            self._episode(index, seed) for index, seed in enumerate(self._settings.seeds, start=1)
        ]
        counters = self._final_counters()
        return (*windows[:-1], replace(windows[-1], counters=counters))

    def _start_rig(self) -> None:
        client = self.client
        client.change_state('sim_node', Transition.TRANSITION_CONFIGURE, timeout_s=_START_S)
        client.wait_until(
            lambda: client.policy_status is not None and client.executor_status is not None,
            timeout_s=_START_S,
            what='the statuses of policy and executor',
        )
        self._wait(_DISCOVERY_S)
        client.change_state('sim_node', Transition.TRANSITION_ACTIVATE)

    def _episode(self, index: int, seed: int) -> EpisodeWindow:
        client, settings = self.client, self._settings
        self._note('homing', index)
        client.wait_ready(timeout_s=_START_S)
        # A reset puts the arms home at once; commands that still hold them elsewhere would throw
        # them back.
        self._home()
        self._note('resetting', index)
        client.reset_episode(seed)
        client.wait_ready(timeout_s=_START_S)
        self._note('running', index)
        self._solved_ns = None
        began_ns, rig_ns = time.monotonic_ns(), client.now_ns()
        start_ns, result = self._run_task(f'episode {index} (seed {seed})')
        finished_ns = client.now_ns()
        self._rig_ns += finished_ns - rig_ns
        self._wall_ns += time.monotonic_ns() - began_ns
        self._wait(_SETTLE_S)
        judged = client.episode_status
        self._note('judged', index)
        return EpisodeWindow(
            start_ns=start_ns,
            end_ns=client.now_ns(),
            seed=seed,
            task=judged.task,
            instruction=settings.instruction,
            success=judged.success,
            judgement=judged.judgement,
            end_reason=result.reason,
            end_message=result.message,
            task_ns=None if self._solved_ns is None else self._solved_ns - start_ns,
            finished_ns=finished_ns - start_ns if result.success else None,
        )

    def _home(self) -> None:
        """Home the arms; asked for again while the machine is busy (see `_run_task`)."""
        deadline_s = time.monotonic() + _REFUSALS_S
        while True:
            try:
                self.client.home()
                return
            except TaskError:
                if time.monotonic() > deadline_s:
                    raise
            self._wait(_SETTLE_S)

    def _run_task(self, what: str) -> tuple[int, RunTask.Result]:
        """
        Return when the task began and its result.

        A refused task did not move anything: on a machine that is busy for a moment (feedback
        late, a frame missing) it is asked for again. Raises TaskError if it stays refused.
        """
        deadline_s = time.monotonic() + _REFUSALS_S
        while True:
            start_ns = self.client.now_ns()
            result = self.client.run_task(
                self._settings.instruction, time_limit_s=self._settings.time_limit_s
            )
            if result.reason != RunTask.Result.REFUSED:
                return start_ns, result
            if time.monotonic() > deadline_s:
                raise TaskError(f'run_task refused {what}: {result.message}')
            self._wait(_SETTLE_S)

    def _final_counters(self) -> tuple[CounterValue, ...]:
        """Stop what sends, wait until everybody has reported since, and read the counters."""
        client = self.client
        self._note('counting', len(self._settings.seeds))
        for node in ('executor_node', 'sim_node'):
            client.change_state(node, Transition.TRANSITION_DEACTIVATE)
        quiet_ns = client.now_ns() + NS_PER_S // 2
        client.wait_until(
            lambda: (
                client.diagnostics_ns.get('sim_node', 0) > quiet_ns
                and _stamp_ns(client.policy_status) > quiet_ns
                and _stamp_ns(client.executor_status) > quiet_ns
            ),
            timeout_s=_STATUS_S,
            what='the final statuses',
        )
        policy, executor = client.policy_status, client.executor_status
        counters = [
            *counters_of('policy', _told(policy, _POLICY_COUNTERS)),
            CounterValue(owner='policy', name='running', value=int(policy.inferences_running)),
            CounterValue(owner='policy', name='asked', value=int(policy.observations)),
            *counters_of('executor', _told(executor, EXECUTOR_COUNTERS)),
        ]
        for stream in policy.streams:
            counters += counters_of(f'stream {stream.stream}', _told(stream, _STREAM_COUNTERS))
        return live_counters(counters, client.diagnostics['sim_node'])

    def _wait(self, seconds: float) -> None:
        """Serve callbacks for a while in the time of the rig."""
        end_ns = self.client.now_ns() + seconds_to_ns(seconds)
        self.client.wait_until(
            lambda: self.client.now_ns() >= end_ns, timeout_s=seconds + 1.0, what='time'
        )

    def _note(self, stage: str, episode: int) -> None:
        self._began_s = time.monotonic()
        self._progress = LiveProgress(
            episode=episode, episodes=self._progress.episodes, stage=stage
        )

    def _idle(self) -> None:
        self._nodes.check()
        status, feedback = self.client.episode_status, self.client.feedback
        if status is None or not status.success:
            self._solved_ns = None
        elif self._solved_ns is None:
            self._solved_ns = self.client.now_ns()
        self._show(
            replace(
                self._progress,
                elapsed_s=time.monotonic() - self._began_s,
                subtask='' if feedback is None else feedback.subtask,
                rate_hz=0.0 if feedback is None else feedback.inference_rate_hz,
                latency_s=0.0
                if feedback is None
                else ns_to_seconds(duration_ns(feedback.chunk_latency)),
            )
        )


def _told(status: Any, names: Iterable[str]) -> dict[str, int]:
    """Return the counters `names` that a status message has."""
    return {name: int(getattr(status, name)) for name in names if hasattr(status, name)}


def _stamp_ns(status: Any) -> int:
    return stamp_ns(status.header.stamp)


def failed_nodes(codes: Mapping[str, int]) -> Sequence[str]:
    """Return the nodes that did not end with exit code 0, as 'name (code)'."""
    return [f'{name} ({code})' for name, code in codes.items() if code != 0]
