# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from wla_ros.base.config import ConfigurationError
from wla_ros.base.config import load_configuration
from wla_ros.sim.config import ArmFaults
from wla_ros.sim.config import CameraFaults
from wla_ros.sim.config import FaultConfig
from wla_ros.sim.config import FaultWindow
from wla_ros.sim.driver.bus import NOTHING_RECEIVED
from wla_ros.sim.driver.bus import FeedbackFrame
from wla_ros.sim.fault_injection import CameraFaultInjector
from wla_ros.sim.fault_injection import FaultyBus
from wla_ros.sim.fault_injection import inside

MS = 1_000_000
RESET_NS = 5_000 * MS


def frame(stamp_ns):
    return FeedbackFrame(
        stamp_ns=stamp_ns,
        joints_mdeg=(1, 2, 3, 4, 5, 6),
        speeds_mrad_s=(0,) * 6,
        efforts_mnm=(0,) * 6,
        gripper_um=100,
        gripper_effort_mn=0,
    )


def camera(seed=0, name='head', **faults):
    injector = CameraFaultInjector(CameraFaults(**faults), seed=seed, camera=name)
    injector.reset(RESET_NS)
    return injector


def bus(seed=0, **faults):
    made = FaultyBus(ArmFaults(**faults), seed=seed, arm='left')
    made.reset(RESET_NS)
    return made


def fates(injector, count=200):
    return [injector.fate(RESET_NS + i * 33 * MS) for i in range(count)]


def test_without_faults_images_and_frames_pass_unchanged():
    fate = camera().fate(RESET_NS + 7)
    assert (fate.dropped, fate.frozen, fate.stamp_ns, fate.deliver_ns) == (
        False,
        False,
        RESET_NS + 7,
        RESET_NS + 7,
    )
    healthy = bus()
    assert healthy.carry(frame(RESET_NS)) == frame(RESET_NS)
    assert not healthy.silent(RESET_NS)


@pytest.mark.parametrize(
    ('window', 'since_ms', 'expected'),
    [
        (FaultWindow(), 0, False),
        (FaultWindow(start_s=0.1, duration_s=0.2), 99, False),
        (FaultWindow(start_s=0.1, duration_s=0.2), 100, True),
        (FaultWindow(start_s=0.1, duration_s=0.2), 299, True),
        (FaultWindow(start_s=0.1, duration_s=0.2), 300, False),
        (FaultWindow(start_s=0.1, duration_s=0.2, period_s=1.0), 1150, True),
        (FaultWindow(start_s=0.1, duration_s=0.2, period_s=1.0), 1350, False),
    ],
)
def test_a_window_begins_inclusive_ends_exclusive_and_may_repeat(window, since_ms, expected):
    assert inside(window, since_ms * MS) is expected


def test_the_same_seed_gives_the_same_faults_and_another_seed_others():
    faults = {'drop_probability': 0.3, 'stamp_jitter_s': 0.01, 'delivery_jitter_s': 0.05}
    first = camera(**faults)
    told = fates(first)
    assert told == fates(camera(**faults))
    assert told != fates(camera(seed=1, **faults))
    assert told != fates(camera(name='left_wrist', **faults))
    first.reset(RESET_NS)
    assert told == fates(first)


def test_one_fault_does_not_change_the_course_of_another():
    alone = fates(camera(drop_probability=0.3))
    together = fates(camera(drop_probability=0.3, stamp_jitter_s=0.01, delivery_jitter_s=0.02))
    assert [fate.dropped for fate in alone] == [fate.dropped for fate in together]


def test_images_drop_with_the_given_probability():
    dropped = np.mean([fate.dropped for fate in fates(camera(drop_probability=0.3), 3000)])
    assert dropped == pytest.approx(0.3, abs=0.03)


def test_late_and_jittered_stamps_and_deliveries_stay_in_their_bounds():
    injector = camera(
        stamp_offset_s=0.02, stamp_jitter_s=0.005, delivery_delay_s=0.03, delivery_jitter_s=0.01
    )
    for i, fate in enumerate(fates(injector)):
        exposed_ns = RESET_NS + i * 33 * MS
        assert 15 * MS <= fate.stamp_ns - exposed_ns <= 25 * MS
        assert 30 * MS <= fate.deliver_ns - exposed_ns <= 40 * MS


def test_a_frozen_camera_is_frozen_inside_its_window_only():
    told = fates(camera(freeze=FaultWindow(start_s=1.0, duration_s=1.0)))
    assert [fate.frozen for fate in told] == [1000 <= i * 33 < 2000 for i in range(len(told))]


def test_a_silent_bus_is_silent_inside_its_window_only():
    silent = bus(can_silence=FaultWindow(start_s=1.0, duration_s=0.5))
    times_ms = (999, 1000, 1499, 1500)
    assert [silent.silent(RESET_NS + t * MS) for t in times_ms] == [False, True, True, False]


def test_stale_stamps_keep_the_stamp_while_values_go_on():
    stale = bus(stale_stamps=FaultWindow(start_s=0.01, duration_s=0.02))
    stamps = [
        stale.carry(frame(RESET_NS + t * MS)).stamp_ns - RESET_NS for t in (5, 10, 15, 25, 30)
    ]
    assert stamps == [5 * MS, 10 * MS, 10 * MS, 10 * MS, 30 * MS]


def test_zero_start_looks_as_if_no_frame_had_arrived():
    zero = bus(zero_start_s=0.1)
    assert zero.carry(frame(RESET_NS + 99 * MS)) == NOTHING_RECEIVED
    assert zero.carry(frame(RESET_NS + 100 * MS)) == frame(RESET_NS + 100 * MS)


def test_a_spike_changes_one_joint_beyond_the_plausible():
    spiky = bus(spike_probability=1.0, spike_rad=4.0)
    for i in range(20):
        carried = spiky.carry(frame(RESET_NS + i * 5 * MS)).joints_mdeg
        changed = [
            joint for joint, true in zip(carried, (1, 2, 3, 4, 5, 6), strict=True) if joint != true
        ]
        assert len(changed) == 1
        assert abs(changed[0]) / 1000 * 0.017444 == pytest.approx(4.0, abs=1e-3)


def test_faults_load_from_nested_parameters_and_name_every_mistake():
    loaded = load_configuration(
        FaultConfig,
        {
            'seed': 3,
            'cameras': {'head': {'freeze': {'start_s': 2, 'duration_s': 1}}},
            'arms': {'left': {'actuation_lag_s': 0.05}},
        },
        source='test',
    )
    assert loaded.cameras['head'].freeze == FaultWindow(start_s=2.0, duration_s=1.0)
    with pytest.raises(ConfigurationError) as error:
        load_configuration(
            FaultConfig,
            {
                'cameras': {'head': {'drop_probabilty': 0.1, 'delivery_delay_s': -1.0}},
                'arms': {'left': {'can_silence': {'duration_s': 2.0, 'period_s': 1.0}}},
            },
            source='test',
        )
    assert len(error.value.problems) == 3
