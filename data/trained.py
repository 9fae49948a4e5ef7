"""Recipe of trained/*.npz: networks of 200 units trained on delayed match-to-sample, at five levels of noise, four seeds each.

    python data/trained.py NAME         one of them (make train NETWORK=NAME), a minute or two on one core
    python data/trained.py --all        all of them, one after the other

A run that is interrupted goes on where it stopped when it is started again: checkpoints lie in _build/training. Nothing is tuned per
network: they differ in the variance of the noise and in the seed alone.
"""

import argparse
import hashlib
import time
from pathlib import Path

from rmtlib.training import Recipe

HERE = Path(__file__).parent
FOLDER, CHECKPOINTS = HERE / "trained", HERE.parent / "_build" / "training"
NOISE, SEEDS = (0.0, 0.01, 0.05, 0.1, 0.2), (0, 1, 2, 3)
NETWORKS = {f"noise{noise:g}-seed{seed}": (Recipe(noise=noise), seed) for seed in SEEDS for noise in NOISE}


def renew_list():
    """SHA256SUMS of everything that is stored, as `sha256sum *.json *.npz trained/*.npz` writes it."""
    files = [path for kind in ("*.json", "*.npz", "trained/*.npz") for path in HERE.glob(kind)]
    names = sorted(path.relative_to(HERE).as_posix() for path in files)
    lines = [f"{hashlib.sha256((HERE / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (HERE / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def make(name):
    from rmtlib.training import train  # only here: jax takes seconds to load

    recipe, seed = NETWORKS[name]
    CHECKPOINTS.mkdir(parents=True, exist_ok=True)
    checkpoint = CHECKPOINTS / f"{name}.npz"
    start = time.perf_counter(), time.process_time()
    (net,) = train(recipe, seed, checkpoint=checkpoint)
    net.save(FOLDER / f"{name}.npz")
    checkpoint.unlink()
    seconds = time.perf_counter() - start[0], time.process_time() - start[1]
    print(f"{name}: {net}, {net.iterations} updates, {seconds[0]:.0f} s, {seconds[1]:.0f} s of CPU", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", choices=list(NETWORKS), default="noise0.01-seed0", metavar="NAME")
    parser.add_argument("--all", action="store_true", help="every network")
    arguments = parser.parse_args()
    FOLDER.mkdir(exist_ok=True)
    for name in NETWORKS if arguments.all else [arguments.name]:
        make(name)
        renew_list()


if __name__ == "__main__":
    main()
