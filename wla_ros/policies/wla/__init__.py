"""The World-Language-Action policy WLA-0 in PyTorch (arXiv 2606.05979)."""
