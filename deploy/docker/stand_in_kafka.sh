#!/usr/bin/env bash
# Starts Kafka as its own image does: properties are variables KAFKA_..., and new storage is formatted first.
set -euo pipefail
env | sed -n 's/^KAFKA_\([A-Z_]*\)=\(.*\)/\1=\2/p' | while IFS='=' read -r name value; do
    name=${name,,}
    echo "${name//_/.}=$value"
done > /tmp/server.properties
cd /tmp
java=(java -Xmx512m -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '/opt/kafka/libs/*')
"${java[@]}" kafka.tools.StorageTool format --ignore-formatted -t "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" -c server.properties
exec "${java[@]}" kafka.Kafka server.properties
