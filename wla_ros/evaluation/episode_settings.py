"""
What a virtual-time episode models besides the parts it runs: rates, delays, losses, limits of
time.
"""

import dataclasses
from dataclasses import dataclass

from wla_ros.core.strategy_config import StrategyConfig
from wla_ros.core.timing import NS_PER_MS
from wla_ros.core.timing import NS_PER_S
from wla_ros.core.timing import period_ns
from wla_ros.evaluation.transport_link import LinkModel


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeSettings:
    """
    Times of one episode in ns, and how messages travel.

    The defaults of the links are those of the live graph on one machine: 0.2 ms for small
    messages; a 640x480 image takes 4.5 ms from publication to callback, and a USB camera a frame
    period before that.
    """

    tick_period_ns: int = period_ns(200.0)
    poll_period_ns: int = period_ns(200.0)  # of drivers and cameras
    object_period_ns: int = period_ns(60.0)
    judge_period_ns: int = period_ns(10.0)
    status_period_ns: int = period_ns(50.0)  # sampling of modes and states for the record
    picture_period_ns: int = 0  # 0 takes no pictures
    image_link: LinkModel = LinkModel(delay_ns=25 * NS_PER_MS, jitter_ns=8 * NS_PER_MS)
    joint_link: LinkModel = LinkModel(delay_ns=200_000, jitter_ns=300_000)
    object_link: LinkModel = LinkModel(delay_ns=200_000, jitter_ns=300_000)
    chunk_link: LinkModel = LinkModel(delay_ns=200_000, jitter_ns=300_000)
    command_link: LinkModel = LinkModel(delay_ns=200_000, jitter_ns=300_000)
    plan_link: LinkModel = LinkModel(delay_ns=200_000, jitter_ns=300_000)
    plan_period_ns: int = period_ns(10.0)  # besides at every change of the plan
    inference_latency_ns: int = 40 * NS_PER_MS
    inference_jitter_ns: int = 5 * NS_PER_MS  # added, uniform in [0, jitter)
    inference_drop_probability: float = 0.0  # the result is lost when it is due
    strategy: StrategyConfig = dataclasses.field(default_factory=StrategyConfig)
    start_limit_ns: int = 5 * NS_PER_S  # time to become ready before the episode is given up
    time_limit_ns: int = 60 * NS_PER_S
    settle_ns: int = 500 * NS_PER_MS  # from holding at the end to the final judgement

    def __post_init__(self) -> None:
        """Refuse times that cannot be."""
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, int) and value < (1 if item.name.endswith('period_ns') else 0):
                if item.name == 'picture_period_ns' and value == 0:
                    continue
                raise ValueError(f'{item.name} is {value}, too small')
        if not (0.0 <= self.inference_drop_probability <= 1.0):
            raise ValueError(
                'inference_drop_probability must lie in 0..1, '
                f'got {self.inference_drop_probability!r}'
            )

    def described(self) -> dict[str, str]:
        """Return the settings as text for the report."""
        texts = {}
        for item in dataclasses.fields(self):
            value = getattr(self, item.name)
            if isinstance(value, LinkModel):
                texts[item.name] = (
                    f'{value.delay_ns / NS_PER_MS:g} ms + 0..{value.jitter_ns / NS_PER_MS:g} ms, '
                    f'{100 * value.drop_probability:g} % lost'
                    f'{"" if value.keeps_order else ", any order"}'
                )
            elif isinstance(value, StrategyConfig):
                texts |= {
                    f'strategy {part.name}': str(getattr(value, part.name))
                    for part in dataclasses.fields(value)
                }
            elif item.name.endswith('_ns'):
                texts[item.name.removesuffix('_ns')] = f'{value / NS_PER_MS:g} ms'
            else:
                texts[item.name] = str(value)
        return texts
