#!/usr/bin/env bash
# Makes .venv with the pinned packages and compiles the kernels, telling of each step. Run from the repository's root by `make setup`;
# with the argument test-tools it only sees to programs that some tests need, by `make test`.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

# Installs system packages where that is possible; elsewhere says which are missing.
packages() {
  local why=$1
  shift
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing $* ($why)"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null && return
  fi
  say "missing: $why. Install it, on Debian or Ubuntu with: sudo apt-get install $*"
  return 1
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
  local candidate
  for candidate in "${PYTHON:-python3}" python3 python3.13 python3.12 python3.11; do
    if new_enough "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  packages "Python 3.11 or newer" python3 python3-venv && new_enough python3 && echo python3
}

make_venv() {
  local python version
  python=$(find_python)
  [ -x .venv/bin/python ] && new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1 && return
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    packages "the venv module of Python $version" "python$version-venv"
  fi
  "$python" -m venv --clear .venv
}

# Real Kafka needs a Docker engine, or Java with Maven; without either the demo uses the in-process log.
kafka_needs() {
  docker info >/dev/null 2>&1 && return
  command -v java >/dev/null && command -v mvn >/dev/null && return
  packages "Java 17 or newer and Maven, for a local Kafka" default-jre-headless maven || true
}

# Installs packages whose services are not to run: what tests start they start themselves.
without_services() {
  local policy=/usr/sbin/policy-rc.d
  if [ "$(id -u)" != 0 ] || [ -e "$policy" ] || ! command -v apt-get >/dev/null; then
    packages "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
  trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  packages "$@"
  # Nor at the next start of the machine.
  if [ -d /run/systemd/system ]; then systemctl -q disable "${@: -1}" || true; fi
}

# Whether some redis-server here has TLS. Debian's redis-tools carry the server, too, under another name, and no service.
has_redis_with_tls() {
  local program
  for program in redis-server redis-check-rdb; do
    program=$(command -v "$program") && grep -q tls-cert-file "$program" && return
  done
  return 1
}

# Programs that some tests drive; without one they are skipped, and say so. Helm is left to deploy/helm/check.sh: building it
# takes minutes.
test_tools() {
  { command -v chromium && command -v chromedriver; } >/dev/null ||
    packages "Chromium and its driver, for the test of the console" chromium chromium-driver || true
  { command -v prometheus && command -v promtool; } >/dev/null ||
    without_services "Prometheus, for the tests of alerts and of the board" --no-install-recommends prometheus || true
  has_redis_with_tls || packages "a Redis that has TLS, for the test of that" redis-tools || true
  if command -v go >/dev/null; then
    say "an S3 server for the tests, which Go builds once: a minute or two"
    .venv/bin/python -m tests.object_server >&2 || true
  fi
}

pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

if [ "${1:-}" = test-tools ]; then
  test_tools
  exit
fi
say "1/4  a Python environment in .venv"
make_venv
say "2/4  the pinned packages: 800 MB when installed"
pip install --require-hashes -r requirements.lock | awk '/^(Collecting|Installing) / { print "     " $1, $2; fflush() }' >&2
pip install -q --no-deps --no-build-isolation -e .
say "3/4  what a local Kafka needs: Docker, or Java and Maven"
kafka_needs
say "4/4  compiling the kernels, once: a minute or two"
.venv/bin/python -m unlearn_models.compile_kernels unlearn_models unlearn
say "ready: make demo, or .venv/bin/unlearn --help"
