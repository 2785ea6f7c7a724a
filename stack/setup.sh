#!/bin/sh
# Sets up the checkout, for make: sh stack/setup.sh run|dev|bench
# A virtual environment in .venv, and in .runtime the JVM artefacts that connectors/artefacts.lock pins. Nothing is
# written outside the checkout (but pip's cache), and a second run finds everything done.
set -eu
cd "$(dirname "$0")/.."
kind=$1

fail() {
    printf '%s\n' "$1" >&2
    exit 1
}

usable='import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))'

find_python() {
    without_venv=
    for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.10}; do
        "$candidate" -c "$usable" >/dev/null 2>&1 || continue
        if "$candidate" -c 'import venv, ensurepip' >/dev/null 2>&1; then
            python=$candidate
            return
        fi
        without_venv=$candidate
    done
    if [ -n "$without_venv" ]; then
        fail "$without_venv lacks the modules venv and ensurepip; install them (Debian, Ubuntu: apt install python3-venv)."
    elif [ -n "${PYTHON:-}" ]; then
        fail "PYTHON=$PYTHON is not a Python 3.10, 3.11 or 3.12, which PyFlink needs."
    fi
    fail "No Python 3.10, 3.11 or 3.12 was found, and PyFlink needs one of them; if you have one elsewhere, say make PYTHON=/path/to/python3.11."
}

check_machine() {
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
    [ "$free" -ge 4000 ] || fail "Setting up needs 4,000 MiB of disk space, and $PWD has $free MiB free."
    if [ -r /proc/meminfo ]; then
        memory=$(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
        [ "$memory" -ge 3700 ] || fail "The stack needs a machine with 4 GiB of memory, and this one has $memory MiB."
    fi
}

install_packages() {
    [ "$kind" = run ] && what=. || what=".[$kind]"
    log=.runtime/pip.log
    echo "Installing the Python packages into .venv (about two minutes, the first time only)…" >&2
    if ! .venv/bin/python -m pip install --disable-pip-version-check --no-compile --retries 2 -e "$what" >"$log" 2>&1; then
        if grep -qiE 'NewConnectionError|ConnectTimeout|ReadTimeout|ProxyError|name resolution|unreachable' "$log"; then
            fail "The Python packages could not be downloaded: there is no network connection to the package index (details: $log)."
        fi
        fail "The Python packages could not be installed; the reason is at the end of $log."
    fi
}

# What .venv holds is known by stamps: each of the others includes `run`.
wanted="$PWD $(cksum <pyproject.toml)"
stamped() { [ "$(cat ".venv/tidemark-$1" 2>/dev/null)" = "$wanted" ]; }
if ! stamped "$kind" && ! { [ "$kind" = run ] && { stamped dev || stamped bench; }; }; then
    check_machine
    mkdir -p .runtime
    if ! .venv/bin/python -c "$usable" >/dev/null 2>&1 || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
        find_python
        rm -rf .venv
        "$python" -m venv .venv || fail "$python could not make a virtual environment in $PWD/.venv."
    fi
    install_packages
    printf '%s\n' "$wanted" >".venv/tidemark-$kind"
fi
.venv/bin/python -m connectors.artefacts
