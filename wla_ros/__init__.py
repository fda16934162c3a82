"""
World-Language-Action policies on bimanual AgileX Piper robots with ROS 2.

Imports point one way: `core` <- `robots` <- {`policy`, `control`, `sim`, `evaluation`} <- {`ros`,
`cli`}. `core` and `robots` are numpy only; `control` and `sim` know neither rclpy nor torch.
Composition happens in `ros` (nodes) and `cli` (command lines) only. `test/test_imports.py`
enforces it.
"""

from pkgutil import extend_path

# `msg`, `srv` and `action` are generated into the installed package. With a source checkout first
# on sys.path (any `python -m` run from the repository root) they are still found in the
# installation.
__path__ = extend_path(__path__, __name__)
