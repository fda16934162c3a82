"""The parameters of the recorder node."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wla_ros.core.configuration import parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedImage:
    """One camera to record as JPEG, on '<topic>/compressed' as image_transport names it."""

    topic: str = parameter('topic of raw sensor_msgs/Image')
    rate_hz: float = parameter(
        'most images per second that are written',
        unit='Hz',
        minimum=0.1,
        maximum=120.0,
        default=10.0,
    )
    quality: int = parameter('JPEG quality', minimum=10, maximum=100, default=80)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderNodeConfiguration:
    """The recorder node."""

    autostart: bool = parameter('configure and activate without a lifecycle manager', default=True)
    folder: str = parameter('the bags are made in here; empty: ~/wla_ros_bags')
    name: str = parameter(
        'folder of the bag, with _2 ... if it exists; empty: date and time', default=''
    )
    topics: tuple[str, ...] = parameter('topics to record as they are, of any type', default=())
    images: Mapping[str, RecordedImage] = parameter(
        'cameras to record as JPEG', default_factory=dict
    )
    commit_period_s: float = parameter(
        'how often the bag is put on the disk: what a killed recorder loses',
        unit='s',
        minimum=0.1,
        maximum=60.0,
        default=1.0,
    )
    min_free_mib: int = parameter(
        'with less space on the disk nothing is recorded until there is more',
        unit='MiB',
        minimum=16,
        maximum=1_000_000,
        default=500,
    )
    discovery_period_s: float = parameter(
        'how often topics that nobody published yet are looked for',
        unit='s',
        minimum=0.05,
        maximum=60.0,
        default=0.5,
    )


def bag_folder(folder: str) -> Path:
    """Return where bags are made if the parameter `folder` is this."""
    return Path(folder or '~/wla_ros_bags').expanduser()
