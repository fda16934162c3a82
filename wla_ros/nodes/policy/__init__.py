"""The policy node: cameras and joints in, action chunks out."""
