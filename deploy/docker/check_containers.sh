#!/usr/bin/env bash
# Run by check.sh, which starts an engine.
set -euo pipefail
. deploy/docker/engine.sh
KAFKA=$(.venv/bin/python -c 'from unlearn.services.docker import IMAGE; print(IMAGE)')
REDIS=$(.venv/bin/python -c 'from tests.containers import REDIS_IMAGE; print(REDIS_IMAGE)')
need_services "$KAFKA"

say "tests on containers"
SINCE=$(date +%s)
TESTCONTAINERS_RYUK_DISABLED=true .venv/bin/python -m pytest -q -p no:cacheprovider \
    tests/integration/test_receipts.py tests/integration/test_record.py tests/integration/log/test_kafka_keeps_the_protocol.py
# Without an engine or an image the fixtures take other ways: then this showed nothing.
docker events --since "$SINCE" --until "$(date +%s)" --filter event=start --format '{{.From}}' | sort | uniq -c | tee "$WORK/started"
grep -q "$KAFKA" "$WORK/started" && grep -q "$REDIS" "$WORK/started"

say "unlearn services"
export UNLEARN_SERVICES_DIR=$WORK/services UNLEARN_MODEL=services-check UNLEARN_SECRET=only-to-check-services-0001
free_addresses
trap '.venv/bin/unlearn services down --erase > /dev/null' EXIT
.venv/bin/unlearn services up | tee "$WORK/up"
grep -q "kafka.*started in a container" "$WORK/up"
.venv/bin/unlearn topics create
inserts 100 | .venv/bin/unlearn send -
.venv/bin/unlearn work --drain
.venv/bin/unlearn services down
.venv/bin/unlearn services up
.venv/bin/unlearn verify
.venv/bin/unlearn verify --from-log
