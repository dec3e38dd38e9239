# Overread. Each target installs what it needs (Scripts/setup.sh: quick when it is there) and says what it does.
#   make demo [STUDY=folder]   a chest radiograph goes in, a report and a heatmap come back into Orthanc
#   make serve                 run the node with AETitles.conf, data in ./data
#   make test                  lint, build, every test; needs the peers, which set-up installs
#   make soak                  the fault tests, long: 200 kills, objects of 2 GB (a quarter of an hour, 10 GB of disk)
#   make fuzz [SECONDS=600]    what a peer says over an association, at the level of PDUs, under the sanitizers
#   make bench                 ingest against other receivers, overhead, memory
#   make bench-ingest          every receiver, sender, size and link: half an hour
#   make bench-queue           the study queue with a thousand instances and with a million
#   make bench-deidentify      de-identification of files against other programs, on one core
#   make lint | format         what CI demands of the sources | mend what can be mended
#   make train [DATA=folder]   the CPU plan of Training/, two stages; make pack and make train-leg LEG=1 for a GPU's
#   make evaluate | export     the shipped model measured again, and exported again from its checkpoint and compared
#   make test-training         the Python tests of Training/
#   make setup                 only install

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.PHONY: setup build release demo serve test soak fuzz train pack train-leg evaluate export test-training bench bench-ingest bench-queue bench-deidentify lint format

STUDY ?=
SECONDS ?= 600
# Of Training/, where everything but DATA is ignored by git: PYTHON is an interpreter that has what is needed, else one is
# made in .deps/training; OUT takes what a leg hands out; CHECKPOINT is a run's best.json, else the shipped one.
DATA ?= ../shared/data/cxr
RUNS := Training/runs
MODEL ?= Models/cxr-vit-small
LEG ?=
OUT ?=
CHECKPOINT ?=
export PYTHON

setup:
	@Scripts/setup.sh build run peers check

build:
	@Scripts/setup.sh build run
	swift build

release:
	@Scripts/setup.sh build run
	swift build -c release --product overread

demo:
	@Scripts/setup.sh build run peers
	@Scripts/demo.sh $(if $(STUDY),"$(STUDY)")

serve: release
	.build/release/overread serve

test:
	@Scripts/setup.sh build run peers check
	@Scripts/test.sh

soak:
	@Scripts/setup.sh build run peers
	@Scripts/soak.sh

fuzz:
	@Scripts/setup.sh build
	@Fuzz/association.sh $(SECONDS)

train:
	@Scripts/training.sh overread_training.train --config Training/configs/stage1-160.yaml --data $(DATA) --run $(RUNS)/stage1
	@Scripts/training.sh overread_training.train --config Training/configs/stage2-256.yaml --data $(DATA) --run $(RUNS)/stage2 \
		--init $(RUNS)/stage1/best.json

pack:
	@Scripts/training.sh overread_training.pack --data $(DATA) --out $(RUNS)/pack --cache $(RUNS)/cache

train-leg:
	@Scripts/training.sh overread_training.leg --plan Training/configs/gpu.yaml --leg $(or $(LEG),$(error say LEG=1, 2 or 3)) \
		--data $(RUNS)/pack --run $(RUNS)/gpu $(if $(OUT),--out $(OUT))

evaluate:
	@Scripts/training.sh overread_training.evaluate --model $(MODEL) --data $(DATA) --out $(RUNS)/metrics.json --cache $(RUNS)/cache

export:
	@Scripts/training.sh overread_training.export --out $(RUNS)/export --report $(RUNS)/export.json \
		$(if $(CHECKPOINT),--checkpoint $(CHECKPOINT) --data $(DATA) --cache $(RUNS)/cache,--reproduce $(MODEL))

test-training:
	@Scripts/training.sh pytest -q Training/tests

bench: release
	@Scripts/setup.sh peers
	@Benchmarks/run.sh

bench-ingest: release
	@Scripts/setup.sh peers bench
	@Benchmarks/run.sh barriers
	@Benchmarks/run.sh ingest

bench-queue:
	@Scripts/setup.sh build
	@Benchmarks/run.sh queue

bench-deidentify: release
	@Scripts/setup.sh peers bench
	@Benchmarks/deidentify.sh

lint:
	@Scripts/setup.sh build check
	@Scripts/lint.sh

format:
	@Scripts/setup.sh build check
	swift format --in-place --parallel --recursive Package.swift Sources Tests
	.deps/python/bin/ruff check --quiet --fix Tests Training
