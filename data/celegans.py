"""Recipe of celegans.csv, celegans_electrical.csv and celegans_neurons.csv: the neurons of C. elegans and their synapses.

The tables that it reads are carried by the package cect 0.3.5 (the C. elegans Connectome Toolbox of OpenWorm, MIT licence).
Its requirements exclude the numpy of this book, and none of its code is needed: unpack it somewhere, with what reads its
spreadsheets beside it, and name the folder.

    pip install --no-deps --target FOLDER cect==0.3.5 xlrd==2.0.2 openpyxl==3.1.5 et-xmlfile==2.0.0
    python data/celegans.py FOLDER

README.md, in this folder, says where the numbers come from, what is left out, and on what ground they are stored here.
"""

from __future__ import annotations

import ast
import csv
import hashlib
import sys
import warnings
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
# what was read: a later release of the package may carry other tables
SOURCES = {
    "cect/data/NeuronConnect.xls": "b5e32612967ff277",
    "cect/data/elife-95402-supp2-v1.xlsx": "0013e4b5f366b82a",
    "cect/Cells.py": "9ad91db16d482561",
}
# transmitters that a neuron makes; taking one up, or an unknown one, does not count
MADE = {"ACh": "ACh", "Glu": "Glu", "GABA": "GABA", "DA": "DA", "5-HT": "5-HT", "octopamine": "OA", "tyramine": "TA"}
KINDS = {"SENSORY_NEURONS_": "sensory", "INTERNEURONS_": "inter", "HEAD_MOTORNEURONS": "motor", "SUBLATERAL_": "motor",
         "VENTRAL_CORD_": "motor", "HSN_": "motor", "VC_HERM_": "motor"}  # fmt: skip
CREDIT = "L. R. Varshney et al., PLoS Computational Biology 7, e1001066 (2011); see README.md"


def plain(name: str) -> str:
    """VB01 -> VB1, DB1/3 -> DB1 (two names of one neuron), avfr -> AVFR."""
    name = name.strip().upper().split("/")[0]
    head, tail = name[:-2], name[-2:]
    return head + tail[1] if tail[0] == "0" and tail[1].isdigit() else name


def synapses(path: Path) -> tuple[dict, dict]:
    """Numbers of chemical synapses by (pre, post) and of gap junctions by unordered pair."""
    from xlrd import open_workbook

    sheet = open_workbook(path).sheet_by_index(0)
    rows = [[str(cell.value) for cell in sheet.row(k)] for k in range(1, sheet.nrows)]
    sent, received, junctions = Counter(), Counter(), {}
    for one, two, kind, number in rows:
        pair, count = (plain(one), plain(two)), int(float(number))
        if kind in ("S", "Sp"):  # to one target, to several
            sent[pair] += count
        elif kind in ("R", "Rp"):  # the same synapses, listed at the neuron that receives them
            received[pair[::-1]] += count
        elif kind == "EJ":  # listed from both sides
            if junctions.setdefault(tuple(sorted(pair)), count) != count:
                raise SystemExit(f"{pair}: the two sides list different numbers of gap junctions")
        elif kind != "NMJ":  # neuromuscular junctions have no target here
            raise SystemExit(f"unknown kind of synapse {kind!r}")
    differ = sorted(pair for pair in sent | received if sent[pair] != received[pair])
    print("listed differently by source and target:", [(p, sent[p], received[p]) for p in differ])
    return dict(sent), junctions


def transmitters(path: Path) -> dict[str, str]:
    """Transmitters that each neuron makes, the main one first."""
    from openpyxl import load_workbook

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an extension of the format that is not needed
        sheet = load_workbook(path)["Supp File 2"]
    out = {}
    for row in range(5, 307):
        name = sheet.cell(row=row, column=3).value
        found = [sheet.cell(row=row, column=column).value for column in (21, 22, 23)]
        words = [str(text).replace("- NEW", "").strip(" *") for text in found if text]
        words = [text.split(" (synthesis")[0] for text in words]  # "(synthesis + uptake)" is made
        if name:
            out[plain(name)] = "+".join(MADE[text] for text in words if text in MADE)
    return out


def kinds(path: Path) -> dict[str, str]:
    """Sensory, inter or motor, as grouped by Cook et al. (2019) and listed in the source of the package."""
    out = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            name = node.targets[0].id
            for start, kind in KINDS.items():
                if name.startswith(start):
                    out |= dict.fromkeys(ast.literal_eval(node.value), kind)
    return out


def write(path: Path, comment: str, header: list[str], rows: list) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write(f"# {comment}\n")
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def main(folder: Path) -> None:
    sys.path.append(str(folder))  # the readers of spreadsheets
    for name, digest in SOURCES.items():
        found = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        if not found.startswith(digest):
            raise SystemExit(f"{name} is not the file of cect 0.3.5 (sha256 {found[:16]})")
    table, atlas, groups = (folder / name for name in SOURCES)
    sent, junctions = synapses(table)
    made, kind = transmitters(atlas), kinds(groups)
    names = sorted({name for pair in [*sent, *junctions] for name in pair})
    write(HERE / "celegans.csv", f"chemical synapses: {CREDIT}", ["pre", "post", "synapses"],
          [[*pair, count] for pair, count in sorted(sent.items())])  # fmt: skip
    write(HERE / "celegans_electrical.csv", f"gap junctions: {CREDIT}", ["one", "other", "junctions"],
          [[*pair, count] for pair, count in sorted(junctions.items())])  # fmt: skip
    write(HERE / "celegans_neurons.csv", "neurons: kind, transmitters made (main one first); see README.md",
          ["neuron", "population", "transmitter"], [[name, kind[name], made[name]] for name in names])  # fmt: skip
    print(f"{len(names)} neurons, {len(sent)} connections, {sum(sent.values())} chemical synapses;", end=" ")
    print(f"{len(junctions)} pairs with {sum(junctions.values())} gap junctions")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]))
