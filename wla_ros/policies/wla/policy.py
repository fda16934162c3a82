# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""WLA-0 as a policy: observation and memory to rows of actions and a subtask."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import Problem
from wla_ros.base.memory import SubtaskMemory
from wla_ros.base.timing import StageClock
from wla_ros.base.timing import period_ns
from wla_ros.base.timing import seconds_to_ns
from wla_ros.base.types import CommittedPrefix
from wla_ros.base.types import FloatArray
from wla_ros.base.types import ImageArray
from wla_ros.base.types import ImageFrame
from wla_ros.base.types import Observation
from wla_ros.base.types import PolicyRequest
from wla_ros.base.types import PolicyResult
from wla_ros.base.types import PolicySpec
from wla_ros.base.types import PrefixUse
from wla_ros.base.types import Refusal
from wla_ros.base.types import Representation
from wla_ros.inference.result import update_memory
from wla_ros.policies.flow_sampler import CleanPrefix
from wla_ros.policies.flow_sampler import GuidedPrefix
from wla_ros.policies.flow_sampler import draw_noise
from wla_ros.policies.wla.columns import ModelColumns
from wla_ros.policies.wla.columns import Reference
from wla_ros.policies.wla.images import prepare_images
from wla_ros.policies.wla.model.config import WLAConfig
from wla_ros.policies.wla.model.model import WLAModel
from wla_ros.policies.wla.model.vision import VisionFeatures
from wla_ros.policies.wla.prompt import Condition
from wla_ros.policies.wla.prompt import Conditioning
from wla_ros.policies.wla.prompt import PromptTokenizer
from wla_ros.policies.wla.prompt import Question
from wla_ros.policies.wla.settings import WlaSettings

# Which images a WLA checkpoint sees, in which order and size. Knows no pixels and no torch.
#
# [first of the episode] head history head left wrist right wrist


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraOrder:
    """Head camera and the others, in the order of the data."""

    config: WLAConfig
    head: str
    wrists: tuple[str, ...]

    @property
    def cameras(self) -> tuple[str, ...]:
        """All cameras."""
        return (self.head, *self.wrists)

    def images(
        self, observation: Observation, first: ImageFrame | None
    ) -> list[tuple[ImageArray, int]]:
        """
        Return images and the sides of their squares [pixels].

        `first` is the first head image of the episode, for checkpoints that want it. At the start
        of an episode there may be no history; it is left out then.
        """
        primary, auxiliary = self.config.primary_image_size, self.config.auxiliary_image_size
        images = []
        if self.config.use_begin_frame_context and first is not None:
            images.append((first.pixels, primary))
        if self.config.use_history_obs:
            past = observation.history.get(self.head, ())
            images += [(frame.pixels, auxiliary) for frame in past]
        images.append((observation.images[self.head].pixels, primary))
        images += [(observation.images[name].pixels, auxiliary) for name in self.wrists]
        return images


# Rows that are executed whatever the policy says, as the flow sampler takes them.
#
# Owns which rows a checkpoint can be given and how. The rows come in robot units and are
# normalised here, relative to the same reference as the answer.


def sampler_prefix(
    prefix: CommittedPrefix | None,
    columns: ModelColumns,
    reference: FloatArray,
    settings: WlaSettings,
    *,
    chunk_size: int,
    device: torch.device,
) -> tuple[CleanPrefix | GuidedPrefix | None, int]:
    """
    Return the prefix for the sampler and how many of its rows are certain.

    Clean rows beyond those the checkpoint was trained with are left out. `reference` [D] are the
    joints that relative actions start from. Columns that only pad the model are not guided.
    """
    if prefix is None or prefix.use is PrefixUse.NONE or not len(prefix.rows):
        return None, 0
    length = min(len(prefix.rows), chunk_size)
    certain = min(prefix.committed, length)
    if prefix.use is PrefixUse.CLEAN:
        certain = min(certain, settings.clean_prefix_rows)
        if not certain:
            return None, 0
        clean = columns.actions(prefix.rows[:certain], reference)
        return CleanPrefix(rows=_prefix_tensor(clean, device)), certain
    rows = np.zeros((chunk_size, columns.action_dim))
    rows[:length] = columns.actions(prefix.rows[:length], reference)
    weights = np.zeros(chunk_size)
    weights[:length] = prefix.weights[:length]
    guided = GuidedPrefix(
        rows=_prefix_tensor(rows, device),
        weights=_prefix_tensor(weights, device),
        max_weight=settings.guidance_weight,
        jacobian=settings.guidance_jacobian == 'full',
        columns=columns.space.width,
    )
    return guided, certain


def _prefix_tensor(values: FloatArray, device: torch.device) -> torch.Tensor:
    return torch.as_tensor(values, dtype=torch.float32, device=device)


IMPLAUSIBLE_START = 'implausible_start'
# Draws of one episode must not repeat those of an episode with a neighbouring seed.
_DRAWS_PER_SEED = 1_000_003


class WlaPolicy:
    """See the module docstring; a `wla_ros.base.types.Policy`."""

    def __init__(
        self,
        model: WLAModel,
        tokenizer: PromptTokenizer,
        columns: ModelColumns,
        settings: WlaSettings,
        *,
        version: str,
        now_ns: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        """Raises ConfigurationError if the settings do not fit the checkpoint."""
        config = model.config
        _check(settings, model)
        self._columns = columns
        self._settings = settings
        self._version = version
        self._now_ns = now_ns
        self._conditioning: Conditioning | None = Conditioning(
            model=model, tokenizer=tokenizer, max_tokens=settings.language.max_tokens
        )
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
        """Whether the checkpoint writes subtasks. Raises ValueError after `close`."""
        return self._model.config.has_language

    @property
    def device(self) -> torch.device:
        """Where the model is. Raises ValueError after `close`."""
        return self._model.device

    @property
    def dtype(self) -> torch.dtype:
        """The number type of the backbone. Raises ValueError after `close`."""
        return next(self._model.parameters()).dtype

    def with_settings(self, settings: WlaSettings) -> 'WlaPolicy':
        """Return a policy that shares the model of this one. Raises as the constructor does."""
        conditioning = self._open
        return WlaPolicy(
            conditioning.model,
            conditioning.tokenizer,
            self._columns,
            settings,
            version=self._version,
            now_ns=self._now_ns,
        )

    def reset(self, *, seed: int) -> None:
        """Begin an episode; the first time also run once, for the device to load its kernels."""
        if not self._warm and self._conditioning is not None:
            self._warm = True
            self._answer(
                self._conditioning, self._blank_observation(), PolicyRequest(instruction='')
            )
        self._clear(seed=seed)

    def _clear(self, *, seed: int) -> None:
        self._seed = seed
        self._inferences = 0
        self._first_image: ImageFrame | None = None
        self._first_joints: FloatArray | None = None
        self._spoke_ns: int | None = None
        self._spoke_of = ''
        self._memory = SubtaskMemory()

    def close(self) -> None:
        """Release the model."""
        self._conditioning = None

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
        conditioning = self._open
        self._begin_episode(observation)
        return self._answer(conditioning, observation, request)

    @property
    def _open(self) -> Conditioning:
        if self._conditioning is None:
            raise ValueError('the policy is closed')
        return self._conditioning

    @property
    def _model(self) -> WLAModel:
        return self._open.model

    def _answer(
        self, conditioning: Conditioning, observation: Observation, request: PolicyRequest
    ) -> PolicyResult:
        model = conditioning.model
        clock = StageClock(now_ns=self._now_ns, finish=lambda: _finish(model.device))
        # Tensors of inference mode cannot take part in a backward pass later.
        full = self._settings.guidance_jacobian == 'full'
        with torch.no_grad() if full else torch.inference_mode():
            features = self._see(model, observation, clock)
            condition = self._condition(conditioning, observation, request, features, clock)
            with clock.stage('action'):
                expert = model.config.expert
                reference = self._reference(observation)
                prefix, committed = sampler_prefix(
                    request.prefix,
                    self._columns,
                    reference,
                    self._settings,
                    chunk_size=expert.chunk_size,
                    device=model.device,
                )
                shape = (1, expert.chunk_size, expert.action_dim)
                seed = self._seed * _DRAWS_PER_SEED + self._inferences
                actions = model.sample_actions(
                    condition.metaqueries,
                    _tensor(self._columns.state(observation.joint_position), model),
                    draw_noise(shape, seed, model.device),
                    steps=self._settings.steps,
                    prefix=prefix,
                )
                sampled: FloatArray = actions[0].double().cpu().numpy()
                if isinstance(prefix, GuidedPrefix) and self._settings.clip_guided:
                    sampled = self._columns.clipped(sampled)
                rows = self._columns.rows(sampled, reference)[: self._spec.horizon]
        self._inferences += 1
        committed = min(committed, len(rows))
        if isinstance(prefix, CleanPrefix) and request.prefix is not None and self._is_joint:
            # What is executed anyway comes back exactly, not through fp32.
            rows[:committed] = request.prefix.rows[:committed]
        result = PolicyResult(
            rows=rows,
            subtask=condition.subtask,
            subtask_late=condition.late,
            committed_prefix=committed,
            timings=clock.timings,
        )
        self._memory, _ = update_memory(self._memory_of(request), result, observation.stamp_ns)
        return result

    def _blank_observation(self) -> Observation:
        frame = ImageFrame(
            stream='', stamp_ns=0, receive_ns=0, pixels=np.zeros((480, 640, 3), np.uint8)
        )
        joints = np.zeros(self._columns.space.layout.width)
        return Observation(
            stamp_ns=0,
            epoch=0,
            images=dict.fromkeys(self._order.cameras, frame),
            history={self._order.head: (frame,)},
            joint_position=joints,
            joint_velocity=joints,
            objects=None,
            samples=(),
            synchronised_ns=0,
        )

    def _begin_episode(self, observation: Observation) -> None:
        if self._first_joints is not None:
            return
        refusal = self.start_refusal(observation.joint_position)
        if refusal is not None:
            problem = Problem(where='start', what=refusal.detail)
            raise ConfigurationError(self._spec.name, (problem,))
        self._first_joints = observation.joint_position
        self._first_image = observation.images[self._order.head]

    def _see(self, model: WLAModel, observation: Observation, clock: StageClock) -> VisionFeatures:
        with clock.stage('preprocess'):
            images = self._order.images(observation, self._first_image)
            prepared = prepare_images(images, model.config.vision, device=model.device)
        with clock.stage('vision'):
            features: VisionFeatures = model.visual(prepared.pixels, prepared.grids)
            return features

    @property
    def _is_joint(self) -> bool:
        return self._spec.representation is Representation.JOINT_POSITION

    def _memory_of(self, request: PolicyRequest) -> SubtaskMemory:
        """Return the memory to read; one that is kept for the policy always has a revision."""
        return request.memory if request.memory.revision else self._memory

    def _condition(
        self,
        conditioning: Conditioning,
        observation: Observation,
        request: PolicyRequest,
        features: VisionFeatures,
        clock: StageClock,
    ) -> Condition:
        config, instruction = conditioning.model.config, request.instruction
        if not config.has_language:
            return conditioning.without_language(instruction, features, clock)
        memory, stamp_ns = self._memory_of(request), observation.stamp_ns
        # Checkpoints with the first image were trained with the whole past, others with what ran
        # since their history image.
        since_ns = None if config.use_begin_frame_context else stamp_ns - self._history_ns
        question = Question(
            instruction=instruction,
            previous=memory.text(since_ns=since_ns),
            serving=memory.window_text,
        )
        if question.serving and not self._wants_to_speak(instruction, stamp_ns):
            return conditioning.with_serving_text(question, features, clock)
        self._spoke_ns, self._spoke_of = stamp_ns, instruction
        deadline_ns = self._now_ns() + seconds_to_ns(self._settings.language.budget_s)
        return conditioning.with_new_text(
            question, features, clock, is_late=lambda: self._now_ns() > deadline_ns
        )

    def _wants_to_speak(self, instruction: str, stamp_ns: int) -> bool:
        rate_hz = self._settings.language.rate_hz
        if rate_hz == 0.0 or self._spoke_ns is None or instruction != self._spoke_of:
            return True
        return not 0 <= stamp_ns - self._spoke_ns < period_ns(rate_hz)

    def _reference(self, observation: Observation) -> FloatArray:
        """Return the joints [D] that relative actions start from."""
        if self._columns.space.reference is Reference.EPISODE and self._first_joints is not None:
            return self._first_joints
        return observation.joint_position


def _tensor(values: FloatArray, model: WLAModel) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float32, device=model.device)


def _finish(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def _check(settings: WlaSettings, model: WLAModel) -> None:
    chunk_size = model.config.expert.chunk_size
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
