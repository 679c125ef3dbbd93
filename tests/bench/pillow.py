"""Pillow as a server for the bench: a JSON line in, {file, out, width, height, format, quality}; a JSON line out, {ms}.

The file is read before the clock starts. `draft` lets the decoder of JPEG scale, as Pillow's own thumbnails do.
"""

import io
import json
import pathlib
import sys
import time

from PIL import Image

Image.MAX_IMAGE_PIXELS = None

for line in sys.stdin:
    wish = json.loads(line)
    source = pathlib.Path(wish["file"]).read_bytes()
    began = time.perf_counter()
    picture = Image.open(io.BytesIO(source))
    size = (wish["width"], wish["height"])
    picture.draft("RGB", (size[0] * 2, size[1] * 2))
    made = io.BytesIO()
    if picture.mode not in ("RGB", "RGBA"):
        picture = picture.convert("RGB")
    options = {} if wish["format"] == "png" else {"quality": wish["quality"]}
    if wish["format"] == "avif":
        options["speed"] = 8
    picture.resize(size, Image.Resampling.LANCZOS).save(made, wish["format"], **options)
    ms = (time.perf_counter() - began) * 1000
    pathlib.Path(wish["out"]).write_bytes(made.getvalue())
    print(json.dumps({"ms": ms}), flush=True)
