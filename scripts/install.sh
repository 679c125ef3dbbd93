# Sourced by the other scripts: says what is missing, installs it where we may, else says how and ends with 1.
# Asks nothing. shellcheck shell=sh

missing_packages=""

# want PACKAGE WHY TEST…: notes a Debian package where TEST fails.
want() {
    package=$1 why=$2
    shift 2
    "$@" >/dev/null 2>&1 && return 0
    echo "missing: $package ($why)"
    missing_packages="$missing_packages $package"
}

# Installs what was noted.
install_wanted() {
    [ -n "$missing_packages" ] || return 0
    # shellcheck disable=SC2086 # a list of words
    set -- $missing_packages
    missing_packages=""
    if [ "$(id -u)" != 0 ]; then
        echo "This needs root. Run, then try again:"
        echo "    apt-get install --no-install-recommends $*"
        exit 1
    fi
    echo "installing: $*"
    # Packages start none of their services: the tests start their own.
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    log=$(mktemp)
    if ! { apt-get update && apt-get install -y --no-install-recommends "$@"; } >"$log" 2>&1; then
        cat "$log"
        rm -f "$log"
        exit 1
    fi
    rm -f "$log"
}

# What every build needs. Without nasm the image libraries would be built without their vector code, several times
# slower; CMake, C++ and Perl build the AVIF encoder.
want_build_tools() {
    if ! command -v cargo >/dev/null 2>&1; then
        echo "cargo is missing: install Rust 1.95 or newer, then try again."
        exit 1
    fi
    want gcc "compiles the image libraries and SQLite" command -v gcc
    want libc6-dev "headers of the C library" test -e /usr/include/stdio.h
    want nasm "vector code of the image libraries" command -v nasm
    want cmake "builds the AVIF encoder" command -v cmake
    want make "builds the AVIF encoder" command -v make
    want g++ "builds the AVIF encoder" command -v g++
    want perl "builds the AVIF encoder" command -v perl
}

# must WHAT COMMAND…: says what was promised; where the command fails the script ends with 1. A bare `a && b` would end
# nothing, whatever `set -e` says.
must() {
    promise=$1
    shift
    "$@" || {
        echo "FAILED: $promise" >&2
        exit 1
    }
    echo "$promise"
}

# note WHAT: a line that says what runs now.
note() {
    printf '\n== %s\n' "$*"
}
