"""What the executor has to know about who else is on its topics, whatever middleware tells it."""

from dataclasses import dataclass

from wla_ros.core.types import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphCondition:
    """Verdict on the topics between executor, arms and policy. The default is a quiet graph."""

    problem: Refusal | None = None  # why the arms must not move
    blind: str = ''  # why the measured joints are not known to be those of the arms
    silent: bool = False  # somebody else commands, or may: not even a hold is sent
    chunk_sources: int = 1  # publishers of chunks

    def __post_init__(self) -> None:
        """Refuse a silence that nobody could explain. Raises ValueError."""
        if (self.silent or self.blind) and self.problem is None:
            raise ValueError('silent or blind without a problem that says why')
