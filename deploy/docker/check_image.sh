#!/usr/bin/env bash
# Run by check.sh, which starts an engine.
set -euo pipefail
. deploy/docker/engine.sh
NAMES=unlearn-check
RUN=$(mktemp -d -p "$WORK")

cleanup() {
    docker rm -f "$NAMES-worker" > /dev/null 2>&1 || true
    [ ! -f "$RUN/s3/pid" ] || kill "$(cat "$RUN/s3/pid")" 2> /dev/null || true
    docker volume rm -f "$NAMES-store" > /dev/null 2>&1 || true
    .venv/bin/unlearn services down --erase > /dev/null 2>&1 || true
}
trap cleanup EXIT

build_image
docker image ls unlearn --format '{{.Size}}'

say "no compiler is in it"
docker run --rm --network none --read-only --entrypoint sh unlearn -c \
    'IFS=:; places=$PATH:/usr/libexec:/usr/lib/gcc; for place in $places; do [ ! -d "$place" ] || find "$place/" ! -type d; done' \
    | sed 's#.*/##' | sort -u > "$RUN/programs"
grep -qx sh "$RUN/programs"
if grep -xE '(.*-linux-gnu-)?(cc|c\+\+|cc1|cc1plus|gcc|g\+\+|cpp|clang|clang\+\+|tcc|as|ld|make|rustc|go)(-[0-9.]+)?' "$RUN/programs"; then
    exit 1
fi

say "modules of one's own are found"
mkdir "$RUN/modules"
echo 'def token(): return "found"' > "$RUN/modules/tokens_of_ours.py"
chmod -R a+rX "$RUN/modules"
docker run --rm --network none --read-only -v "$RUN/modules:/opt/modules:ro" --entrypoint python unlearn \
    -c 'import tokens_of_ours; print(tokens_of_ours.token())' | grep -x found

say "services"
export UNLEARN_SERVICES_DIR=$RUN UNLEARN_MODEL=image-check UNLEARN_SECRET=only-to-check-the-image-0001
free_addresses
.venv/bin/unlearn services up
PASSWORD=$(cat "$RUN"/redis*/password* 2> /dev/null | head -1)

learned() { awk '$3 == "equal" && $6 > 0 { shards++ } END { exit shards < 6 }' "$1"; }
# DETACH and MORE are options of `docker run`.
unlearn() {
    docker run --rm -i --name "${NAME:-$NAMES-once-$RANDOM}" --network host --read-only --tmpfs /tmp --user 12345:12345 \
        --cap-drop ALL --security-opt no-new-privileges -v "$NAMES-store:/store" \
        -e UNLEARN_MODEL -e UNLEARN_SECRET -e UNLEARN_KAFKA__BOOTSTRAP_SERVERS -e UNLEARN_REDIS__URL -e UNLEARN_HTTP --env HOME= \
        ${DETACH:-} ${MORE:-} unlearn "$@"
}
[ -n "$PASSWORD" ] && export UNLEARN_REDIS__URL=${UNLEARN_REDIS__URL/:\/\//:\/\/:$PASSWORD@}
docker volume rm -f "$NAMES-store" > /dev/null

say "a stream through the image"
unlearn topics create
inserts 300 | unlearn send -
export UNLEARN_HTTP=127.0.0.1:$FREE_PORT
NAME=$NAMES-worker DETACH=--detach unlearn work > /dev/null
for _ in $(seq 120); do unlearn work --check > /dev/null 2>&1 && break; sleep 1; done
unlearn work --check || { docker logs "$NAMES-worker"; exit 1; }
printf 's1\ns2\ns3\n' | unlearn forget --subjects - --wait 120 --open /tmp/open.csv
docker stop -t 60 "$NAMES-worker" > /dev/null
unlearn work --drain
# A worker that drains ends its slices, so that most shards have learned something.
unlearn verify | tee "$RUN/verified"
learned "$RUN/verified"
unlearn verify --from-log
echo 'word1 and word2' | unlearn score -

say "kernels are those that were compiled with the image: none is compiled anew"
inserts 400 | tail -100 | unlearn send -
echo 's4' | unlearn forget --subjects - --open /tmp/open.csv --wait 0 || [ $? = 75 ]
MORE='--entrypoint python' unlearn - < deploy/docker/kernels_as_built.py

say "the same with the store in a bucket: Kafka, Redis and an S3 server are all that it shares"
export UNLEARN_MODEL=image-check-bucket
.venv/bin/python - "$RUN/s3" "$S3_PORT" << 'END'
import sys
from pathlib import Path

from tests.object_server import ObjectServer, built_server

server = ObjectServer(built_server(), Path(sys.argv[1]), int(sys.argv[2]))
server.start()
server.make_bucket("models")
Path(sys.argv[1], "login").write_text("".join(f"{name}={value}\n" for name, value in server.environment.items()))
END
MORE="--env-file $RUN/s3/login -e UNLEARN_STORE__URL=s3://models/check -e UNLEARN_STORE__ENDPOINT=http://127.0.0.1:$S3_PORT"
unlearn topics create
inserts 300 | unlearn send -
unlearn work --drain
printf 's1\ns2\n' | unlearn forget --subjects - --open /tmp/open.csv --wait 0 || [ $? = 75 ]
unlearn work --drain
unlearn verify | tee "$RUN/verified"
learned "$RUN/verified"
unlearn verify --from-log
echo 'word1 and word2' | unlearn score -
