# The two commands: `make book` and `make test`. The README has the plain commands behind them.
PYTHON ?= python3
VENV   ?= .venv
CHAPTER ?=
NETWORK ?=
RUN = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(VENV)/bin/python

.PHONY: book test execute serve live bench train lint lock env clean
.DEFAULT_GOAL := book

env:                ## the pinned environment, in .venv
	@$(PYTHON) tools/setup_env.py $(VENV)

book: env           ## the website, in _build/html
	@$(RUN) tools/build.py

execute: env        ## run what is stale, or CHAPTER=book/front/tour, or CHAPTER=--all
	@$(RUN) tools/execute.py $(CHAPTER)

serve: book         ## the website on http://localhost:8000
	@$(RUN) tools/serve.py

live: book          ## the same with a kernel behind the pages
	@$(RUN) tools/serve.py --live

lint: env           ## style and correctness of the sources
	@$(RUN) -m ruff check .

test: lint book     ## everything that is claimed: style, docstrings, package, notebooks, website
	@$(RUN) tools/vendor.py chromium
	$(RUN) -m pytest --doctest-modules rmtlib
	$(RUN) -m pytest tests --ignore tests/site
	$(RUN) -m pytest --nbval --nbval-current-env book
	$(RUN) -m pytest tests/site

bench: env          ## the tables of the numerical appendix
	@$(RUN) -m benchmarks

train: env          ## one trained network again, or NETWORK=noise0-seed1, or NETWORK=--all (data/README.md)
	@$(RUN) data/trained.py $(NETWORK)

lock: env           ## requirements.in -> requirements.txt, tools/wheels.in -> tools/wheels.txt
	@$(VENV)/bin/python -m uv pip compile requirements.in --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -o requirements.txt
	@$(VENV)/bin/python -m uv pip compile tools/wheels.in --quiet --no-deps --python-version 3.14 \
	  --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -o tools/wheels.txt

clean:
	rm -rf _build
