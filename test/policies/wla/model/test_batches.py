# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A padded batch gives what its prompts give alone, whichever side the padding is on."""

import pytest

torch = pytest.importorskip('torch')

from policies.wla.golden_data import relative_error
from policies.wla.small_checkpoint import QUERIES
from policies.wla.small_checkpoint import small_config
from policies.wla.small_policy import small_model

from wla_ros.policies.wla.model.network import upload
from wla_ros.policies.wla.prompt_plan import ImageGrid
from wla_ros.policies.wla.prompt_plan import ImageOrder
from wla_ros.policies.wla.prompt_plan import plan_prompt
from wla_ros.policies.wla.sight import join_features
from wla_ros.policies.wla.sight import split_features

TOLERANCE = 1e-5
CPU = torch.device('cpu')


@pytest.fixture(scope='module')
def model():
    return small_model()


def texts(length, seed):
    return torch.randint(0, 200, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def prompts(config, *, queries):
    """Return prompts of 3, 12 and 27 text tokens around images of other sizes and numbers."""
    plans = []
    for seed, (length, grids) in enumerate(
        (
            (3, (ImageGrid(4, 4),)),
            (12, ()),
            (27, (ImageGrid(2, 6), ImageGrid(4, 2))),
        )
    ):
        tokens = texts(length, seed)
        for grid in grids:
            rows, columns = grid.merged(2)
            tokens += [config.vision_start_token, *[config.image_token] * (rows * columns), 7]
        tokens += [config.begin_of_img_token, *config.query_tokens] if queries else []
        plans.append((plan_prompt(tokens, ImageOrder(grids, 0), config), grids))
    return plans


def seen(model, grids):
    generator = torch.Generator().manual_seed(len(grids))
    pixels = torch.randn(sum(grid.patches for grid in grids), 1536, generator=generator)
    if not grids:
        # A prompt without images: what an empty selection of features looks like.
        whole = seen(model, (ImageGrid(2, 2),))
        return type(whole)((), whole.tokens[:0], tuple(layer[:0] for layer in whole.deepstack))
    return model.see(pixels, grids)


@pytest.mark.parametrize('pad_left', [True, False])
@torch.inference_mode()
def test_metaqueries_of_a_padded_batch_are_those_of_single_prompts(model, pad_left):
    plans = prompts(model.config, queries=True)
    features = [seen(model, grids) for _, grids in plans]
    batch = upload([plan for plan, _ in plans], CPU, pad_left=pad_left)
    assert not batch.present.all()
    together = model.metaqueries(batch, join_features(features))
    for index, (plan, _) in enumerate(plans):
        alone = model.metaqueries(upload([plan], CPU), features[index])
        for block, rows in enumerate(alone):
            assert rows.shape == (1, QUERIES, 32)
            assert relative_error(together[block][index], rows[0]) < TOLERANCE


@pytest.mark.parametrize('pad_left', [True, False])
@torch.inference_mode()
def test_text_behind_a_padded_batch_is_that_behind_single_prompts(model, pad_left):
    plans = prompts(model.config, queries=False)
    features = [seen(model, grids) for _, grids in plans]
    added = torch.tensor([texts(5, 100 + index) for index in range(3)])
    before = torch.full((3, 1), model.config.begin_of_img_token)

    def run(batch, images, rows):
        state = model.extend(model.prefill(batch, images), added[rows])
        logits = model.decoder.logits(state.last_hidden)
        # Two tokens are taken back, three others appended.
        return logits, model.metaqueries_after(state.rewound(2), before[rows].expand(-1, 3))

    batch = upload([plan for plan, _ in plans], CPU, pad_left=pad_left)
    logits, together = run(batch, join_features(features), slice(None))
    for index, (plan, _) in enumerate(plans):
        alone_logits, alone = run(upload([plan], CPU), features[index], slice(index, index + 1))
        assert relative_error(logits[index], alone_logits[0]) < TOLERANCE
        for block, rows in enumerate(alone):
            assert relative_error(together[block][index], rows[0]) < TOLERANCE


def test_gradients_of_a_padded_batch_are_finite_and_reach_every_part_that_acts(model):
    """What a padded token computes is thrown away; it must not become a NaN in the backward."""
    plans = prompts(model.config, queries=True)
    trained = small_model(small_config()).requires_grad_()
    features = join_features([seen(trained, grids) for _, grids in plans])
    batch = upload([plan for plan, _ in plans], CPU)
    metaqueries = trained.metaqueries(batch, features)
    actions = trained.sample(metaqueries, torch.zeros(3, 14), torch.randn(3, 8, 14), steps=2)
    actions.square().mean().backward()
    # Layer 3 and the last norm are not read by actions, the time encoder not with plain norms.
    idle = ('language_model.layers.3.', 'language_model.norm.', 'timestep_encoder', 'layers.2.')
    for name, value in trained.named_parameters():
        assert value.grad is not None or any(part in name for part in idle), name
    assert all(
        value.grad.isfinite().all() for value in trained.parameters() if value.grad is not None
    )


def test_prompts_with_and_without_metaqueries_are_no_batch(model):
    plans = [prompts(model.config, queries=queries)[0][0] for queries in (True, False)]
    with pytest.raises(ValueError, match='or none'):
        upload(plans, CPU)


@torch.inference_mode()
def test_images_are_seen_alone_as_together(model):
    grids = (ImageGrid(4, 4), ImageGrid(2, 6), ImageGrid(4, 2))
    together = seen(model, grids)
    generator = torch.Generator().manual_seed(len(grids))
    pixels = torch.randn(sum(grid.patches for grid in grids), 1536, generator=generator)
    parts = split_features(together, 2)
    for part, rows, grid in zip(
        parts, pixels.split([grid.patches for grid in grids]), grids, strict=True
    ):
        alone = model.see(rows, (grid,))
        assert part.grids == alone.grids
        assert relative_error(part.tokens, alone.tokens) < TOLERANCE
        assert relative_error(part.deepstack[0], alone.deepstack[0]) < TOLERANCE
    joined = join_features(parts)
    assert joined.grids == together.grids
    assert torch.equal(joined.tokens, together.tokens)
