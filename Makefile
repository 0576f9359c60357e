# Quick tests, and long tests outside the default run, in the environment of the README.
# The latest results are in benchmarks/RESULTS.md.
PYTHON ?= .venv-dev/bin/python

quick: # the tests of the compiler only, to run while editing
	$(PYTHON) -m pytest -q -m "not slow" $(addprefix tests/,checks contract document payload report tools test_golden.py test_names.py test_pipeline.py)

coverage: # the whole suite, with each branch that it takes; programs that are measured take twice as long
	$(PYTHON) -m pytest --cov --cov-report=term-missing:skip-covered

soak: # 200 seeds of network errors between client and service, and 50 kills of each
	SOAK=1 $(PYTHON) -m pytest -q --timeout=3600 tests/submission/test_train_faults.py tests/cli/test_train_ends.py tests/service/test_crashes.py tests/training

fuzz: # random configs, rows and requests, for MINUTES minutes
	$(PYTHON) -m pytest -q -n 0 --show-capture=no -o addopts= tests/fuzzing

test-ray: # trains on a Ray cluster in its own network
	$(PYTHON) -m pip install -q --editable '.[ray]'
	$(PYTHON) -m pytest -q -n 0 -o addopts= tests/on_ray

test-sharded: # trains with DeepSpeed and FSDP in two processes on the CPU
	$(PYTHON) -m pip install -q --editable '.[deepspeed,qlora]'
	$(PYTHON) -m pytest -q -n 0 -o addopts= tests/sharded

test-trackers: # trains with Weights & Biases, trackio and MLflow, and with servers of theirs that are down
	$(PYTHON) -m pip install -q --editable '.[trackers]'
	$(PYTHON) -m pytest -q -n 0 -o addopts= tests/trackers

test-targets: # reads what targets write with the real parsers, and trains it with TRL's command line
	$(PYTHON) -m pytest -q -n 0 -o addopts= tests/targets tests/trained

test-gguf: # exports GGUF files with the converter of llama.cpp, and runs them in llama.cpp
	$(PYTHON) -m pip install -q --editable '.[gguf]' xllamacpp
	$(PYTHON) -m pytest -q -n 0 -o addopts= tests/on_llama_cpp

test-browser: # opens the pages of the service, and the page that checks a config, in Chromium (apt-get install chromium)
	$(PYTHON) -m pip install -q playwright axe-playwright-python
	PYTHONPATH=docs $(PYTHON) -m pytest -q -n 0 -o addopts= tests/browser

test-smollm: # trains SmolLM2-135M, whose weights come from a package
	$(PYTHON) benchmarks/smollm.py

test-architectures: # trains a tiny model of each architecture, and compares its estimate
	ARCHITECTURES=all $(PYTHON) -m pytest -q -n 0 -o addopts= tests/training/test_architectures.py tests/estimate

test-schemastore: # checks what is sent to SchemaStore as its own tests do, with Ajv from npm
	$(PYTHON) -m pytest -q -n 0 -o addopts= tests/schemastore

test-templates: # tries the chat templates that packages ship
	$(PYTHON) benchmarks/chat_templates.py

test-vscode: # packs the extension for VS Code, and runs it there, with npm and Chromium (apt-get install chromium)
	$(PYTHON) -m pip install -q playwright
	$(PYTHON) -m pytest -q -n 0 -o addopts= tests/editors/test_vscode.py

bench-gpu: # all that only a GPU can show: speed and memory beside TRL, fp16, FSDP, DeepSpeed, experts
	$(PYTHON) benchmarks/on_gpu.py

.PHONY: quick coverage soak fuzz test-ray test-sharded test-trackers test-targets test-gguf test-browser test-smollm test-architectures test-schemastore test-templates test-vscode bench-gpu
