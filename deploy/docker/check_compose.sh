#!/usr/bin/env bash
# Run by check.sh, which starts an engine.
set -euo pipefail
. deploy/docker/engine.sh
build_image
need_services "$(sed -n 's/^ *image: \(apache\/kafka:.*\)$/\1/p' deploy/docker/compose.yaml)"

if docker compose version > /dev/null 2>&1; then
    COMPOSE=(docker compose)
else
    TOOLS=${XDG_CACHE_HOME:-$HOME/.cache}/unlearn/compose
    if [ ! -x "$TOOLS/docker-compose" ]; then
        # Its go.mod leaves versions out, so that it can't be installed by name: it is built as a part of an empty module.
        say "building compose"
        mkdir -p "$TOOLS"
        (cd "$(mktemp -d -p "$WORK")" && go mod init check && go get github.com/docker/compose/v2/cmd@v2.40.3 &&
            go build -mod=mod -o "$TOOLS/docker-compose" github.com/docker/compose/v2/cmd) > "$WORK/compose.log" 2>&1
    fi
    COMPOSE=("$TOOLS/docker-compose")
fi

export SECRET_FILE=$WORK/compose-secret
python3 -c 'import secrets; print(secrets.token_hex(32))' > "$SECRET_FILE"
chmod 644 "$SECRET_FILE"
compose() { "${COMPOSE[@]}" -f deploy/docker/compose.yaml -p unlearn-check "$@"; }
trap 'compose down -v > /dev/null 2>&1 || true' EXIT
unlearn() { compose exec -T worker unlearn "$@"; }
ask() { python3 -c 'import sys, urllib.request as u
print(u.build_opener(u.ProxyHandler({})).open(sys.argv[1], sys.argv[2].encode() if len(sys.argv) > 2 else None, 20).read().decode())' "$@"; }
wait_for() { for _ in $(seq 120); do "$@" > /dev/null 2>&1 && return; sleep 1; done; compose logs --tail 40; return 1; }

say "up"
compose up -d --quiet-pull
wait_for unlearn work --check
say "a stream"
inserts 600 | unlearn send -
printf 's1\ns2\ns3\n' | unlearn forget --subjects - --wait 120 --open /tmp/open.csv
wait_for ask http://127.0.0.1:8081/readyz
ask http://127.0.0.1:8081/scores '{"texts": ["word1 and word2"]}'
# Idle partitions end their slices after UNLEARN_SEAL_AFTER: then most shards have learned something.
learned() { unlearn verify | awk '$3 == "equal" && $6 > 0 { shards++ } END { exit shards < 6 }'; }
wait_for learned
unlearn verify
unlearn verify --from-log
wait_for ask http://127.0.0.1:8082/readyz
ask http://127.0.0.1:8082/api/snapshot | head -c 400

say "taken down and up again: everything is still there"
compose down
compose up -d
wait_for unlearn work --check
printf 's4\n' | unlearn forget --subjects - --wait 120 --open /tmp/open.csv
unlearn verify --from-log
unlearn record --of s5 r5
wait_for ask http://127.0.0.1:8081/readyz

say "Prometheus scrapes all that is here, and no alert fires"
PROMETHEUS=http://127.0.0.1:9090
wait_for .venv/bin/python deploy/docker/prometheus_sees_all.py $PROMETHEUS ||
    { .venv/bin/python deploy/docker/prometheus_sees_all.py $PROMETHEUS; exit 1; }
QUERY="$PROMETHEUS/api/v1/query?query="
wait_for sh -c "$(declare -f ask); ask '${QUERY}sum(unlearn_worker_live_records)>0' | grep -q value"
ask "${QUERY}unlearn_worker_live_records"
# Where Prometheus gives no answer there is nothing to go by: that ends the check.
fires() {
    ask "${QUERY}ALERTS%7Balertstate=%22firing%22%7D" > "$WORK/alerts" || exit 1
    grep -q '"alertname"' "$WORK/alerts"
}
if fires; then
    cat "$WORK/alerts"
    exit 1
fi

say "without its worker the model isn't answered for: the same question finds an alert"
compose stop worker
for _ in $(seq 300); do fires && break; sleep 1; done
cat "$WORK/alerts"
grep -q '"UnlearnNotServed"' "$WORK/alerts"
