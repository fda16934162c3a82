"""Scaled dot-product attention: the one place that decides how it is computed."""

import torch.nn.functional as F
from torch import Tensor


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None) -> Tensor:
    """
    Return softmax(Q K^T / sqrt(d)) V, [..., h, s, d].

    Args:
        query: [..., h, s, d].
        key: [..., g, k, d]; h is a multiple of g, each key serves h / g neighbouring queries.
        value: [..., g, k, d].
        mask: bool [s, k], true where a query may look; None looks everywhere.

    """
    groups = query.shape[-3] // key.shape[-3]
    if groups > 1:
        key, value = key.repeat_interleave(groups, -3), value.repeat_interleave(groups, -3)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
