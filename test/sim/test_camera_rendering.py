# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
import threading

import numpy as np
import pytest

from wla_ros.base.geometry import quaternion_to_matrix
from wla_ros.sim.cameras import HEAD
from wla_ros.sim.cameras import MOUNTS
from wla_ros.sim.cameras import ROBOT_CAMERAS
from wla_ros.sim.cameras import SCENE
from wla_ros.sim.cameras import intrinsics
from wla_ros.sim.exposure import OffscreenRenderer
from wla_ros.sim.scene import TwoArmScene
from wla_ros.sim.tasks import cup
from wla_ros.sim.tasks.task import make_task

WIDTH, HEIGHT = 320, 240


@pytest.fixture(scope='module')
def scene():
    return TwoArmScene(make_task('stack_cup'))


@pytest.fixture
def renderer(scene):
    try:
        made = OffscreenRenderer(scene.model, width=WIDTH, height=HEIGHT)
    except (ImportError, RuntimeError, AttributeError) as error:
        pytest.skip(f'off-screen rendering needs EGL (apt install libegl1): {error}')
    yield made
    made.close()


def pixels_like(image, name):
    """Return a mask of the pixels with the hue of the orange or the blue cup."""
    r, g, b = (image[..., i].astype(int) for i in range(3))
    if name == 'orange_cup':
        return (r > 1.7 * g) & (r > 2.5 * b) & (r > 60)
    return (b > 1.7 * g) & (b > 2.5 * r) & (b > 60)


def test_every_camera_sees_a_bright_and_varied_picture(scene, renderer):
    scene.reset(seed=1)
    for name in (*ROBOT_CAMERAS, SCENE):
        image = renderer.render(scene.snapshot(), name)
        assert image.shape == (HEIGHT, WIDTH, 3)
        assert image.dtype == np.uint8
        assert image.mean() > 60
        assert image.std() > 15


@pytest.mark.parametrize('seed', range(6))
def test_the_head_sees_both_cups_where_its_intrinsics_say(scene, renderer, seed):
    scene.reset(seed=seed)
    image = renderer.render(scene.snapshot(), HEAD)
    mount = MOUNTS[HEAD]
    camera = intrinsics(fovy_rad=mount.fovy_rad, width=WIDTH, height=HEIGHT)
    names, poses = scene.object_poses()
    for name, pose in zip(names, poses, strict=True):
        mask = pixels_like(image, name)
        assert np.count_nonzero(mask) > 100
        up = quaternion_to_matrix(pose[3:])[:, 2]
        middle = pose[:3] + 0.5 * cup.HEIGHT_M * up
        seen = mount.optical_rotation().T @ (middle - mount.position)
        u, v, _ = camera.matrix @ seen / seen[2]
        rows, columns = np.nonzero(mask)
        assert columns.mean() == pytest.approx(u, abs=4.0)
        assert rows.mean() == pytest.approx(v, abs=6.0)


def test_a_snapshot_can_be_rendered_after_physics_went_on(scene, renderer):
    scene.reset(seed=1)
    snapshot = scene.snapshot()
    before = renderer.render(snapshot, HEAD)
    scene.arm('left').set_joint_target(scene.arm('left').joint_position() + 0.3, np.zeros(6))
    scene.step(200)
    after = renderer.render(scene.snapshot(), HEAD)
    assert not np.array_equal(before, after)
    np.testing.assert_array_equal(renderer.render(snapshot, HEAD), before)


def test_another_thread_renders_with_a_renderer_of_its_own(scene, renderer):
    scene.reset(seed=2)
    snapshot, images = scene.snapshot(), []

    def work():
        mine = OffscreenRenderer(scene.model, width=WIDTH, height=HEIGHT)
        images.append(mine.render(snapshot, HEAD))
        mine.close()

    thread = threading.Thread(target=work)
    thread.start()
    expected = renderer.render(snapshot, HEAD)
    thread.join(timeout=60)
    np.testing.assert_array_equal(images[0], expected)


def test_pictures_for_people_have_the_same_size_and_shadows(scene, renderer):
    scene.reset(seed=1)
    plain = renderer.render(scene.snapshot(), SCENE)
    fine = OffscreenRenderer(scene.model, width=WIDTH, height=HEIGHT, presentation=True)
    shown = fine.render(scene.snapshot(), SCENE)
    fine.close()
    assert shown.shape == plain.shape
    assert shown.mean() < plain.mean()


def test_closing_twice_is_harmless(scene, renderer):
    renderer.close()
    renderer.close()


def test_principal_point_is_the_middle_of_the_pixel_grid():
    camera = intrinsics(fovy_rad=np.pi / 2, width=640, height=480)
    expected = [[240.0, 0.0, 319.5], [0.0, 240.0, 239.5], [0.0, 0.0, 1.0]]
    np.testing.assert_allclose(camera.matrix, expected, rtol=1e-12)
