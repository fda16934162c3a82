"""
When cameras expose and what becomes of the images until they are delivered. Knows no renderer.

Exposures lie on an exact grid: phase + k periods after the reset, in integer nanoseconds, whatever
the physics' step.
"""

import heapq
from collections import deque
from dataclasses import dataclass

from wla_ros.core.timing import period_ns
from wla_ros.core.timing import seconds_to_ns
from wla_ros.sim.fault_injection import CameraFaultInjector
from wla_ros.sim.rig_config import RigCamera
from wla_ros.sim.scene import SceneSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """One image to be rendered from the state at its exposure; complete without the rig."""

    camera: str
    index: int  # of the exposure since the reset, dropped ones included
    exposed_ns: int  # true time of the snapshot
    stamp_ns: int  # what the header says
    deliver_ns: int
    frozen: bool  # the picture before is to be repeated
    snapshot: SceneSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraCounts:
    """Images since construction: exposed = delivered + dropped + flushed + waiting."""

    exposed: int
    delivered: int
    dropped: int  # by a fault
    flushed: int  # on their way at a reset
    waiting: int
    frozen: int  # of the exposed


class CameraSchedule:
    """The exposures of one camera. One thread."""

    def __init__(self, camera: str, config: RigCamera, faults: CameraFaultInjector) -> None:
        """Prepare `camera`; call `reset` before use."""
        self._camera = camera
        self._period_ns = period_ns(config.rate_hz)
        self._phase_ns = seconds_to_ns(config.phase_s)
        self._faults = faults
        self._waiting: list[tuple[int, int, Exposure]] = []
        self._exposed = self._delivered = self._dropped = self._flushed = self._frozen = 0
        self.reset(0)

    @property
    def next_exposure_ns(self) -> int:
        """When the next image is exposed."""
        return self._origin_ns + self._phase_ns + self._index * self._period_ns

    def reset(self, now_ns: int) -> None:
        """Start the grid at `now_ns` and forget images on their way."""
        self._origin_ns = now_ns
        self._index = 0
        self._flushed += len(self._waiting)
        self._waiting.clear()
        self._faults.reset(now_ns)

    def expose(self, snapshot: SceneSnapshot) -> None:
        """Take the image that is due; `snapshot` is the scene at `next_exposure_ns`."""
        exposed_ns = self.next_exposure_ns
        fate = self._faults.fate(exposed_ns)
        self._exposed += 1
        self._frozen += fate.frozen
        if fate.dropped:
            self._dropped += 1
        else:
            exposure = Exposure(
                camera=self._camera,
                index=self._index,
                exposed_ns=exposed_ns,
                stamp_ns=fate.stamp_ns,
                deliver_ns=fate.deliver_ns,
                frozen=fate.frozen,
                snapshot=snapshot,
            )
            heapq.heappush(self._waiting, (fate.deliver_ns, self._index, exposure))
        self._index += 1

    def due(self, now_ns: int) -> tuple[Exposure, ...]:
        """
        Return the images to deliver by `now_ns`, in order of delivery.

        Each is returned once.
        """
        due: deque[Exposure] = deque()
        while self._waiting and self._waiting[0][0] <= now_ns:
            due.append(heapq.heappop(self._waiting)[2])
        self._delivered += len(due)
        return tuple(due)

    def counts(self) -> CameraCounts:
        """Return the counters."""
        return CameraCounts(
            exposed=self._exposed,
            delivered=self._delivered,
            dropped=self._dropped,
            flushed=self._flushed,
            waiting=len(self._waiting),
            frozen=self._frozen,
        )
