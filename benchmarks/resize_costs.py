"""Prints what this interpreter's Pillow takes to resize, as JSON; benchmarks/simd.py runs it with two interpreters.

Imports only what an environment of numpy, simplejpeg and Pillow has.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from tasks.ops.resize_speed import resize_speeds

if __name__ == "__main__":
    print(json.dumps([asdict(speed) for speed in resize_speeds()]))
