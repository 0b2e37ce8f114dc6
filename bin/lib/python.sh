# Sourced by bin/demo, bin/test and bin/bench from the top of the checkout: finds a Python that is new enough and lets
# it make .venv as bin/lib/prepare.py says. COMMAND names the caller.

find_python() {
    for candidate in ${PYTHON:-} python3 python3.11 python3.12 python3.13 python3.14 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return 0
        fi
    done
    found=$(python3 --version 2>&1) || found="no python3"
    echo "$COMMAND: Python 3.11 or newer is needed and $found was found: install one, or name it with PYTHON=/path/to/python3.11 $COMMAND" >&2
    return 1
}

prepare() {
    python=$(find_python) || exit 1
    "$python" bin/lib/prepare.py "$COMMAND" "$@" || exit 1
}
