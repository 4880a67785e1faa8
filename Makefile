# make demo    install, then judge the example images under two policies
# make test    the tests, without network or GPU, on two cores
# make test-vllm   the tests that ask a real vLLM; sets one up in .venv-vllm unless EYEWARD_VLLM names one
# make test-clients   the tests with LiteLLM and guardrails-ai themselves, in an environment of their own
# make check   style, formatting and types
# make experiments   the paper's experiments in small, about three hours; experiments-short 40 minutes
# make bench   every script in benchmarks/; hours, see docs/results.md

PYTHON ?= python3
VENV ?= .venv
PY := $(VENV)/bin/python

# make_preparation_golden is not here: it wants another pair of torch and torchvision, see its docstring. Nor is
# vllm_agreement: it wants an environment with vLLM.
BENCHMARKS := reserved_intersection mini_speed verdict_speed tile_caps int8_weights mini_answers mini_scope mini_bars remote_misbehaving annotate_overhead audit_statistics annotate_scale serve_load schema_cases hostile_uploads monitor_simulation suites gradient_defence

.PHONY: demo test test-vllm test-clients check bench experiments experiments-short
.DELETE_ON_ERROR:

demo: $(VENV)/.demo-installed
	@echo; echo "Under the default policy:"
	$(VENV)/bin/eyeward assess examples/images
	@echo; echo "The same images where weapons and substances (O6) are allowed:"
	$(VENV)/bin/eyeward assess examples/images --non-violating O6

# Two processes with one thread each, and every file in one of them: what its tests share is made once.
test: $(VENV)/.dev-installed
	OMP_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# An environment with vLLM that is there already is used as it is.
test-vllm: $(VENV)/.dev-installed $(if $(EYEWARD_VLLM),,.venv-vllm/.ready)
	EYEWARD_VLLM=$(or $(EYEWARD_VLLM),.venv-vllm) $(PY) -m pytest -m vllm

test-clients: $(VENV)/.dev-installed .venv-clients/.ready
	PYTHONPATH=src .venv-clients/bin/python -m pytest tests/serve/test_litellm.py tests/moderate/test_examples.py

check: $(VENV)/.dev-installed
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

bench: $(VENV)/.dev-installed
	set -e; for script in $(BENCHMARKS); do echo "== $$script"; $(PY) -m benchmarks.$$script; done

experiments: $(VENV)/.dev-installed
	$(PY) -m benchmarks.experiments

experiments-short: $(VENV)/.dev-installed
	$(PY) -m benchmarks.experiments --short

# The stamps make a second run start at once; a change of the project file or of the pins installs again.
$(VENV)/.demo-installed: pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install --quiet -c constraints.txt -e '.[local]'
	@touch $@

$(VENV)/.dev-installed: pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install --quiet -c constraints.txt -e '.[local,train,dev]'
	@touch $@ $(VENV)/.demo-installed

.venv-clients/.ready: tests/moderate/setup $(VENV)/.dev-installed
	tests/moderate/setup .venv-clients $(PY)

.venv-vllm/.ready: tests/vllm/setup
	tests/vllm/setup .venv-vllm

$(PY):
	$(PYTHON) -m venv $(VENV)
