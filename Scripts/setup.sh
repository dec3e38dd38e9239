#!/usr/bin/env bash
# Installs what is missing and skips what is there.
#   Scripts/setup.sh [GROUP...]     groups of Scripts/debian-packages.txt; all of them when none is named
# Into Debian: packages (needs root or sudo, else says which). Into .deps/: OpenVINO and the Python peers of the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly openvino_version=2026.4.1
readonly packages_file=Scripts/debian-packages.txt
readonly requirements=Tests/Peers/requirements.txt
readonly minimum_swift="6.3"

say() { printf 'set-up: %s\n' "$*"; }
fail() {
    printf 'set-up: %s\n' "$*" >&2
    exit 1
}

groups=("$@")
((${#groups[@]})) || groups=(build run peers check)

# Whether a group was asked for.
wants() {
    local group
    for group in "${groups[@]}"; do [[ $group == "$1" ]] && return 0; done
    return 1
}

# The Debian packages of the groups asked for that are not installed, one a line.
missing_packages() {
    local wanted group package
    wanted=()
    while read -r group package; do
        [[ -z $group || $group == \#* ]] && continue
        wants "$group" && wanted+=("$package")
    done <"$packages_file"
    ((${#wanted[@]})) || return 0
    # dpkg-query fails for a name that it has never seen, and still prints the others.
    { dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || true; } |
        awk -v wanted="${wanted[*]}" '
            $2 == "installed" { have[$1] = 1 }
            END { count = split(wanted, names, " "); for (i = 1; i <= count; i++) if (!(names[i] in have)) print names[i] }'
}

# Debian starts a service when it installs it. Orthanc's would hold ports 4242 and 8042 and answer without a password,
# and the tests start an Orthanc of their own: so it is denied while apt-get runs, and disabled afterwards.
install_packages() {
    local privilege=() policy=/usr/sbin/policy-rc.d made_policy=0 brings_orthanc=0 package
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "these Debian packages are missing and there is neither root nor sudo; ask an administrator for: apt-get install $*"
        privilege=(sudo)
    fi
    for package in "$@"; do [[ $package == orthanc ]] && brings_orthanc=1; done
    if ((brings_orthanc)) && [[ ! -e $policy ]]; then
        # shellcheck disable=SC2016  # the words of the script that is written, not of this one
        printf '#!/bin/sh\n[ "$1" = orthanc ] && exit 101\nexit 0\n' | "${privilege[@]}" tee "$policy" >/dev/null
        "${privilege[@]}" chmod 755 "$policy"
        made_policy=1
    fi
    say "installing $*"
    local status=0
    {
        "${privilege[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
            "${privilege[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
    } >"$log" 2>&1 || status=$?
    ((made_policy)) && "${privilege[@]}" rm -f "$policy"
    if ((status != 0)); then
        tail -n 20 "$log" >&2
        fail "apt-get could not install the packages (the lines above say why)"
    fi
    if ((brings_orthanc)); then
        "${privilege[@]}" update-rc.d orthanc disable >/dev/null 2>&1 || true
    fi
}

check_debian_packages() {
    if ! command -v dpkg-query >/dev/null; then
        fail "this set-up knows Debian 12's package names only; install what $packages_file lists in your system's way, and run the targets' commands from the Makefile"
    fi
    local missing
    mapfile -t missing < <(missing_packages)
    ((${#missing[@]} == 0)) && return
    install_packages "${missing[@]}"
    mapfile -t missing < <(missing_packages)
    ((${#missing[@]} == 0)) || fail "still missing after the installation: ${missing[*]}"
}

check_swift() {
    command -v swift >/dev/null ||
        fail "there is no swift on the PATH; install the Swift $minimum_swift toolchain for Debian 12 as swift.org describes, and run this again"
    local version
    version=$(swift --version 2>&1 | sed -n 's/.*Swift version \([0-9.]*\).*/\1/p' | head -n 1)
    [[ -n $version ]] || fail "'swift --version' does not run here; a library that the toolchain needs may be missing"
    [[ $(printf '%s\n%s\n' "$minimum_swift" "$version" | sort -V | head -n 1) == "$minimum_swift" ]] ||
        fail "Swift $version is on the PATH, and Overread needs $minimum_swift or newer"
}

# A virtual environment with the pinned peers. Its stamp is the requirements file itself.
check_python() {
    local stamp=.deps/python/requirements.txt
    if [[ -x .deps/python/bin/python ]] && cmp -s "$requirements" "$stamp" && .deps/python/bin/python -c '' 2>/dev/null; then
        return
    fi
    command -v python3 >/dev/null || fail "there is no python3 on the PATH"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "python3 on the PATH is older than 3.11"
    say "making the Python environment of the test peers in .deps/python"
    rm -rf .deps/python
    {
        python3 -m venv .deps/python &&
            .deps/python/bin/python -m pip install --quiet --disable-pip-version-check -r "$requirements"
    } >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        fail "pip could not install $requirements (the lines above say why)"
    }
    cp "$requirements" "$stamp"
}

# OpenVINO's wheel carries the libraries and the official C headers; nothing of it runs in Python here.
check_openvino() {
    local home=.deps/openvino
    if [[ $(cat "$home/version" 2>/dev/null) == "$openvino_version" && -e $home/libs/libopenvino_c.so &&
        -e $home/include/openvino/c/openvino.h ]]; then
        return
    fi
    say "fetching OpenVINO $openvino_version into $home"
    local unpacked
    unpacked=$(mktemp -d .deps/openvino-XXXXXX)
    {
        .deps/python/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
            --dest "$unpacked" "openvino==$openvino_version" &&
            .deps/python/bin/python - "$unpacked" <<'PYTHON'
import pathlib, sys, zipfile

folder = pathlib.Path(sys.argv[1])
[wheel] = folder.glob("openvino-*.whl")
with zipfile.ZipFile(wheel) as archive:
    names = [n for n in archive.namelist() if n.startswith(("openvino/libs/", "openvino/include/"))]
    licences = [n for n in archive.namelist() if "/licenses/" in n or n.endswith("dist-info/METADATA")]
    archive.extractall(folder, names + licences)
wheel.unlink()
# The linker looks for the name without a version.
libraries = folder / "openvino" / "libs"
for library in sorted(libraries.glob("*.so.*")):
    plain = libraries / (library.name.split(".so.")[0] + ".so")
    if not plain.exists():
        plain.symlink_to(library.name)
PYTHON
    } >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        rm -rf "$unpacked"
        fail "OpenVINO $openvino_version could not be fetched (the lines above say why)"
    }
    mkdir -p "$unpacked/openvino/licenses"
    find "$unpacked" -path "*.dist-info/*" -type f -exec mv -t "$unpacked/openvino/licenses" {} +
    printf '%s\n' "$openvino_version" >"$unpacked/openvino/version"
    rm -rf "$home"
    mv "$unpacked/openvino" "$home"
    rm -rf "$unpacked"
}

mkdir -p .deps
log=.deps/setup.log
# Two targets may be started at once; one installs, the other waits and finds everything there.
exec 9>.deps/lock
flock 9
check_debian_packages
check_python
wants build && check_openvino
wants build && check_swift
exit 0
