#!/usr/bin/env bash
# Has a container engine answer and hold the sandbox's image, for the tests marked `docker`. Runs
# after setup.sh. An engine that is there is used as it is; else Debian's is installed and started,
# which needs root. It goes on running: `make clean` and the end of a job leave it alone.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '==> %s\n' "$*"; }
refuse() { printf 'set-up stopped: %s\n' "$*" >&2; exit 2; }
python=.venv/bin/python
# Not `docker info`: a client alone may be there, and the tests use the SDK.
answers() {
    "$python" -c 'from journeyman.sandbox.engine import Engine; Engine()' 2>/dev/null
}

if ! answers; then
    [ -z "${DOCKER_HOST:-}" ] || refuse "no container engine answers at DOCKER_HOST=$DOCKER_HOST:" \
        "start it, or unset the variable."
    [ "$(id -u)" -eq 0 ] || refuse "the tests of the container sandbox need an engine, and root to" \
        "start one: run \`sudo apt-get install -y --no-install-recommends docker.io\`, have it" \
        "started, and run \`sudo usermod -aG docker $(id -un)\`; or run make test without ALL."
    if ! command -v dockerd >/dev/null; then
        command -v apt-get >/dev/null || refuse "no container engine is installed: install Docker."
        say "installing a container engine: docker.io"
        apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
        "${apt[@]}" update || say "the package lists were not refreshed; going on"
        "${apt[@]}" install -y --no-install-recommends docker.io ||
            refuse "apt-get could not install docker.io: its message above says why."
    fi
    log=$(mktemp "${TMPDIR:-/tmp}/journeyman-dockerd.XXXXXX")
    # The second driver is slower and works where the machine's own root is an overlay.
    for driver in "" vfs; do
        answers && break # the package's own service may have started it
        say "starting the container engine${driver:+ with the storage driver $driver}"
        # Its containers have no network, so this machine's firewall and routes stay as they are.
        setsid nohup dockerd --bridge=none --iptables=false --ip-forward=false \
            ${driver:+--storage-driver "$driver"} >"$log" 2>&1 </dev/null &
        engine=$!
        for _ in $(seq 60); do
            answers && break
            kill -0 "$engine" 2>/dev/null || break
            sleep 0.5
        done
        answers || kill "$engine" 2>/dev/null || true
    done
    answers || refuse "the container engine does not start: $(tail -n 1 "$log") (all of it: $log)"
fi

"$python" -c 'from journeyman.sandbox import image; from journeyman.sandbox.engine import Engine
Engine().require(image.tag())' 2>/dev/null || .venv/bin/journeyman sandbox build
