"""
Which part of a WLA checkpoint a tensor belongs to, by its published name. Knows no torch.

Owns the names. A training run on several devices puts `module.` before them.
"""

import enum

PREFIX = 'model.'  # before the names of WLAModel's own parameters
EMBEDDING = 'model.mllm_backbone.model.language_model.embed_tokens.weight'
# Stored by some although it is the embedding (tied); never by the released checkpoints.
HEAD = 'model.mllm_backbone.lm_head.weight'
_PARALLEL = 'module.'


class Part(enum.Enum):
    """A part and the prefix of its tensors."""

    VISION = 'vision tower', 'model.mllm_backbone.model.visual.'
    DECODER = 'text decoder', 'model.mllm_backbone.model.language_model.'
    HEAD = 'head (copy of the embedding)', HEAD
    EXPERT = 'Action Expert', 'model.action_expert.'
    WORLD_EXPERT = 'World Expert', 'model.world_expert.'
    CONNECTOR = 'connector', 'model.connector.'
    VAE = 'image autoencoder', 'vae.'
    UNKNOWN = 'unknown', ''

    def __init__(self, title: str, prefix: str) -> None:
        """Keep title and prefix."""
        self.title = title
        self.prefix = prefix

    @property
    def acts(self) -> bool:
        """Whether actions and subtasks need it; the other known parts stay on disk."""
        return self in {Part.VISION, Part.DECODER, Part.EXPERT}


def published_name(name: str) -> str:
    """Return `name` without what parallel training put before it."""
    return name.removeprefix(_PARALLEL)


def part_of(name: str) -> Part:
    """Return the part that a published name belongs to."""
    return next(part for part in Part if name.startswith(part.prefix))
