"""The executor node: action chunks in, limited commands out."""
