"""Recipe of trained/*.npz: networks of 200 units trained on delayed match-to-sample.

    python data/trained.py NAME         one of them (make train NETWORK=NAME), one to a few minutes on one core
    python data/trained.py --all        all of them, one after the other

Two families. noiseV-seedS: eight trials per update and a loss over the response window alone, the fastest way to the stated accuracy.
single-noiseV-seedS: as in the public code of the predecessors, one trial per update and a loss over the whole trial, which asks the
readout to be 0 before the response. Within a family the networks differ in the variance V of the noise and in the seed S; nothing is
tuned per network. A run that is interrupted goes on where it stopped when it is started again: checkpoints lie in _build/training.
"""

import argparse
import hashlib
import time
from pathlib import Path

from rmtlib.training import DelayedMatch, Recipe

HERE = Path(__file__).parent
FOLDER, CHECKPOINTS = HERE / "trained", HERE.parent / "_build" / "training"
NOISE, SEEDS = (0.0, 0.01, 0.05, 0.1, 0.2), (0, 1, 2, 3)
# as in the public code of the predecessors: one trial per update, a loss over the whole trial, a longer trial
SINGLE = {
    "batch": 1,
    "loss": "trial",
    "check_every": 100,
    "max_iterations": 20000,
    "task": DelayedMatch(fixation=250, response=500),
}
FAMILIES = (("", {}, NOISE, SEEDS), ("single-", SINGLE, (0.0, 0.01), SEEDS))
NETWORKS = {
    f"{family}noise{noise:g}-seed{seed}": (Recipe(noise=noise, **changes), seed)
    for family, changes, levels, seeds in FAMILIES
    for seed in seeds
    for noise in levels
}


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
