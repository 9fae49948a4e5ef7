"""Make the environment of the book in .venv: exactly requirements.txt, checked by hash, and rmtlib itself.

Needs nothing but a Python 3.11 to 3.13. uv installs the lock in seconds; it is taken from the lock
itself (by hash), and where it cannot work pip installs the same files.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.txt"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("venv", nargs="?", default=ROOT / ".venv", type=Path)
    parser.add_argument("--pip", action="store_true", help="install with pip alone, without uv")
    arguments = parser.parse_args()
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        sys.exit(
            f"The book needs Python 3.11 to 3.13, and this is {sys.version.split()[0]} ({sys.executable}).\n"
            "Name another one, for example: make book PYTHON=python3.12"
        )
    venv = arguments.venv.absolute()
    stamp = venv / "installed"
    wanted = fingerprint()
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    stamp.unlink(missing_ok=True)
    print(f"Installing the pinned environment into {venv}", flush=True)
    if not (venv / "pyvenv.cfg").is_file():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if arguments.pip or not with_uv(python):
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "--require-hashes", "-r", LOCK], check=True)
        subprocess.run([*install, "--no-deps", "--no-build-isolation", "-e", ROOT], check=True)
    stamp.write_text(wanted)


def fingerprint() -> str:
    """What the environment depends on, besides the version of Python that made it."""
    text = LOCK.read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    return hashlib.sha256(text).hexdigest() + f" {sys.version_info[0]}.{sys.version_info[1]}\n"


def with_uv(python: Path) -> bool:
    block = re.search(r"^uv==.*?(?=^\S)", LOCK.read_text(), re.M | re.S)
    if block is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        pinned = Path(folder) / "uv.txt"
        pinned.write_text(block.group())
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        if subprocess.run([*pip, "--require-hashes", "-r", pinned]).returncode:
            return False
    uv = [python, "-m", "uv", "pip"]
    for command in (
        ["sync", "--quiet", "--require-hashes", LOCK],
        ["install", "--quiet", "--no-deps", "--no-build-isolation", "-e", ROOT],
    ):
        if subprocess.run([*uv, *command, "--python", python]).returncode:
            print("uv could not install the environment; pip takes over.", flush=True)
            return False
    return True


if __name__ == "__main__":
    main()
