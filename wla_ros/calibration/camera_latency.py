"""
The latency of a camera from many images of a screen: header stamp less exposure.

Every image bounds the latency from both sides, by the times between which the screen showed what
it saw. The estimate is the point nearest to all those intervals, which is the median of their
ends: no assumption on how exposure and screen are phased, and outliers do not move it.
"""

from dataclasses import dataclass

import numpy as np

from wla_ros.core.types import FloatArray
from wla_ros.core.types import Refusal

FEW_IMAGES = 'few_images'
SCATTERED = 'scattered'

LEAST_IMAGES = 60
_FARTHEST_S = 0.02  # an image whose interval misses the estimate by more is an outlier
_MOST_OUTLIERS = 0.25
_RESAMPLES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraLatency:
    """Exposure to header stamp."""

    latency_s: float
    uncertainty_s: float  # half the width that the images leave open, and their standard error
    spread_s: float  # 90 % of the images miss the estimate by less: jitter of the stamps
    images: int
    outliers: int


def estimate_camera_latency(
    bounds_s: FloatArray, *, display_lag_s: float, least_images: int = LEAST_IMAGES
) -> CameraLatency | Refusal:
    """
    Return the latency from bounds [n, 2]: header stamp less the end and less the begin of what was
    drawn while the image was exposed.

    `display_lag_s` is the time from drawing to light; the screen is that much later than its page.
    """
    if len(bounds_s) < least_images:
        return Refusal(
            reason=FEW_IMAGES,
            detail=f'the code was read in {len(bounds_s)} images, needed are {least_images}',
        )
    latency_s, _ = _nearest_point(bounds_s)
    kept = bounds_s[_distance(bounds_s, latency_s) <= _FARTHEST_S]
    outliers = len(bounds_s) - len(kept)
    if outliers > _MOST_OUTLIERS * len(bounds_s):
        return Refusal(
            reason=SCATTERED,
            detail=f'{outliers} of {len(bounds_s)} images contradict the others by more than '
            f'{1e3 * _FARTHEST_S:g} ms: the stamps jitter, or are not those of the exposure',
        )
    latency_s, open_s = _nearest_point(kept)
    missed_s = _distance(kept, latency_s)
    spread_s = float(np.percentile(missed_s, 90.0))
    return CameraLatency(
        latency_s=latency_s - display_lag_s,
        uncertainty_s=open_s + _standard_error(kept),
        spread_s=spread_s,
        images=len(kept),
        outliers=outliers,
    )


def _nearest_point(bounds_s: FloatArray) -> tuple[float, float]:
    """Return the middle and the half width of the points with the least sum of distances."""
    ends = np.sort(bounds_s, axis=None)
    low, high = float(ends[len(bounds_s) - 1]), float(ends[len(bounds_s)])
    return (low + high) / 2.0, (high - low) / 2.0


def _standard_error(bounds_s: FloatArray) -> float:
    """Return how far the estimate moves when other images had been taken, by resampling."""
    random = np.random.default_rng(0)
    chosen = random.integers(0, len(bounds_s), (_RESAMPLES, len(bounds_s)))
    return float(np.std([_nearest_point(bounds_s[images])[0] for images in chosen]))


def _distance(bounds_s: FloatArray, point_s: float) -> FloatArray:
    """Return how far `point_s` lies outside each interval."""
    outside: FloatArray = np.maximum(
        np.maximum(bounds_s[:, 0] - point_s, point_s - bounds_s[:, 1]), 0.0
    )
    return outside
