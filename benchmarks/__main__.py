"""All benchmarks, one after the other: `python -m benchmarks`, or some of them: `python -m benchmarks dense`."""

import sys
from importlib import import_module

PARTS = (
    "dense", "sparse", "networks", "cavity", "superspace", "training", "fitting", "covariance", "dynamics", "meanfield",
    "transients", "hebbian", "report", "build",
)  # fmt: skip

unknown = [part for part in sys.argv[1:] if part not in PARTS]
if unknown:
    sys.exit(f"no benchmark {', '.join(unknown)}; there are: {', '.join(PARTS)}")
for part in sys.argv[1:] or PARTS:
    print(f"\n{part}", flush=True)
    import_module(f"benchmarks.{part}").main()
