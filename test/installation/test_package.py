# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""What the build files say about the package agrees with the package."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import packages
import pytest

REQUIREMENTS = ('requirements.txt', 'requirements-ros.txt', 'requirements-test.txt')


def interface_files(root: Path) -> list[Path]:
    files = [path for kind in ('msg', 'srv', 'action') for path in root.glob(f'{kind}/*.{kind}')]
    assert files
    return files


def packages_named_by_interfaces(root: Path) -> set[str]:
    text = '\n'.join(path.read_text() for path in interface_files(root))
    named = set(re.findall(r'^([a-z][a-z0-9_]*)/[A-Z]\w*', text, re.MULTILINE)) - {'wla_ros'}
    if list(root.glob('action/*.action')):
        named.add('action_msgs')
    return named


def executables(root: Path) -> list[tuple[str, str, str]]:
    lines = packages.read_lines(root / 'config/build/executables.txt')
    return [re.fullmatch(r'(\w+) = ([\w.]+):(\w+)', line).groups() for line in lines]


def test_manifest_declares_an_interface_package(root):
    manifest = ElementTree.parse(root / 'package.xml').getroot()
    assert manifest.get('format') == '3'
    assert manifest.findtext('name') == 'wla_ros'
    assert manifest.findtext('export/build_type') == 'ament_cmake'
    assert manifest.findtext('member_of_group') == 'rosidl_interface_packages'
    assert manifest.findtext('license') == 'Apache-2.0'
    assert (root / manifest.find('license').get('file')).exists()


def test_manifest_lists_every_package_that_interfaces_name(root):
    manifest = ElementTree.parse(root / 'package.xml').getroot()
    listed = {element.text for element in manifest.findall('depend')}
    assert packages_named_by_interfaces(root) <= listed


def test_cmake_passes_every_package_that_interfaces_name(root):
    (listed,) = re.findall(
        r'set\(interface_dependencies ([^)]*)\)', (root / 'CMakeLists.txt').read_text()
    )
    assert packages_named_by_interfaces(root) <= set(listed.split())


def test_manifest_lists_every_ros_package_that_modules_import(root):
    manifest = ElementTree.parse(root / 'package.xml').getroot()
    listed = {e.text for tag in ('depend', 'exec_depend') for e in manifest.findall(tag)}
    text = '\n'.join(path.read_text() for path in root.glob('wla_ros/**/*.py'))
    imported = re.findall(
        r'^\s*(?:from|import) ([a-z_]+_msgs|std_srvs|rclpy|builtin_interfaces)\b', text, re.M
    )
    assert set(imported) <= listed


def test_executables_are_unique(root):
    names = [name for name, _, _ in executables(root)]
    assert sorted(set(names)) == names


def test_every_executable_has_its_function(root):
    missing = []
    for name, module, function in executables(root):
        path = root / (module.replace('.', '/') + '.py')
        if not path.exists() or not re.search(rf'^def {function}\(', path.read_text(), re.M):
            missing.append(f'{name}: {module}:{function}')
    assert missing == []


def test_scripts_of_the_executables_are_installed(root):
    prefix = installed_prefix()
    for name, module, _ in executables(root):
        assert f'from {module} import' in (prefix / 'lib/wla_ros' / name).read_text()
    assert (prefix / 'bin/wla_ros').stat().st_mode & 0o111


def test_share_holds_what_nodes_read_and_nothing_of_the_build(root):
    share = installed_prefix() / 'share/wla_ros'
    assert (share / 'package.xml').exists()
    assert (share / 'launch').is_dir()
    assert not (share / 'config/build').exists()


def installed_prefix() -> Path:
    wla_ros = pytest.importorskip('wla_ros.msg')
    prefix = Path(wla_ros.__file__).parents[5]
    if not (prefix / 'share/wla_ros').is_dir():
        pytest.skip(f'{prefix} is not where setup installs')
    return prefix


@pytest.mark.parametrize('name', REQUIREMENTS)
def test_requirements_are_names_that_constraints_pin_exactly(root, name):
    pins = {}
    for line in packages.read_lines(root / 'config/build/constraints.txt'):
        assert re.fullmatch(
            r"[A-Za-z0-9._-]+==[A-Za-z0-9._+]+(; python_version (<|>=) '3.11')?", line
        )
        pins.setdefault(packages.canonical(line), []).append(line)
    wanted = packages.read_lines(root / 'config/build' / name)
    assert [line for line in wanted if not re.fullmatch(r'[A-Za-z0-9._-]+', line)] == []
    assert [line for line in wanted if packages.canonical(line) not in pins] == []


def test_a_name_with_a_marker_is_pinned_for_both_sides_or_needed_on_one(root):
    lines = packages.read_lines(root / 'config/build/constraints.txt')
    plain = [packages.canonical(line) for line in lines if ';' not in line]
    marked = [packages.canonical(line) for line in lines if ';' in line]
    assert len(plain) == len(set(plain))
    assert set(plain).isdisjoint(marked)


def test_continuous_integration_runs_make_test(root):
    script = root / '.ci/run'
    assert script.stat().st_mode & 0o111
    assert 'make test' in script.read_text()


def test_cmake_takes_the_folder_of_modules_from_the_public_macro(root):
    """Names that begin with an underscore may go with any release of ament."""
    text = (root / 'CMakeLists.txt').read_text()
    assert re.findall(r'^\s*_ament\w*', text, re.MULTILINE) == []
    assert 'ament_get_python_install_dir(' in text


@pytest.mark.parametrize('macro', ['ament_target_dependencies', 'ament_export_interfaces'])
def test_cmake_uses_nothing_that_a_supported_distribution_has_removed(root, macro):
    assert macro not in (root / 'CMakeLists.txt').read_text()
