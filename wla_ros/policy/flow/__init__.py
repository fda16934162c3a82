"""
A small flow-matching policy that sees joints and object poses: trained in minutes on a CPU.

It exists to compare strategies of asynchronous execution. May import `core`, `robots`, torch and
safetensors. Imported only by whoever trains or runs it.
"""
