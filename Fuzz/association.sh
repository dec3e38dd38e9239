#!/usr/bin/env bash
# Fuzzes what a peer says over an association, at the level of PDUs, through the boundary into DCMTK's DUL, under
# AddressSanitizer with leaks and UndefinedBehaviorSanitizer; of DCMTK, which is the distribution's own, they see what it
# allocates and frees, and what it copies.
# usage: Fuzz/association.sh [SECONDS]     (600; CXX names a clang++ with libFuzzer, as the Swift toolchain's is)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=Fuzz/.build/association
mkdir -p "$build"
compiler=${CXX:-clang++}
"$compiler" -std=c++17 -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
    -ISources/CDCMTKShims -ISources/CDCMTKShims/include \
    Sources/CDCMTKShims/*.cpp Fuzz/Sources/FuzzAssociation/FuzzAssociation.cpp \
    -ldcmsr -ldcmtls -ldcmnet -ldcmjpeg -ldcmjpls -ldcmimage -ldcmimgle -ldcmdata -loflog -lofstd -lssl -lcrypto \
    -lopenjp2 -lz -o "$build/fuzz-association"

# New inputs go beside the build; what is worth keeping is copied into Fuzz/Corpus by hand, small.
mkdir -p "$build/corpus" Fuzz/FailCases
"$build/fuzz-association" -max_total_time="${1:-600}" -timeout=10 -rss_limit_mb=1024 -max_len=4096 \
    -artifact_prefix=Fuzz/FailCases/association- "$build/corpus" Fuzz/Corpus/Association
