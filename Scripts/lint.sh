#!/usr/bin/env bash
# What the sources must pass: swift format, shellcheck, ruff. Ends non-zero at the first that does not.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

echo "lint: swift format"
swift format lint --strict --parallel --recursive Package.swift Sources Tests \
    Benchmarks/Package.swift Benchmarks/Sources/{benchmark,queue} Fuzz/Package.swift Fuzz/Sources/Fuzz*

echo "lint: shellcheck"
# By content, so that a script without a suffix (.ci/run) is not forgotten.
mapfile -t scripts < <(git ls-files --cached --others --exclude-standard | while read -r file; do
    [[ -f $file ]] && head -n 1 "$file" 2>/dev/null | grep -qaE '^#!.*\b(ba)?sh\b' && printf '%s\n' "$file"
done)
shellcheck "${scripts[@]}"

echo "lint: ruff"
.deps/python/bin/ruff check --quiet Tests Training Scripts
