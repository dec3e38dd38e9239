# Overread. Each target installs what it needs (Scripts/setup.sh: quick when it is there) and says what it does.
#   make demo [STUDY=folder]   a chest radiograph goes in, a report and a heatmap come back into Orthanc
#   make serve                 run the node with AETitles.conf, data in ./data
#   make test                  lint, build, every test; needs the peers, which set-up installs
#   make soak                  the fault tests, long: 200 kills, objects of 2 GB (a quarter of an hour, 10 GB of disk)
#   make fuzz [SECONDS=600]    what a peer says over an association, at the level of PDUs, under the sanitizers
#   make bench                 ingest against other receivers, overhead, memory
#   make bench-ingest          every receiver, sender, size and link: half an hour
#   make bench-deidentify      de-identification of files against other programs, on one core
#   make lint | format         what CI demands of the sources | mend what can be mended
#   make test-training         the Python tests of Training/
#   make setup                 only install

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.PHONY: setup build release demo serve test soak fuzz test-training bench bench-ingest bench-deidentify lint format

STUDY ?=
SECONDS ?= 600

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

test-training:
	@Scripts/setup.sh build
	@Scripts/test-training.sh

bench: release
	@Scripts/setup.sh peers
	@Benchmarks/run.sh

bench-ingest: release
	@Scripts/setup.sh peers bench
	@Benchmarks/run.sh barriers
	@Benchmarks/run.sh ingest

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
