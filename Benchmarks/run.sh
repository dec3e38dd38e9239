#!/usr/bin/env bash
# Ingest beside other receivers, the node's own time for an image, and its memory. Quiet machine, please.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
swift build -c release --package-path Benchmarks --product benchmark
exec Benchmarks/.build/release/benchmark --overread .build/release/overread --models Models "$@"
