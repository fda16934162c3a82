# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Nothing in the network waits for the device, copies to it, or depends on a value on it."""

import numpy as np
import pytest

torch = pytest.importorskip('torch')

import dataclasses

from policies.wla.small_checkpoint import QUERIES
from policies.wla.small_checkpoint import small_config
from torch.utils._python_dispatch import TorchDispatchMode

from wla_ros.policies.flow_sampler import CleanPrefix
from wla_ros.policies.flow_sampler import GuidedPrefix
from wla_ros.policies.wla.candidates import Choice
from wla_ros.policies.wla.checkpoint.load import model_without_memory
from wla_ros.policies.wla.model.network import Prompt
from wla_ros.policies.wla.prompt_plan import ImageGrid

A = torch.ops.aten
WAITING = {
    A._local_scalar_dense.default,
    A.nonzero.default,
    A.equal.default,
    A.is_nonzero.default,
    A.masked_select.default,
    A._unique2.default,
    A.unique_dim.default,
    A.repeat_interleave.Tensor,
}
INDEXING = {A.index.Tensor, A.index_put.default, A.index_put_.default}
COPYING = {A._to_copy.default, A.copy_.default}


class NoWaiting(TorchDispatchMode):
    """Refuses what a CUDA graph could not hold: waits, and copies between host and device."""

    def __init__(self):
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [
            item
            for item in torch.utils._pytree.tree_leaves((args, kwargs))
            if torch.is_tensor(item)
        ]
        assert func not in WAITING, f'{func}: the host would wait'
        if func in INDEXING:
            types_of_indices = {item.dtype for item in tensors[1:]}
            assert torch.bool not in types_of_indices, f'{func}: the size depends on values'
        if func in COPYING:
            devices = {item.device.type for item in tensors}
            if kwargs.get('device'):
                devices.add(torch.device(kwargs['device']).type)
            assert len(devices) == 1, f'{func}: copies between {devices}'
        assert func is not A.lift_fresh.default, 'Python numbers are copied to the device'
        self.operations += 1
        return func(*args, **kwargs)


GRIDS = (ImageGrid(4, 4), ImageGrid(2, 4))
TOKENS = 6  # of both images


def meta(*shape, dtype=torch.float32):
    return torch.empty(shape, dtype=dtype, device='meta')


def prompt(*, padded, has_queries, rows):
    integers = {'dtype': torch.long}
    return Prompt(
        tokens=meta(2, 20, **integers),
        positions=meta(3, 2, 20, **integers),
        next_positions=meta(2, **integers),
        image_rows=meta(2 * TOKENS, **integers),
        wanted_rows=meta(2, rows, **integers),
        has_queries=has_queries,
        present=meta(2, 20, dtype=torch.bool) if padded else None,
    )


@pytest.fixture(scope='module', params=['norm', 'ada_norm'])
def model(request):
    expert = dataclasses.replace(small_config().expert, norm_type=request.param)
    return model_without_memory(small_config(expert=expert)).eval()


@pytest.mark.parametrize('padded', [False, True])
def test_no_method_of_the_network_waits(model, padded):
    """On the meta device there are no values: whoever needs one fails, whatever it is called."""
    with torch.inference_mode(), NoWaiting() as mode:
        pixels = meta(2 * sum(grid.patches for grid in GRIDS), 3 * 2 * 16 * 16)
        features = model.see(pixels, GRIDS * 2)
        metaqueries = model.metaqueries(
            prompt(padded=padded, has_queries=True, rows=QUERIES), features
        )
        state = model.prefill(prompt(padded=padded, has_queries=False, rows=1), features)
        state = model.extend(state, model.next_token(state)[:, None])
        after = model.metaqueries_after(state.rewound(1), meta(2, 3, dtype=torch.long))
    assert [part.shape for part in after] == [part.shape for part in metaqueries]
    assert metaqueries[0].shape == (2, QUERIES, model.config.text.hidden_size)
    assert mode.operations > 300


@pytest.mark.parametrize(
    'prefix',
    [
        None,
        CleanPrefix(rows=meta(3, 14)),
        GuidedPrefix(rows=meta(8, 14), weights=meta(8), columns=7),
        GuidedPrefix(rows=meta(8, 14), weights=meta(8), jacobian=True),
    ],
    ids=['free', 'clean', 'guided', 'jacobian'],
)
def test_sampling_and_choosing_do_not_wait(model, prefix):
    config = model.config
    metaqueries = [meta(1, QUERIES, 32) for _ in range(config.expert.last_cross_block + 1)]
    choice = Choice(
        candidates=5, imagine=lambda rows: rows.mean(1), score=lambda _, seen: seen.sum(-1)
    )
    with torch.no_grad(), NoWaiting():
        candidates = model.sample(
            metaqueries, meta(1, 14), meta(5, 8, 14), steps=10, prefix=prefix
        )
        chosen = choice.choose(candidates)
    assert chosen.shape == (8, 14)


@pytest.mark.parametrize(
    'mistake',
    [
        lambda x: int(x.argmax()),
        lambda x: x.tolist(),
        lambda x: x[x > 0],
        lambda x: torch.equal(x, x + 1),
        lambda x: x + torch.tensor([1.0]),
        lambda x: x.nonzero(),
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x.to('meta'),
    ],
)
def test_the_check_sees_what_it_is_for(mistake):
    with pytest.raises(AssertionError), NoWaiting():
        mistake(torch.from_numpy(np.ones(3)))
