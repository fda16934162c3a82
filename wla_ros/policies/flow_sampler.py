# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""
Euler integration of the flow from noise (t = 0) to actions (t = 1), as published, with a clean or
guided prefix.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# velocity(x_t [b, h, d], discrete time [b, h]) -> [b, h, d]
Velocity = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CleanPrefix:
    """Training-time RTC (arXiv 2512.05964): the first rows are given and carry time 1."""

    rows: Tensor  # [k, d]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GuidedPrefix:
    """
    Inference-time RTC (arXiv 2506.07339).

    `weights` is 1 on committed rows and falls to 0 on free ones, see inference.conditioning.
    `max_weight` must not exceed the number of steps: one step moves a row of weight 1 by
    max_weight / steps of its error, more overshoots. Without `jacobian` the identity stands in for
    the network's Jacobian: one forward pass per step, and no values far outside the data, which
    the true one is known for. With it the caller must not be in inference mode.
    """

    rows: Tensor  # [h, d]; rows of weight 0 are ignored, whatever they hold
    weights: Tensor  # [h]
    max_weight: float = 5.0  # beta of the paper
    jacobian: bool = False
    columns: int = 0  # only so many leading columns mean something, 0: all


def discrete_time(step: int, steps: int, buckets: int) -> int:
    """Return the bucket of integration step `step` of `steps`, rounded down as published."""
    return int(step / steps * buckets)


def draw_noise(shape: tuple[int, int, int], seed: int, device: torch.device | str) -> Tensor:
    """Return standard normal fp32 noise [b, h, d], the same on every device."""
    generator = torch.Generator(device='cpu').manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float32).to(device)


def integrate(
    velocity: Velocity,
    noise: Tensor,
    *,
    steps: int,
    buckets: int,
    prefix: CleanPrefix | GuidedPrefix | None = None,
) -> Tensor:
    """
    Return actions, fp32 [b, h, d], from `noise` [b, h, d] in `steps` Euler steps.

    Raises ValueError if steps < 1, a prefix does not fit, or its weight exceeds the steps.
    """
    if steps < 1:
        raise ValueError(f'steps must be at least 1, got {steps}')
    clean = guided = None
    if isinstance(prefix, CleanPrefix):
        clean = _checked_rows(prefix, noise).float()  # [k, d]
    elif isinstance(prefix, GuidedPrefix):
        guided = _checked_guidance(prefix, noise, steps)
    x_t = noise.float()
    time = torch.zeros(noise.shape[:2], dtype=torch.long, device=noise.device)  # [b, h]
    for step in range(steps):
        time.fill_(discrete_time(step, steps, buckets))
        if clean is not None:
            x_t = _with_prefix(x_t, clean)
            time[:, : clean.shape[0]] = buckets
        if guided is None:
            v_t = velocity(x_t, time).float()
        else:
            v_t = _guided(velocity, x_t, time, step / steps, guided)
        x_t = x_t + v_t / steps
    return x_t if clean is None else _with_prefix(x_t, clean)


def _with_prefix(x_t: Tensor, rows: Tensor) -> Tensor:
    return torch.cat((rows.expand(x_t.shape[0], -1, -1), x_t[:, rows.shape[0] :]), dim=1)


def _guided(
    velocity: Velocity, x_t: Tensor, time: Tensor, tau: float, prefix: GuidedPrefix
) -> Tensor:
    """
    Return v_t + w J^T W (Y - x_1), with x_1 the clean estimate and J its Jacobian or 1.

    w = min(beta, (1 - tau) / tau * (tau^2 + (1 - tau)^2) / (1 - tau)^2), beta at tau = 0.
    """
    w = prefix.max_weight
    if tau > 0.0:
        w = min(w, (tau**2 + (1.0 - tau) ** 2) / (tau * (1.0 - tau)))
    if not prefix.jacobian:
        v_t = velocity(x_t, time).float()
        return v_t + w * _error(x_t + (1.0 - tau) * v_t, prefix)
    with torch.enable_grad():
        x_t = x_t.detach().requires_grad_()
        v_t = velocity(x_t, time).float()
        x_1 = x_t + (1.0 - tau) * v_t
        (pull,) = torch.autograd.grad(x_1, x_t, _error(x_1.detach(), prefix))
    return (v_t + w * pull).detach()


def _error(x_1: Tensor, prefix: GuidedPrefix) -> Tensor:
    error = prefix.weights[:, None] * (prefix.rows - x_1)
    if prefix.columns:
        error[..., prefix.columns :] = 0.0
    return error


def _checked_rows(prefix: CleanPrefix, noise: Tensor) -> Tensor:
    rows = prefix.rows
    if rows.ndim != 2 or rows.shape[0] > noise.shape[1] or rows.shape[1] != noise.shape[2]:
        raise ValueError(f'clean prefix {tuple(rows.shape)} does not fit {tuple(noise.shape)}')
    return rows


def _checked_guidance(prefix: GuidedPrefix, noise: Tensor, steps: int) -> GuidedPrefix:
    if prefix.rows.shape != noise.shape[1:] or prefix.weights.shape != noise.shape[1:2]:
        shapes = f'{tuple(prefix.rows.shape)}, weights {tuple(prefix.weights.shape)}'
        raise ValueError(f'guided prefix {shapes} does not fit {tuple(noise.shape)}')
    if not 0.0 <= prefix.max_weight <= steps:
        raise ValueError(
            f'guidance of weight {prefix.max_weight} in {steps} steps overshoots: '
            'use more steps or a smaller weight'
        )
    if prefix.jacobian and torch.is_inference_mode_enabled():
        raise ValueError(
            'guidance with the Jacobian needs gradients: use torch.no_grad, not inference_mode'
        )
    weights = prefix.weights.float()
    # A free row may hold anything, even NaN, which 0 * NaN would let through.
    rows = torch.where(weights[:, None] > 0.0, prefix.rows.float(), 0.0)
    return dataclasses.replace(prefix, rows=rows, weights=weights)
