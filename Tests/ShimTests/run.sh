#!/usr/bin/env bash
# Builds the C boundary with its tests under AddressSanitizer (with leaks), UndefinedBehaviorSanitizer and ThreadSanitizer,
# and runs them. usage: Tests/ShimTests/run.sh [address|thread]…   (both without arguments; CXX chooses the compiler)
set -euo pipefail
cd "$(dirname "$0")/../.."

compiler=${CXX:-g++}
command -v "$compiler" >/dev/null || compiler=clang++
build=${SHIM_TESTS_BUILD:-.build/shim-tests}
flags=(-std=c++17 -O1 -g -fno-omit-frame-pointer -Wall -Wextra -Werror -ISources/CDCMTKShims/include -ISources/CDCMTKShims)
libraries=(-ldcmtls -ldcmsr -ldcmnet -ldcmjpeg -ldcmjpls -ldcmimage -ldcmimgle -ldcmdata -loflog -lofstd -lssl -lcrypto -lopenjp2 -lz -lpthread)

[ $# -gt 0 ] || set -- address thread
for sanitizer; do
    case $sanitizer in
        address) sanitize=(-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined) ;;
        thread) sanitize=(-fsanitize=thread) ;;
        *) echo "unknown sanitizer: $sanitizer (address or thread)" >&2; exit 2 ;;
    esac
    folder=$build/$sanitizer
    mkdir -p "$folder"
    objects=()
    for source in Sources/CDCMTKShims/*.cpp Tests/ShimTests/*.cpp; do
        object=$folder/$(basename "$source" .cpp).o
        objects+=("$object")
        # A header that is newer than the object counts too: there are few, so all of them are looked at.
        if [ ! -e "$object" ] || [ -n "$(find "$source" Sources/CDCMTKShims Tests/ShimTests -maxdepth 2 \
            \( -name '*.h' -o -name '*.hpp' -o -path "$source" \) -newer "$object" -print -quit)" ]; then
            "$compiler" "${flags[@]}" "${sanitize[@]}" -c "$source" -o "$object"
        fi
    done
    "$compiler" "${sanitize[@]}" "${objects[@]}" "${libraries[@]}" -o "$folder/shim-tests"
    echo "== $sanitizer"
    ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 TSAN_OPTIONS=halt_on_error=1 UBSAN_OPTIONS=print_stacktrace=1 \
        "$folder/shim-tests"
done
