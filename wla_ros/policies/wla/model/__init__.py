"""The network of WLA-0: backbone, text decoder, Action Expert."""
