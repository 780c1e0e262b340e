#!/usr/bin/env bash
# Lints the chart, renders it with each file of values/, and checks what comes out against Kubernetes' own schemas and
# our rules. Helm and kubeconform are those of the PATH, or built by Go into the user's cache; the schemas come from PyPI.
# PodMonitor, PrometheusRule, ScaledObject and TriggerAuthentication are kinds of others' operators, whose schemas are not
# there: the rules of tests/unit/test_chart.py check them. Exit code 0: all was as it should be.
set -euo pipefail
cd "$(dirname "$0")/../.."
PYTHON=.venv/bin/python
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/unlearn/chart-tools
export PATH=$PATH:$CACHE/bin
HELM=v3.22.0 KUBECONFORM=v0.8.0 SCHEMAS=1.37.0
mkdir -p "$CACHE"
say() { printf '\n== %s\n' "$*"; }

built() { command -v "$1" > /dev/null || { say "building $1"; GOBIN=$CACHE/bin go install "$2"; }; }
built helm helm.sh/helm/v3/cmd/helm@$HELM
built kubeconform github.com/yannh/kubeconform/cmd/kubeconform@$KUBECONFORM

if [ ! -d "$CACHE/schemas-$SCHEMAS" ]; then
    say "fetching Kubernetes' schemas"
    SCRATCH=$(mktemp -d -p "$CACHE")
    $PYTHON -m pip download -q --no-deps --disable-pip-version-check -d "$SCRATCH" kubernetes-validate==$SCHEMAS
    $PYTHON -m zipfile -e "$SCRATCH"/*.whl "$SCRATCH/all"
    for version in 1.27.0 1.31.0 1.37.0; do
        mkdir -p "$SCRATCH/schemas"
        cp -r "$SCRATCH/all/kubernetes_validate/kubernetes-json-schema/v$version-local-strict" "$SCRATCH/schemas/v$version"
    done
    # They refer to each other by addresses of a server; here they are files side by side.
    find "$SCRATCH/schemas" -name '*.json' -exec sed -i 's#"/api/_definitions.json#"_definitions.json#; s#"$id": "#"x-id": "#' {} +
    mv "$SCRATCH/schemas" "$CACHE/schemas-$SCHEMAS"
    rm -rf "$SCRATCH"
fi

for values in deploy/helm/values/*.yaml; do
    say "$values"
    helm lint --strict --quiet deploy/helm/unlearn -f "$values"
    for version in 1.27.0 1.31.0 1.37.0; do
        helm template mail deploy/helm/unlearn --kube-version $version -f "$values" |
            kubeconform -strict -summary -kubernetes-version $version -skip PodMonitor,PrometheusRule,ScaledObject,TriggerAuthentication \
                -schema-location "$CACHE/schemas-$SCHEMAS/{{.NormalizedKubernetesVersion}}/{{.ResourceKind}}{{.KindSuffix}}.json"
    done
done

say "our rules"
$PYTHON -m pytest -q -p no:cacheprovider tests/unit/test_chart.py
say "all was as it should be"
