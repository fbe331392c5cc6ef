#!/bin/sh
# Makes .venv from the pinned, hashed constraints. `install.sh` for what `make up` needs, `install.sh test` for tests.
# A second run with nothing changed returns at once. uv is used where it is there, pip otherwise.
set -eu
cd "$(dirname "$0")/.."
export UV_PYTHON_DOWNLOADS=never
set_of_pins=${1:-core}
python=.venv/bin/python

right_version='import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

find_python() {
    for candidate in python3.13 python3.12 python3.11 python3 python; do
        if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$right_version" >/dev/null 2>&1; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    echo "Almoner needs Python 3.11, 3.12 or 3.13, and none of them is on the PATH. Install one (on Debian: apt-get install python3 python3-venv), then try again." >&2
    exit 1
}

make_environment() {
    found=$(find_python)
    rm -rf .venv
    echo "Making .venv with $("$found" --version)"
    if ! "$found" -m venv .venv >.venv-making.log 2>&1 && ! uv venv --quiet --python "$found" .venv >>.venv-making.log 2>&1; then
        cat .venv-making.log >&2
        rm -rf .venv .venv-making.log
        echo "$found cannot make a virtual environment. On Debian install its part for that: apt-get install python3-venv." >&2
        exit 1
    fi
    rm -f .venv-making.log
}

# One file of pins into .venv; uv first, and pip when uv is absent or does not reach the packages as pip is set up to.
install_pins() {
    if command -v uv >/dev/null 2>&1 &&
        uv pip install --quiet --python "$python" --no-deps --require-hashes --compile-bytecode -r "$1"; then
        return
    fi
    "$python" -m pip --version >/dev/null 2>&1 || "$python" -m ensurepip >/dev/null
    "$python" -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r "$1"
}

install_project() {
    if command -v uv >/dev/null 2>&1 &&
        uv pip install --quiet --python "$python" --no-deps --no-build-isolation -e .; then
        return
    fi
    "$python" -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
}

[ -x "$python" ] && "$python" -c "$right_version" 2>/dev/null || make_environment

fingerprint() {
    cat deploy/constraints/build.txt deploy/constraints/"$1".txt pyproject.toml | cksum
}

stamp_of() {
    echo ".venv/.almoner-$1"
}

stamp=$(stamp_of "$set_of_pins")
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint "$set_of_pins")" ]; then
    exit 0
fi
echo "Installing the pinned packages (once; a few seconds with uv, a minute or two with pip)"
rm -f "$stamp"
install_pins deploy/constraints/build.txt
install_pins deploy/constraints/"$set_of_pins".txt
install_project
"$python" -m compileall -q ehr_core data_contracts cds pipelines dashboards portal
fingerprint "$set_of_pins" >"$stamp"
# The pins of the tests hold those of the core.
[ "$set_of_pins" = core ] || fingerprint core >"$(stamp_of core)"
