"""Timing, and the JSON file that a benchmark writes: its numbers with the machine they were measured on."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import scipy


def best(func, repeat=5):
    """CPU seconds of the fastest of a few calls: wall time on a quiet machine with one thread."""
    times = []
    for _ in range(repeat):
        start = time.process_time()
        func()
        times.append(time.process_time() - start)
    return min(times)


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def record(target, rows):
    """Print the rows and write them."""
    machine = {
        "processor": processor(),
        "cpus": os.cpu_count(),
        "load_1min": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "threads": os.environ.get("OMP_NUM_THREADS", "not set"),
    }
    for name, value in rows.items():
        print(f"{name:96s} {value:10.3g}")
    print(machine)
    text = json.dumps({"machine": machine, "results": rows}, indent=1) + "\n"
    Path(target).write_text(text, encoding="utf-8")
