# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""A place that cannot take results is named before anything is worked out."""

import pytest

from wla_ros.base.config import ConfigurationError
from wla_ros.cli.main import check_file
from wla_ros.cli.main import make_folder


def test_folders_are_made_and_old_ones_kept(tmp_path):
    folder = tmp_path / 'a' / 'b'
    make_folder(folder, '--report', new=True)
    make_folder(folder, '--report')
    with pytest.raises(ConfigurationError, match='--report: .* exists already'):
        make_folder(folder, '--report', new=True)


def test_what_is_no_folder_or_not_writable_is_refused(tmp_path, monkeypatch):
    file = tmp_path / 'file'
    file.write_text('')
    with pytest.raises(ConfigurationError, match='is no folder'):
        make_folder(file, '--report')
    with pytest.raises(ConfigurationError, match='cannot be made: Not a directory'):
        make_folder(file / 'below', '--report')
    check_file(None, '--output')
    check_file(file, '--output')
    check_file(tmp_path / 'new', '--output')
    monkeypatch.setattr('os.access', lambda path, mode: False)
    for judge in (lambda: make_folder(tmp_path, '--x'), lambda: check_file(file, '--x')):
        with pytest.raises(ConfigurationError, match='is not writable'):
            judge()
