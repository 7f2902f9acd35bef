#!/usr/bin/env bash
# Builds a wheel for each Python and one sdist, installs each into an empty environment and runs the
# tests there.
#
#     tests/wheel_matrix.sh [python ...]
#
# Without arguments, for every CPython from 3.11 on that can be found.
#
# PYTEST_ARGS narrows the tests. The sdist is tested with the tests it carries itself.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

usable() {
    "$1" -c 'import ensurepip, sys, venv
exit(sys.version_info < (3, 11) or sys.implementation.name != "cpython")' 2>/dev/null
}
pythons=("$@")
if [ ${#pythons[@]} = 0 ]; then
    for minor in 11 12 13 14 15; do
        for candidate in "python3.$minor" "$HOME"/.pyenv/versions/3."$minor".*/bin/python3; do
            path=$(command -v "$candidate" 2>/dev/null) || continue
            if usable "$path"; then
                pythons+=("$path")
                break
            fi
        done
    done
fi
[ ${#pythons[@]} -gt 0 ] || { echo "no CPython from 3.11 on was found" >&2; exit 2; }
read -ra arguments <<<"${PYTEST_ARGS:-}"

# works on a copy: nothing that was built in this tree can leak into what is tested
mkdir "$work/source"
tar -c --exclude=.git --exclude='.venv*' --exclude=build --exclude=dist --exclude='*.so' \
    --exclude=__pycache__ . | tar -x -C "$work/source"

check() { # what, python, what to install, where its tests are
    local venv="$work/venv-$1"
    "$2" -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check "$3[test]"
    (cd "$4" &&
        "$venv/bin/python" -m pytest -q -p no:cacheprovider -n auto --slow "${arguments[@]}" |
        tail -n 15)
    "$venv/bin/python" -m pageengine --version
    rm -rf "$venv"
}

first=${pythons[0]}
"$first" -m venv "$work/build"
"$work/build/bin/pip" install -q --disable-pip-version-check build
"$work/build/bin/python" -m build -q --sdist -o "$work/dist" "$work/source" >/dev/null
sdist=$(ls "$work"/dist/*.tar.gz)
mkdir "$work/unpacked"
tar -xf "$sdist" -C "$work/unpacked" --strip-components=1
size=$(stat -c %s "$sdist" 2>/dev/null || stat -f %z "$sdist")
echo "== $(basename "$sdist"), $size bytes, with $("$first" --version)"
check sdist "$first" "$sdist" "$work/unpacked"

for python in "${pythons[@]}"; do
    rm -rf "$work/wheel"
    "$python" -m venv "$work/build-wheel"
    "$work/build-wheel/bin/pip" wheel -q --disable-pip-version-check --no-deps \
        -w "$work/wheel" "$sdist"
    rm -rf "$work/build-wheel"
    wheel=$(ls "$work"/wheel/*.whl)
    echo "== $(basename "$wheel"), $(stat -c %s "$wheel" 2>/dev/null || stat -f %z "$wheel") bytes"
    check "$(basename "$wheel" .whl)" "$python" "$wheel" "$work/source"
done
echo "== all passed"
