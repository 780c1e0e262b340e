#!/usr/bin/env bash
# deploy/docker/check.sh [image] [containers] [compose] [systemd]: all of them unless some are named.
#   image       builds the image, and runs a stream through it as a user without a name, from a read-only root, without HOME
#   containers  runs tests whose Kafka and Redis are containers (testcontainers), and `unlearn services` in a container
#   compose     starts compose.yaml and runs a stream through it, with a restart of everything in between
#   systemd     has systemd run the units of deploy/systemd, in a container of its own
# It needs Docker's engine, or dockerd and root to start one of its own; where no image can be pulled, also debootstrap.
# It is not part of `make test`. Exit code 0: all was as it should be.
set -euo pipefail
cd "$(dirname "$0")/../.."
WORK=$(mktemp -d)
export WORK
. deploy/docker/engine.sh
trap 'stop_engine; rm -rf "$WORK" 2> /dev/null || true' EXIT
start_engine
for stage in ${*:-image containers compose systemd}; do
    say "$stage"
    bash "deploy/docker/check_$stage.sh"
done
say "all was as it should be"
