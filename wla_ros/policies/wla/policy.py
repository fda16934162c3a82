# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""WLA-0 as a policy: observation and memory to rows of actions and a subtask."""

import time
from collections.abc import Callable

import torch

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.memory import SubtaskMemory
from wla_ros.base.timing import StageClock
from wla_ros.base.timing import period_ns
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ImageFrame
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import Refusal
from wla_ros.inference.result import update_memory
from wla_ros.policies.wla.cameras import CameraOrder
from wla_ros.policies.wla.candidates import Choice
from wla_ros.policies.wla.columns import ModelColumns
from wla_ros.policies.wla.columns import Reference
from wla_ros.policies.wla.conditioning import Conditioning
from wla_ros.policies.wla.language_rate import LanguageRate
from wla_ros.policies.wla.model.config import WLAConfig
from wla_ros.policies.wla.model.network import Network
from wla_ros.policies.wla.prompt import Asked
from wla_ros.policies.wla.prompt import Prompts
from wla_ros.policies.wla.prompt import PromptTokenizer
from wla_ros.policies.wla.prompt import Question
from wla_ros.policies.wla.prompt_plan import ImageOrder
from wla_ros.policies.wla.sampling import Sampling
from wla_ros.policies.wla.settings import WlaSettings
from wla_ros.policies.wla.sight import Sight
from wla_ros.policies.wla.warm_up import blank_observation

IMPLAUSIBLE_START = 'implausible_start'
# Draws of one episode must not repeat those of an episode with a neighbouring seed.
_DRAWS_PER_SEED = 1_000_003


class _Episode:
    """What the policy knows of the running episode."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.inferences = 0
        self.first_image: ImageFrame | None = None
        self.first_joints: FloatArray | None = None
        self.memory = SubtaskMemory()

    @property
    def draw(self) -> int:
        """Seed of the next inference."""
        return self.seed * _DRAWS_PER_SEED + self.inferences

    def memory_of(self, request: PolicyRequest) -> SubtaskMemory:
        """Return the memory to read; one that is kept for the policy always has a revision."""
        return request.memory if request.memory.revision else self.memory


class WlaPolicy:
    """See the module docstring; a `wla_ros.base.types.Policy`."""

    def __init__(
        self,
        network: Network,
        tokenizer: PromptTokenizer,
        columns: ModelColumns,
        settings: WlaSettings,
        *,
        version: str,
        choice: Choice | None = None,
        now_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        """Raises ConfigurationError if the settings do not fit the checkpoint."""
        config = network.config
        _check(settings, config)
        self._network: Network | None = network
        self._columns = columns
        self._settings = settings
        self._now_ns = now_ns
        self._tokenizer = tokenizer
        self._choice = choice or Choice()
        self._prompts = Prompts(tokenizer=tokenizer, config=config)
        self._order = CameraOrder(
            config=config, head=settings.head_camera, wrists=settings.wrist_cameras
        )
        dt_ns = period_ns(settings.actions.rate_hz)
        self._history_ns = config.history_obs_step * dt_ns
        self._spec = PolicySpec(
            name='wla',
            version=version,
            representation=columns.space.representation,
            columns=columns.space.columns,
            horizon=settings.horizon or config.expert.chunk_size,
            dt_ns=dt_ns,
            cameras=self._order.cameras,
            history_ns={self._order.head: (self._history_ns,)} if config.use_history_obs else {},
            guided_prefix=True,
            clean_prefix_rows=settings.clean_prefix_rows,
            rolled_rows=settings.rolled_rows,
        )
        self._sight = Sight()
        self._rate = LanguageRate(settings.language)
        self._warm = False
        self._clear(seed=0)

    @property
    def spec(self) -> PolicySpec:
        """What the policy needs and emits."""
        return self._spec

    @property
    def settings(self) -> WlaSettings:
        """How the checkpoint is run."""
        return self._settings

    @property
    def joint_columns(self) -> tuple[str, ...]:
        """Names of the joints [D] that an observation brings."""
        return self._columns.space.layout.columns

    @property
    def speaks(self) -> bool:
        """Whether the checkpoint writes subtasks."""
        return self._prompts.config.has_language

    @property
    def network(self) -> Network:
        """What computes. Raises ValueError after `close`."""
        if self._network is None:
            raise ValueError('the policy is closed')
        return self._network

    def with_settings(self, settings: WlaSettings) -> 'WlaPolicy':
        """Return a policy that shares the network of this one. Raises as the constructor does."""
        return WlaPolicy(
            self.network,
            self._tokenizer,
            self._columns,
            settings,
            version=self._spec.version,
            choice=self._choice,
            now_ns=self._now_ns,
        )

    def reset(self, *, seed: int) -> None:
        """Begin an episode; the first time also run once, for the device to load its kernels."""
        if not self._warm and self._network is not None:
            self._warm = True
            joints = self._columns.space.layout.width
            self._answer(blank_observation(self._order, joints), PolicyRequest(instruction=''))
        self._clear(seed=seed)

    def _clear(self, *, seed: int) -> None:
        self._episode = _Episode(seed)
        self._rate.reset()
        self._sight.forget()

    def close(self) -> None:
        """Release the network."""
        self._network = None
        self._sight.forget()

    def start_refusal(self, joints: FloatArray) -> Refusal | None:
        """Return why autonomy must not begin at `joints` [D] [rad, m], or None."""
        outside = self._columns.outside(joints)
        if not outside:
            return None
        return Refusal(
            reason=IMPLAUSIBLE_START,
            detail='the checkpoint never saw joints like these: '
            + '; '.join(map(str, outside))
            + ' (check units, order of the arms and policy.wla.statistics)',
        )

    def infer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        """
        Return rows and subtask for `observation`.

        The memory is that of the request, or of the policy itself where that is empty. Raises
        ConfigurationError if an episode begins at implausible joints, ValueError after `close`.
        """
        if self._network is None:
            raise ValueError('the policy is closed')
        self._begin_episode(observation)
        return self._answer(observation, request)

    def _answer(self, observation: Observation, request: PolicyRequest) -> PolicyResult:
        network, episode = self.network, self._episode
        clock = StageClock(now_ns=self._now_ns, finish=lambda: _finish(network.device))
        pictures = self._order.pictures(observation, episode.first_image)
        # All that the host can know, before the device begins.
        asked = self._ask(pictures.order, observation.stamp_ns, request)
        # Tensors of inference mode cannot take part in a backward pass later.
        full = self._settings.guidance_jacobian == 'full'
        with torch.no_grad() if full else torch.inference_mode():
            features = self._sight.see(network, pictures, clock)
            condition = self._conditioning(network).condition(
                asked,
                features,
                clock,
                is_late=self._deadline(asked, observation.stamp_ns, request.instruction),
            )
            with clock.stage('action'):
                rows, committed = self._sampling(network).rows(
                    condition,
                    observation.joint_position,
                    self._reference(observation),
                    request.prefix,
                    seed=episode.draw,
                )
        episode.inferences += 1
        result = PolicyResult(
            rows=rows,
            subtask=condition.subtask,
            subtask_late=condition.late,
            committed_prefix=committed,
            timings=clock.timings,
        )
        memory = episode.memory_of(request)
        episode.memory, _ = update_memory(memory, result, observation.stamp_ns)
        return result

    def _conditioning(self, network: Network) -> Conditioning:
        most = self._settings.language.max_tokens
        return Conditioning(network=network, prompts=self._prompts, max_tokens=most)

    def _sampling(self, network: Network) -> Sampling:
        return Sampling(
            network=network, columns=self._columns, settings=self._settings, choice=self._choice
        )

    def _begin_episode(self, observation: Observation) -> None:
        episode = self._episode
        if episode.first_joints is not None:
            return
        refusal = self.start_refusal(observation.joint_position)
        if refusal is not None:
            problem = Problem(where='start', what=refusal.detail)
            raise ConfigurationError(self._spec.name, (problem,))
        episode.first_joints = observation.joint_position
        episode.first_image = observation.images[self._order.head]

    def _ask(self, images: ImageOrder, stamp_ns: int, request: PolicyRequest) -> Asked:
        """Return the prompt; it is open where a new text is due."""
        config, instruction = self._prompts.config, request.instruction
        if not config.has_language:
            return self._prompts.without_language(instruction, images)
        memory = self._episode.memory_of(request)
        # Checkpoints with the first image were trained with the whole past, others with what ran
        # since their history image.
        since_ns = None if config.use_begin_frame_context else stamp_ns - self._history_ns
        question = Question(
            instruction=instruction,
            previous=memory.text(since_ns=since_ns),
            serving=memory.window_text,
        )
        if question.serving and not self._rate.is_due(instruction, stamp_ns):
            return self._prompts.with_serving_text(question, images)
        return self._prompts.with_new_text(question, images)

    def _deadline(self, asked: Asked, stamp_ns: int, instruction: str) -> Callable[[], bool]:
        """Return what says whether the text is late; it begins to count now."""
        if asked.answer is not None:
            return lambda: False
        late_ns = self._rate.begin(instruction, stamp_ns, self._now_ns())
        return lambda: self._now_ns() > late_ns

    def _reference(self, observation: Observation) -> FloatArray:
        """Return the joints [D] that relative actions start from."""
        first = self._episode.first_joints
        if self._columns.space.reference is Reference.EPISODE and first is not None:
            return first
        return observation.joint_position


def _finish(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def _check(settings: WlaSettings, config: WLAConfig) -> None:
    chunk_size = config.expert.chunk_size
    problems = []
    if settings.horizon > chunk_size:
        problems.append(
            Problem(
                where='horizon',
                what=f'is {settings.horizon}, the checkpoint makes {chunk_size} rows',
                remedy='0 takes all',
            )
        )
    problems += [
        Problem(where=name, what=f'is {rows}, the checkpoint makes {chunk_size} rows')
        for name, rows in (
            ('clean_prefix_rows', settings.clean_prefix_rows),
            ('rolled_rows', settings.rolled_rows),
        )
        if rows > chunk_size
    ]
    if settings.head_camera in settings.wrist_cameras:
        problems.append(
            Problem(where='wrist_cameras', what=f'names {settings.head_camera!r}, the head camera')
        )
    if problems:
        raise ConfigurationError('policy.wla', tuple(problems))
