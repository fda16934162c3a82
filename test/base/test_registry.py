# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Tests of what packages register by name."""

import pytest

from wla_ros.base import registry
from wla_ros.base.config import ConfigurationError

GROUP = 'wla_ros.tasks'


@pytest.fixture
def others(tmp_path, monkeypatch):
    """Return a function that installs a package of somebody else: a module and its metadata."""

    def install(package, text, module=''):
        (tmp_path / f'{package}.py').write_text(module)
        metadata = tmp_path / f'{package}-1.0.dist-info'
        metadata.mkdir()
        (metadata / 'METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n'
        )
        (metadata / 'entry_points.txt').write_text(f'[{GROUP}]\n{text}\n')
        registry._table.cache_clear()

    monkeypatch.syspath_prepend(tmp_path)
    yield install
    registry._table.cache_clear()


def test_a_package_outside_adds_a_name(others):
    others('somebody', 'fold_shirt = somebody:make', 'def make(): return 7\n')
    assert {'fold_shirt', 'stack_cup'} <= set(registry.names(GROUP))
    assert registry.load(GROUP, 'fold_shirt')() == 7


def test_a_name_that_nobody_registers_is_answered_with_those_there_are():
    with pytest.raises(ConfigurationError, match="'fold_shirt' is not registered.*stack_cup"):
        registry.load(GROUP, 'fold_shirt')


def test_a_name_that_two_packages_register_is_neither_of_theirs(others):
    others('one', 'fold_shirt = one:make')
    others('two', 'fold_shirt = two:make')
    with pytest.raises(ConfigurationError, match='one:make.*two:make|two:make.*one:make'):
        registry.load(GROUP, 'fold_shirt')


def test_one_package_found_twice_counts_once(others):
    others('stale', 'stack_cup = wla_ros.sim.tasks.stack_cup:make_task')
    assert callable(registry.load(GROUP, 'stack_cup'))


@pytest.mark.parametrize('place', ['broken:absent', 'nowhere:make'])
def test_what_is_not_where_it_was_registered_is_named(others, place):
    others('broken', f'fold_shirt = {place}')
    with pytest.raises(ConfigurationError, match=place):
        registry.load(GROUP, 'fold_shirt')


def test_a_package_that_is_not_installed_is_what_is_missing(others):
    others('needy', 'fold_shirt = needy:make', 'import there_is_no_such_package\n')
    with pytest.raises(ModuleNotFoundError, match='there_is_no_such_package'):
        registry.load(GROUP, 'fold_shirt')
