"""When pytest runs the chapters (--nbval), their explorations recompute some of the frames stored for them."""

import os
from pathlib import Path

os.environ["RMTLIB_FRAMES_CHECK"] = str(Path(__file__).parent / "explorers")
