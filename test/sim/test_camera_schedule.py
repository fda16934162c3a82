# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np

from wla_ros.sim.config import CameraFaults
from wla_ros.sim.config import RigCamera
from wla_ros.sim.exposure import CameraSchedule
from wla_ros.sim.fault_injection import CameraFaultInjector
from wla_ros.sim.scene import SceneSnapshot

START_NS = 10**18 + 17
SNAPSHOT = SceneSnapshot(elapsed_ns=0, qpos=np.zeros(3))


def schedule(rate_hz=30.0, phase_s=0.0, **faults):
    injector = CameraFaultInjector(CameraFaults(**faults), seed=1, camera='head')
    made = CameraSchedule('head', RigCamera(rate_hz=rate_hz, phase_s=phase_s), injector)
    made.reset(START_NS)
    return made


def expose(camera, count):
    for _ in range(count):
        camera.expose(SNAPSHOT)


def test_exposures_lie_on_an_exact_grid_of_integer_nanoseconds():
    camera = schedule(phase_s=0.01)
    expose(camera, 1000)
    stamps = [exposure.stamp_ns for exposure in camera.due(START_NS + 10**12)]
    assert stamps == [START_NS + 10_000_000 + k * 33_333_333 for k in range(1000)]


def test_an_image_is_delivered_once_and_not_before_its_time():
    camera = schedule(delivery_delay_s=0.05)
    expose(camera, 1)
    assert camera.due(START_NS + 49_999_999) == ()
    assert len(camera.due(START_NS + 50_000_000)) == 1
    assert camera.due(START_NS + 10**12) == ()


def test_jittered_images_come_in_order_of_delivery():
    camera = schedule(rate_hz=100.0, delivery_jitter_s=0.05)
    expose(camera, 50)
    due = camera.due(START_NS + 10**12)
    times = [exposure.deliver_ns for exposure in due]
    assert times == sorted(times)
    assert [exposure.index for exposure in due] != sorted(exposure.index for exposure in due)


def test_counters_add_up_over_drops_resets_and_waiting_images():
    camera = schedule(drop_probability=0.3, delivery_delay_s=0.5)
    expose(camera, 60)
    camera.due(START_NS + 10**9)
    camera.reset(START_NS + 2 * 10**9)
    expose(camera, 10)
    counts = camera.counts()
    assert counts.exposed == 70
    assert min(counts.delivered, counts.dropped, counts.flushed, counts.waiting) > 0
    assert counts.exposed == (counts.delivered + counts.dropped + counts.flushed + counts.waiting)
