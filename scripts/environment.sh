# Sourced by scripts/quickstart and scripts/test, with $extras set to "" or "[test,docs]": changes to the project's
# folder, creates .venv there and installs genolong into it with the versions of constraints.txt, again if these change.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=.venv/bin/python

find_python() { # 3.11 first: the versions in constraints.txt were found with it
    local candidate versions='(3, 11) <= sys.version_info[:2] < (3, 14)'
    for candidate in python3.11 python3.12 python3.13 python3 python; do
        if "$candidate" -c "import sys, ensurepip, venv; sys.exit(not $versions)" 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "genolong needs Python 3.11, 3.12 or 3.13 with its venv module, and there is none on the PATH." >&2
    echo "Install one (on Debian or Ubuntu: apt install python3 python3-venv), and run this again." >&2
    return 1
}

if ! "$python" -m pip --version >/dev/null 2>&1; then
    found=$(find_python)
    echo "creating .venv with $("$found" --version)" >&2
    "$found" -m venv .venv
fi
wanted="$PWD $(cat pyproject.toml constraints.txt | cksum)"
if [ "$(cat ".venv/installed$extras" 2>/dev/null)" != "$wanted" ]; then
    echo "installing genolong$extras into .venv: a few minutes, and some gigabytes if torch includes CUDA" >&2
    PIP_BUILD_CONSTRAINT=constraints.txt PIP_DISABLE_PIP_VERSION_CHECK=1 \
        "$python" -m pip install --quiet --constraint constraints.txt --editable ".$extras"
    for done in "" "$extras"; do printf '%s\n' "$wanted" >".venv/installed$done"; done
fi
