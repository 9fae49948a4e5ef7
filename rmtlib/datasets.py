"""Stored data: results that take too long for a chapter, each with the script that made it and a checksum.

The files lie in the folder ``data/`` of a checkout and in the folder ``data`` of an installed package. ``SHA256SUMS``
there lists them, in the form that ``sha256sum -c`` reads; a file is only used if its digest is the one listed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ValidationError

__all__ = ["load", "names", "path"]

# installed beside the modules, or one folder up in a checkout
_PLACES = (Path(__file__).parent / "data", Path(__file__).parent.parent / "data")


def _folder() -> Path:
    for place in _PLACES:
        if (place / "SHA256SUMS").is_file():
            return place
    raise FileNotFoundError(
        f"no stored data: SHA256SUMS is neither in {_PLACES[0]} nor in {_PLACES[1]}. Reinstall the package, or "
        "clone the repository, which has the folder data/"
    )


def _listed() -> dict[str, str]:
    lines = (_folder() / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    return {name.lstrip("*"): digest for digest, name in (line.split(maxsplit=1) for line in lines if line.strip())}


def names() -> list[str]:
    """Names of the stored files, sorted.

    Raises
    ------
    FileNotFoundError
        If the package was installed without its data.
    """
    return sorted(_listed())


def path(name: str) -> Path:
    """Where a stored file lies, after its digest was compared with the one that ``SHA256SUMS`` lists.

    Parameters
    ----------
    name : str
        As in :func:`names`, with its extension.

    Raises
    ------
    ValidationError
        For a name that is not listed, or a file whose content is not what was listed.
    FileNotFoundError
        For a listed file that is not there.
    """
    known = _listed()
    if name not in known:
        raise ValidationError(f"no stored data {name!r}; there are: {', '.join(sorted(known)) or 'none'}")
    found = _folder() / name
    if not found.is_file():
        raise FileNotFoundError(f"{found} is listed in SHA256SUMS but is not there: restore it or run its recipe again")
    digest = hashlib.sha256(found.read_bytes()).hexdigest()
    if digest != known[name]:
        raise ValidationError(
            f"{found} is not the file that SHA256SUMS lists (sha256 {digest[:12]}..., not {known[name][:12]}...): "
            "restore it; if its recipe was run again, renew the list as data/README.md says"
        )
    return found


def load(name: str) -> Any:
    """A stored file, verified: what a ``.json`` holds, or the arrays of an ``.npz`` as a dictionary.

    Parameters
    ----------
    name : str
        As in :func:`names`, with its extension.

    Returns
    -------
    dict or list
        JSON as it is; arrays by their names (no pickled objects).

    Raises
    ------
    ValidationError
        For a name that is not listed, a file that is damaged, another extension (use :func:`path`).
    FileNotFoundError
        For data that are not there.
    """
    found = path(name)
    if found.suffix == ".json":
        return json.loads(found.read_text(encoding="utf-8"))
    if found.suffix == ".npz":
        with np.load(found, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    raise ValidationError(f"{name!r} is neither .json nor .npz: take its path and read it with what it was written for")
