"""
Names of the raw image encodings that are understood. Imports nothing, so that configurations can
name them.
"""

ANY_ENCODING = 'any'
CHANNELS = {'rgb8': 3, 'bgr8': 3, 'mono8': 1, '8UC3': 3, '8UC1': 1, 'rgba8': 4, 'bgra8': 4}
# 8UC* say nothing about the order of colours; drivers that use them send OpenCV's BGR.
MEANING = {'8UC3': 'bgr8', '8UC1': 'mono8'}
