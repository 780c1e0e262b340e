#!/usr/bin/env bash
# Builds the image and runs a stream through it as a user without a name, from a read-only root, without HOME.
# It needs Docker's daemon, or dockerd and root to start one of its own; where no image can be pulled, also debootstrap.
# Kafka and Redis are those that `unlearn services up` starts from .venv. Exit code 0: all was as it should be.
set -euo pipefail
cd "$(dirname "$0")/../.."
ROOT=$PWD
BASE=python:3.11-slim-bookworm
IMAGE=unlearn-check
WORK=$(mktemp -d)
say() { printf '\n== %s\n' "$*"; }

cleanup() {
    docker rm -f "$IMAGE-worker" > /dev/null 2>&1 || true
    "$ROOT/.venv/bin/unlearn" services down > /dev/null 2>&1 || true
    [ -f "$WORK/dockerd.pid" ] && kill "$(cat "$WORK/dockerd.pid")" 2> /dev/null && sleep 3
    rm -rf "$WORK" 2> /dev/null || true
}
trap cleanup EXIT

if ! docker info > /dev/null 2>&1; then
    say "starting a daemon"
    export DOCKER_HOST=unix://$WORK/docker.sock
    dockerd --host "$DOCKER_HOST" --data-root "$WORK/data" --exec-root "$WORK/exec" --pidfile "$WORK/dockerd.pid" \
        > "$WORK/dockerd.log" 2>&1 &
    for _ in $(seq 60); do docker info > /dev/null 2>&1 && break; sleep 1; done
    docker info > /dev/null
fi

if ! docker image inspect "$BASE" > /dev/null 2>&1 && ! docker pull -q "$BASE"; then
    say "no image can be pulled: making $BASE of Debian's packages"
    debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates bookworm "$WORK/base" > "$WORK/base.log"
    # What this machine trusts, such as a proxy's authority, the base trusts, too.
    cp /etc/ssl/certs/ca-certificates.crt "$WORK/base/etc/ssl/certs/ca-certificates.crt"
    printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' > "$WORK/base/etc/pip.conf"
    tar -C "$WORK/base" -c . | docker import - "$BASE" > /dev/null
fi

say "building"
docker build --network host -q -f deploy/docker/Dockerfile -t "$IMAGE" .
docker image ls "$IMAGE" --format '{{.Size}}'

say "services"
export UNLEARN_SERVICES_DIR=$WORK/services UNLEARN_MODEL=image-check UNLEARN_SECRET=only-to-check-the-image-0001
"$ROOT/.venv/bin/unlearn" services up
PASSWORD=$(cat "$WORK"/services/redis*/password* 2> /dev/null | head -1)

unlearn() {
    docker run --rm -i --name "${NAME:-$IMAGE-once-$RANDOM}" --network host --read-only --tmpfs /tmp --user 12345:12345 \
        --cap-drop ALL --security-opt no-new-privileges -v "$IMAGE-store:/store" \
        -e UNLEARN_MODEL -e UNLEARN_SECRET -e UNLEARN_REDIS__URL -e UNLEARN_HTTP --env HOME= ${DETACH:-} "$IMAGE" "$@"
}
[ -n "$PASSWORD" ] && export UNLEARN_REDIS__URL=redis://:$PASSWORD@127.0.0.1:6379/0
docker volume rm -f "$IMAGE-store" > /dev/null

say "a stream through the image"
unlearn topics create
for i in $(seq 300); do
    echo '{"type":"insert","event_id":"e'"$i"'","record_id":"r'"$i"'","subject_id":"s'$((i % 30))'","label":"'"$([ $((i % 2)) = 0 ] && echo spam || echo ham)"'","text":"word'$((i % 7))' and word'"$((i % 11))"'"}'
done | unlearn send -
export UNLEARN_HTTP=127.0.0.1:$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
NAME=$IMAGE-worker DETACH=--detach unlearn work > /dev/null
for _ in $(seq 120); do unlearn work --check > /dev/null 2>&1 && break; sleep 1; done
unlearn work --check || { docker logs "$IMAGE-worker"; exit 1; }
printf 's1\ns2\ns3\n' | unlearn forget --subjects - --wait 120 --open /tmp/open.csv
docker stop -t 60 "$IMAGE-worker" > /dev/null
unlearn work --drain
unlearn verify
unlearn verify --from-log
echo 'word1 and word2' | unlearn score -
say "all was as it should be"
