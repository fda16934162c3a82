"""Prints an inspected checkpoint. Knows the inspection's values, opens no file."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # importing it at run time would load torch
    from wla_ros.policy.wla.checkpoint_inspection import Inspection
    from wla_ros.policy.wla.configuration import WLAConfig

# Action columns of the published checkpoints; other widths are shown without a guess.
_COLUMNS = {
    7: 'one arm: six joints and gripper, or LIBERO deltas',
    8: 'one arm: position, quaternion, gripper',
    14: 'two arms: six joints and gripper each',
    16: 'two arms: position, quaternion, gripper each',
}


def report(inspection: Inspection) -> str:
    """Return the whole report."""
    sections = [_files(inspection)]
    if inspection.config is not None:
        sections += [
            _architecture(inspection.config),
            _parts(inspection),
            _actions(inspection.config),
            _statistics(inspection),
        ]
    sections.append(_problems(inspection))
    return '\n\n'.join(sections) + '\n'


def _files(inspection: Inspection) -> str:
    files = inspection.files
    rows = [
        ('config', files.config),
        ('backbone config', files.backbone_config),
        ('weights', files.weights[0] if files.weights else None),
        ('tokenizer', files.tokenizer),
        ('statistics', files.statistics),
    ]
    return _table('Files', [(name, str(path) if path else 'missing') for name, path in rows])


def _architecture(config: WLAConfig) -> str:
    vision, text, expert = config.vision, config.text, config.expert
    history = f'yes, {config.history_obs_step} steps old' if config.use_history_obs else 'no'
    begin = ', first frame of the episode' if config.use_begin_frame_context else ''
    return _table(
        'Architecture',
        [
            (
                'vision tower',
                f'{vision.depth} blocks of {vision.hidden_size}, {vision.num_heads} heads, '
                f'patch {vision.patch_size}, deepstack {list(vision.deepstack_visual_indexes)}',
            ),
            (
                'text decoder',
                f'{text.num_hidden_layers} layers of {text.hidden_size}, '
                f'{text.num_attention_heads}/{text.num_key_value_heads} heads of {text.head_dim}, '
                f'vocabulary {text.vocab_size}',
            ),
            (
                'Action Expert',
                f'{expert.num_layers} blocks of {expert.input_embedding_dim}, '
                f'{expert.num_attention_heads} heads, {expert.norm_type}',
            ),
            ('meta-queries', f'{config.num_metaqueries}'),
            (
                'images',
                f'head {config.primary_image_size} px, others {config.auxiliary_image_size} px, '
                f'history {history}{begin}',
            ),
            ('training mode', config.training_mode),
            (
                'needed for actions',
                f'{config.last_layer_read + 1} of {text.num_hidden_layers} decoder layers',
            ),
        ],
    )


def _parts(inspection: Inspection) -> str:
    rows = [
        (
            summary.part.title,
            f'{summary.parameters:>15,} parameters {summary.size / 1e6:10,.1f} MB  '
            f'{"/".join(summary.dtypes)}' + ('' if summary.part.acts else '  (stays on disk)'),
        )
        for summary in inspection.parts
    ]
    acting = sum(summary.parameters for summary in inspection.parts if summary.part.acts)
    return _table('Parts', [*rows, ('loaded', f'{acting:>15,} parameters')])


def _actions(config: WLAConfig) -> str:
    expert = config.expert
    meaning = _COLUMNS.get(expert.action_dim, '')
    return _table(
        'Action space',
        [
            ('action columns', f'{expert.action_dim}' + (f'  ({meaning})' if meaning else '')),
            ('state columns', f'{expert.state_dim}'),
            ('rows of a chunk', f'{expert.chunk_size}'),
            ('Euler steps', f'{expert.num_inference_timesteps}'),
        ],
    )


def _statistics(inspection: Inspection) -> str:
    rows = [
        (summary.key, f'{summary.columns} columns: {", ".join(summary.kinds)}')
        for summary in inspection.statistics
    ]
    return _table('Statistics', rows or [('none', '')])


def _problems(inspection: Inspection) -> str:
    if not inspection.problems:
        return 'No problems found. Values of the weights were not read.'
    lines = ''.join(f'\n  - {problem}' for problem in inspection.problems)
    count = len(inspection.problems)
    return f'{count} problem{"s" if count != 1 else ""}:{lines}'


def _table(title: str, rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    lines = [f'  {name:<{width}}  {value}'.rstrip() for name, value in rows]
    return '\n'.join([title, *lines])
