"""Wall time of `make book` from an empty machine, and of the execution of each chapter.

    python -m benchmarks.build [--json FILE]

The first clones the repository (what is committed, not what is edited) into a temporary folder and runs
`make book` there with its own environment; downloads count, and package caches of the user are left out
(UV_NO_CACHE, PIP_NO_CACHE_DIR). Chapters are executed, and nothing is stored.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from benchmarks.record import record

ROOT = Path(__file__).resolve().parent.parent


def book_benchmark(rows):
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "book"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", ROOT, clone], check=True)
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "VENV")}
        environment |= {"UV_NO_CACHE": "1", "PIP_NO_CACHE_DIR": "1", "XDG_CACHE_HOME": str(Path(folder) / "cache")}
        for target in ("env", "book"):
            start = time.perf_counter()
            command = ["make", target, f"PYTHON={getattr(sys, '_base_executable', sys.executable)}"]
            done = subprocess.run(command, cwd=clone, env=environment, capture_output=True, text=True)
            if done.returncode:
                sys.exit(f"make {target} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
            rows[f"make {target}, fresh clone: seconds"] = time.perf_counter() - start
    rows["make book from an empty machine: seconds"] = sum(
        rows[f"make {t}, fresh clone: seconds"] for t in ("env", "book")
    )


def chapter_benchmark(rows):
    sys.path.insert(0, str(ROOT / "tools"))
    from execute import ENVIRONMENT, chapters, execute

    with tempfile.TemporaryDirectory() as folder:  # the frames that the chapters write
        ENVIRONMENT["RMTLIB_FRAMES"] = folder
        for md in chapters():
            start = time.perf_counter()
            execute(md)
            rows[f"chapter {md.relative_to(ROOT / 'book').with_suffix('')}: seconds"] = time.perf_counter() - start


def main(target="benchmarks/build.json"):
    rows = {}
    book_benchmark(rows)
    chapter_benchmark(rows)
    record(target, {name: round(value, 1) for name, value in rows.items()})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/build.json", help="where the numbers go")
    main(parser.parse_args().json)
