# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the README and the pages of docs/ say of parameters, folders and interfaces is true."""

import html
import importlib.util
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = (REPOSITORY / 'README.md', *sorted((REPOSITORY / 'docs').glob('*.md')))
INTERFACES = tuple(
    path.stem
    for kind in ('msg', 'srv', 'action')
    for path in sorted((REPOSITORY / kind).iterdir())
    if not path.stem.startswith('Piper')  # stand-ins for messages of the driver
)
# Rooms whose modules docs/architecture.md names without `wla_ros/`.
ROOMS = tuple(path.parent.name for path in sorted((REPOSITORY / 'wla_ros').glob('*/__init__.py')))


def page(name: str) -> str:
    """Return the text of a page, relative to the repository."""
    return (REPOSITORY / name).read_text(encoding='utf-8')


def test_the_readme_is_short():
    assert len(page('README.md').splitlines()) <= 200


def test_every_page_stands_in_the_contents():
    contents = page('docs/README.md')
    names = [path.name for path in PAGES if path.name != 'README.md']
    assert names
    assert not [name for name in names if f']({name})' not in contents]


def test_every_parameter_stands_in_its_page():
    pytest.importorskip('rclpy')
    from wla_ros.cli.parameters import reference_tables

    parameters = page('docs/parameters.md')
    for node, table in reference_tables().items():
        assert table in parameters, f'{node} is out of date: wla_ros parameters {node}'


def test_tables_keep_the_text_of_the_descriptions():
    pytest.importorskip('rclpy')
    from wla_ros.base.config import describe
    from wla_ros.cli.parameters import NODE_CONFIGURATIONS
    from wla_ros.cli.parameters import reference_table

    for kind in NODE_CONFIGURATIONS.values():
        lines = reference_table(kind).splitlines()[2:]
        cells = [re.split(r'(?<!\\)\|', line)[-2].strip() for line in lines]
        shown = [html.unescape(cell.replace(r'\|', '|')) for cell in cells]
        assert shown == [row.description for row in describe(kind)]


def test_every_row_of_a_table_has_the_columns_of_its_header():
    wrong = []
    for path in PAGES:
        columns = 0
        for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
            if not line.startswith('|'):
                columns = 0
                continue
            count = len(re.findall(r'(?<!\\)\|', line))
            columns = columns or count
            if count != columns:
                wrong.append(f'{path.name}:{number}')
    assert not wrong


def test_every_room_has_a_line_in_the_tree():
    readme = page('README.md')
    assert ROOMS
    assert not [name for name in ROOMS if f'\n  {name}/ ' not in readme]


def test_every_shipped_driver_profile_is_named():
    profiles = sorted(path.stem for path in (REPOSITORY / 'config' / 'drivers').glob('*.yaml'))
    drivers = page('docs/drivers.md')
    assert profiles
    assert not [name for name in profiles if f'`{name}`' not in drivers]


def test_every_command_is_named():
    from wla_ros.cli.main import COMMANDS

    readme = page('README.md')
    assert not [name for name, _ in COMMANDS if f'wla_ros {name}' not in readme]


def test_the_doctor_knows_the_distributions_of_the_readme():
    pytest.importorskip('rclpy')
    from wla_ros.cli.doctor import SUPPORTED_DISTRIBUTIONS

    named = re.findall(r'\b(Humble|Iron|Jazzy|Kilted|Lyrical|Rolling)\b', page('README.md'))
    assert {name.lower() for name in named} == set(SUPPORTED_DISTRIBUTIONS)


def test_every_strategy_is_named():
    from wla_ros.inference.strategy import STRATEGIES

    strategies = page('docs/strategies.md')
    assert not [name for name in ('auto', *STRATEGIES) if f'\n| `{name}` |' not in strategies]


def test_every_message_service_and_action_is_named():
    topics = page('docs/topics.md')
    assert INTERFACES
    assert not [name for name in INTERFACES if not re.search(rf'\b{name}\b', topics)]


@pytest.mark.parametrize('path', PAGES, ids=lambda path: path.name)
def test_local_links_lead_somewhere(path):
    text = path.read_text(encoding='utf-8')
    for target in re.findall(r'\]\((?!https?://)([^)]+)\)', text):
        file, _, anchor = target.partition('#')
        linked = path.parent / file if file else path
        assert linked.exists(), f'{path.name}: {target}'
        if anchor:
            titles = re.findall(r'^#+ (.+)$', linked.read_text(encoding='utf-8'), re.MULTILINE)
            assert anchor in {anchor_of(title) for title in titles}, f'{path.name}: {target}'


def anchor_of(title: str) -> str:
    """Return the anchor that GitHub gives a title."""
    return re.sub(r'[^\w\- ]', '', title.lower()).replace(' ', '-')


def test_every_path_in_the_architecture_exists():
    names = re.findall(r'`([\w./*-]+)`', page('docs/architecture.md'))
    paths = [name for name in names if '/' in name]
    assert len(paths) > 20
    assert not [name for name in paths if not found(name)]


def found(name: str) -> bool:
    """Whether the repository, or the package for the path of a room, has `name`."""
    root = REPOSITORY / 'wla_ros' if name.split('/')[0] in ROOMS else REPOSITORY
    stem = name.rstrip('/')
    return any(root.glob(stem)) or any(root.glob(f'{stem}.py'))


def test_every_module_and_name_in_the_architecture_exists():
    """`room.module.Name` is written where a reader is to look for a class or function."""
    for name in re.findall(r'`((?:\w+\.){2,}\w+)`', page('docs/architecture.md')):
        module, _, last = name.rpartition('.')
        if module.split('.')[0] not in ROOMS:
            continue
        spec = importlib.util.find_spec(f'wla_ros.{module}')
        assert spec is not None, name
        assert re.search(rf'\b{last}\b', Path(spec.origin).read_text(encoding='utf-8')), name
