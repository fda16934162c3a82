"""
WLA-0 in PyTorch, after the published checkpoint layout (arXiv 2606.05979).

May import `core`, `robots`, torch, safetensors and tokenizers. Imported only by whoever runs this
policy: no other process pays for torch. Modules that need no torch say so.
"""
