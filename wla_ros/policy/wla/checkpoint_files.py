"""
Finds the files of a checkpoint in one folder or a pair. Knows no torch and opens no weights.

Layouts: everything in one folder, the backbone's config below `mllm/`; or the WLA folder as
published, beside the folder of its backbone, which has the backbone's config and tokenizer.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from wla_ros.core.errors import ConfigurationError
from wla_ros.core.errors import Problem

INDEX = 'model.safetensors.index.json'
SINGLE = 'model.safetensors'
STATE_DICT = 'model.pt'  # what training writes
BACKBONE_FOLDER = 'mllm'
TOKENIZER = 'tokenizer.json'
STATISTICS = 'norm_stats.json'


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFiles:
    """Where everything is; None is missing."""

    folder: Path
    config: Path | None
    backbone_config: Path | None
    weights: tuple[Path, ...]  # an index with its shards listed inside, one file, or none
    tokenizer: Path | None
    statistics: Path | None

    def missing(self, *fields: str) -> tuple[Problem, ...]:
        """Return a problem for each of `fields` that is not there; all fields if none is named."""
        wanted = {
            'config': ('config.json of WLA', 'give the folder of a WLA checkpoint'),
            'backbone_config': (
                f"the backbone's config ({BACKBONE_FOLDER}/config.json)",
                f'give the folder of {self._backbone_name} as backbone folder',
            ),
            'weights': (
                f'a file of weights ({INDEX}, {SINGLE} or {STATE_DICT})',
                'download or copy them there',
            ),
            'tokenizer': (
                TOKENIZER,
                f'copy it from {self._backbone_name}, or give its folder as backbone folder',
            ),
            'statistics': (
                STATISTICS,
                'copy the one that the checkpoint was trained with there, or name it',
            ),
        }
        return tuple(
            Problem(where=str(self.folder), what=f'{what} is missing', remedy=remedy)
            for field, (what, remedy) in wanted.items()
            if field in (fields or wanted) and getattr(self, field) in (None, ())
        )

    def require(self, *fields: str) -> None:
        """Raise ConfigurationError if one of `fields` is missing; all count if none is named."""
        problems = self.missing(*fields)
        if problems:
            raise ConfigurationError(str(self.folder), problems)

    @property
    def _backbone_name(self) -> str:
        """The name the WLA config gives its backbone."""
        name = _read(self.config).get('mllm_id') if self.config else ''
        return str(name or 'the backbone')


def find_checkpoint_files(
    path: Path,
    *,
    backbone: Path | None = None,
    tokenizer: Path | None = None,
    statistics: Path | None = None,
) -> CheckpointFiles:
    """
    Return the files of the checkpoint at `path`.

    Args:
        path: a folder, or the file of weights in one.
        backbone: a second folder, asked for whatever the first does not have, except weights.
        tokenizer: a file to take instead.
        statistics: a file to take instead.

    Raises:
        ConfigurationError: a path does not exist, or the folder holds several sets of weights.

    """
    given = [path, *(place for place in (backbone, tokenizer, statistics) if place is not None)]
    problems = [
        Problem(where=str(place), what='does not exist') for place in given if not place.exists()
    ]
    folder = path if path.is_dir() else path.parent
    weights = _weights(folder) if path.is_dir() else (path,)
    if len(weights) > 1:
        names = ', '.join(file.name for file in weights)
        problems.append(
            Problem(
                where=str(folder),
                what=f'holds {len(weights)} sets of weights: {names}',
                remedy='give the file you mean, or move the other away',
            )
        )
    if problems:
        raise ConfigurationError(str(path), tuple(problems))
    folders = [folder, *([backbone] if backbone else [])]
    below = [place / BACKBONE_FOLDER for place in folders]
    return CheckpointFiles(
        folder=folder,
        config=_first(place / 'config.json' for place in folders if not _is_backbone(place)),
        backbone_config=_first(
            place / 'config.json' for place in (*below, *folders) if _is_backbone(place)
        ),
        weights=weights,
        tokenizer=tokenizer or _first(place / TOKENIZER for place in (*folders, *below)),
        statistics=statistics
        or _first(
            place / name for place in folders for name in (STATISTICS, f'configs/{STATISTICS}')
        ),
    )


def _weights(folder: Path) -> tuple[Path, ...]:
    return tuple(
        folder / name for name in (INDEX, SINGLE, STATE_DICT) if (folder / name).is_file()
    )


def _first(files: Iterable[Path]) -> Path | None:
    return next((file for file in files if file.is_file()), None)


def _is_backbone(folder: Path) -> bool:
    """Whether the config in `folder` is one of a Qwen3-VL model."""
    return 'vision_config' in _read(folder / 'config.json')


def _read(file: Path) -> dict[str, object]:
    """Return a JSON object, empty if there is none; who needs the file complains about it."""
    try:
        values = json.loads(file.read_text(encoding='utf-8'))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
