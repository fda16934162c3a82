"""
Names of the image encodings that are understood, and how many bytes each pixel takes.

The names are those of sensor_msgs/image_encodings. All have 8 bits a channel: what has more is
depth at least as often as colour, and a depth image is no picture.
"""

ANY_ENCODING = 'any'
BYTES_PER_PIXEL = {
    'rgb8': 3,
    'bgr8': 3,
    'mono8': 1,
    '8UC3': 3,
    '8UC1': 1,
    'rgba8': 4,
    'bgra8': 4,
    'yuv422': 2,
    'yuv422_yuy2': 2,
    # the names that yuv422 and yuv422_yuy2 have had since ROS 2 Iron
    'uyvy': 2,
    'yuyv': 2,
    'bayer_rggb8': 1,
    'bayer_bggr8': 1,
    'bayer_gbrg8': 1,
    'bayer_grbg8': 1,
}
