"""
A name for the content of the weights, for the provenance of every chunk.

SHA-256 over name, type, shape and SHA-256 of the bytes of every tensor that acts, in the order of
the names. All bytes count. How they are spread over files, what training put before the names, and
parts that stay on disk do not: a checkpoint keeps its hash when it is re-sharded or stripped.
"""

import hashlib
import json
import os
from collections.abc import Callable
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from wla_ros.policy.wla.weight_source import WeightSource


def weights_sha256(
    source: WeightSource,
    names: Iterable[str],
    progress: Callable[[int], None] = lambda _: None,
) -> str:
    """
    Return the hash of the tensors `names` of `source`, 64 hexadecimal digits.

    Uses all cores: some 1.5 GB/s each. `progress` gets the bytes of each finished tensor.
    """
    ordered = sorted(names)
    digest = hashlib.sha256()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        contents = pool.map(lambda name: hashlib.sha256(source.content(name)).hexdigest(), ordered)
        for name, content in zip(ordered, contents, strict=True):
            stored = source.tensors[name]
            digest.update(json.dumps([name, stored.dtype, stored.shape, content]).encode())
            progress(stored.size)
    return digest.hexdigest()
