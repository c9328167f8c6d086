"""Opens pictures with Pillow, whose decoders are not ours, and says what they are.

Arguments: files. One line each: format, width, height, mode, and the colour in the middle.
"""

import sys

from PIL import Image

for name in sys.argv[1:]:
    with Image.open(name) as picture:
        picture.load()
        middle = picture.getpixel((picture.width // 2, picture.height // 2))
        print(picture.format, picture.width, picture.height, picture.mode, *middle)
