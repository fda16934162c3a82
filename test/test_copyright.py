# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
"""Every source file states its copyright, as REP-2004 asks of quality level 4 and above."""

from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
STATEMENT = 'Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0'
FOLDERS = ('wla_ros', 'test', 'launch', 'msg', 'srv', 'action', 'config')
SUFFIXES = ('.py', '.msg', '.srv', '.action', '.yaml', '.html', '.j2')


def test_every_source_file_states_its_copyright():
    files = [
        path
        for folder in FOLDERS
        for path in sorted((REPOSITORY / folder).rglob('*'))
        if path.suffix in SUFFIXES and path.stat().st_size > 0
    ]
    assert len(files) > 300
    heads = {path: path.read_text(encoding='utf-8')[:300] for path in files}
    assert not [str(path) for path, head in heads.items() if STATEMENT not in head]
