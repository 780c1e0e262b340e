{{- define "unlearn.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "unlearn" $name) }}{{ $name = printf "%s-unlearn" $name }}{{ end -}}
{{- $name | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* What never changes of a role's labels: (dict "root" $ "role" "worker"). */}}
{{- define "unlearn.selector" -}}
app.kubernetes.io/name: unlearn
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "unlearn.labels" -}}
{{ include "unlearn.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "unlearn.account" -}}
{{ .Values.serviceAccount.name | default (include "unlearn.name" .) }}
{{- end }}

{{/* The account of a role's pods: one of its own, or that of all. The topics' hook runs before the release's own is there. */}}
{{- define "unlearn.accountOf" -}}
{{- $values := .root.Values -}}
{{- $shared := ternary $values.serviceAccount.name (include "unlearn.account" .root) (eq .role "topics") -}}
{{ (index $values .role).serviceAccount | default $shared }}
{{- end }}

{{/* Who a role is on Kafka, as variables: its own names, or those of all. A login that needs a name and has none is an error. */}}
{{- define "unlearn.identity" -}}
{{- $kafka := .root.Values.kafka -}}
{{- $own := index .root.Values .role -}}
{{- $user := $own.saslUsername | default $kafka.saslUsername -}}
{{- $client := $own.saslClientId | default $kafka.saslClientId -}}
{{- if and (has $kafka.saslMechanism (list "PLAIN" "SCRAM-SHA-256" "SCRAM-SHA-512")) (not $user) -}}
{{- fail (printf "%s needs a user of Kafka for %s: set %s.saslUsername, or kafka.saslUsername for all" .role $kafka.saslMechanism .role) -}}
{{- end -}}
{{- $names := dict -}}
{{- with $user }}{{ $names = set $names "UNLEARN_KAFKA__SASL_USERNAME" . }}{{ end -}}
{{- with $client }}{{ $names = set $names "UNLEARN_KAFKA__SASL_CLIENT_ID" . }}{{ end -}}
{{ $names | toJson }}
{{- end }}

{{/* Whether the store is a folder, which a volume brings: "yes" or nothing. */}}
{{- define "unlearn.folder" -}}
{{ if not .Values.store.url }}yes{{ end }}
{{- end }}

{{- define "unlearn.claim" -}}
{{ .Values.store.claim | default (printf "%s-store" (include "unlearn.name" .)) }}
{{- end }}

{{/* The variables of all pods. */}}
{{- define "unlearn.settings" -}}
UNLEARN_MODEL: {{ .Values.model | quote }}
UNLEARN_KAFKA__BOOTSTRAP_SERVERS: {{ .Values.kafka.bootstrapServers | quote }}
UNLEARN_KAFKA__SECURITY_PROTOCOL: {{ .Values.kafka.securityProtocol | quote }}
{{- with .Values.kafka.saslMechanism }}
UNLEARN_KAFKA__SASL_MECHANISM: {{ . | quote }}
{{- end }}
UNLEARN_STORE__URL: {{ .Values.store.url | default "file:///store" | quote }}
UNLEARN_LOG_FORMAT: json
{{- range $name, $value := .Values.settings }}
{{ $name }}: {{ if kindIs "string" $value }}{{ $value | quote }}{{ else }}{{ $value | toJson | quote }}{{ end }}
{{- end }}
{{- end }}

{{/* A role's variables that name files, as JSON: those of all pods and its own. */}}
{{- define "unlearn.files" -}}
{{ merge (dict) (index .root.Values .role).files .root.Values.files | toJson }}
{{- end }}

{{/* The names by which a role with a Service is asked for, as JSON: the Service's, and those of its values. */}}
{{- define "unlearn.hosts" -}}
{{- $service := printf "%s-%s" (include "unlearn.name" .root) .role -}}
{{- $there := printf "%s.%s" $service .root.Release.Namespace -}}
{{- $own := index .root.Values .role -}}
{{ concat (list $service $there (printf "%s.svc" $there) (printf "%s.svc.cluster.local" $there)) $own.hosts | toJson }}
{{- end }}

{{/* A pod's specification: (dict "root" $ "role" ROLE "args" LIST "port" PORT "portName" NAME). */}}
{{- define "unlearn.pod" -}}
{{- $v := .root.Values -}}
{{- $own := index $v .role -}}
{{- $scheme := ternary "HTTPS" "HTTP" (get $own "tls" | default false) -}}
{{- $files := include "unlearn.files" . | fromJson -}}
{{- $store := or (eq .role "worker") (eq .role "serve") (eq .role "console") -}}
automountServiceAccountToken: false
{{- with include "unlearn.accountOf" . }}
serviceAccountName: {{ . }}
{{- end }}
# Kubernetes would name each Service in variables UNLEARN_..., and a variable that is no setting is refused.
enableServiceLinks: false
{{- with $v.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- if eq .role "worker" }}
terminationGracePeriodSeconds: {{ add $v.worker.drainWithin 20 }}
{{- with $own.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- if ne .role "topics" }}
topologySpreadConstraints:
  {{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "unlearn.selector" $ | nindent 8 }}
  {{- end }}
{{- end }}
containers:
  - name: {{ .role }}
    image: "{{ $v.image.repository }}:{{ $v.image.tag | default .root.Chart.AppVersion }}"
    imagePullPolicy: {{ $v.image.pullPolicy }}
    args: {{ .args | toJson }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    {{- if ne .role "topics" }}
    envFrom:
      - configMapRef: {name: {{ include "unlearn.name" .root }}}
      {{- with and $store ($own.storeLoginSecret | default $v.store.loginSecret) }}
      - secretRef: {name: {{ . }}}
      {{- end }}
    {{- end }}
    env:
      {{- if eq .role "topics" }}
      # It runs before the release's own ConfigMap and account are there.
      {{- range $variable, $value := include "unlearn.settings" .root | fromYaml }}
      - {name: {{ $variable }}, value: {{ $value | quote }}}
      {{- end }}
      {{- end }}
      {{- range $variable, $name := include "unlearn.identity" . | fromJson }}
      - {name: {{ $variable }}, value: {{ $name | quote }}}
      {{- end }}
      {{- if eq .role "worker" }}
      # The pod's name stays through restarts: a restart within the session timeout moves no partition.
      - name: UNLEARN_KAFKA__GROUP_INSTANCE_ID
        valueFrom: {fieldRef: {fieldPath: metadata.name}}
      - {name: UNLEARN_KAFKA__SESSION_TIMEOUT, value: {{ $v.worker.sessionTimeout | quote }}}
      - {name: UNLEARN_DRAIN_WITHIN, value: {{ $v.worker.drainWithin | quote }}}
      - {name: UNLEARN_HTTP, value: "0.0.0.0:{{ .port }}"}
      {{- end }}
      {{- if and (eq .role "gateway") $v.gateway.domain }}
      - {name: UNLEARN_GATEWAY__DOMAIN, value: {{ $v.gateway.domain | quote }}}
      {{- end }}
      {{- if and (eq .role "console") $v.serve.enabled }}
      {{- $server := printf "%s://%s-serve:%v" (ternary "https" "http" $v.serve.tls) (include "unlearn.name" .root) $v.serve.port }}
      - {name: UNLEARN_CONSOLE__SCORERS, value: {{ list $server | toJson | quote }}}
      {{- end }}
      {{- with get (dict "serve" "UNLEARN_SERVING__HOSTS" "gateway" "UNLEARN_GATEWAY__HOSTS" "console" "UNLEARN_CONSOLE__HOSTS") .role }}
      - {name: {{ . }}, value: {{ include "unlearn.hosts" $ | quote }}}
      {{- end }}
      {{- range $variable := keys $files | sortAlpha }}
      - {name: {{ $variable }}, value: /etc/unlearn/{{ $variable }}}
      {{- end }}
    {{- with .port }}
    ports:
      - {name: {{ $.portName }}, containerPort: {{ . }}, protocol: TCP}
    # It starts before Kafka and Redis answer; a first start may compile for a minute.
    startupProbe:
      httpGet: {path: /livez, port: {{ $.portName }}, scheme: {{ $scheme }}}
      periodSeconds: 5
      failureThreshold: 60
    livenessProbe:
      httpGet: {path: /livez, port: {{ $.portName }}, scheme: {{ $scheme }}}
      periodSeconds: 20
      timeoutSeconds: 10
      failureThreshold: 3
    readinessProbe:
      httpGet: {path: /readyz, port: {{ $.portName }}, scheme: {{ $scheme }}}
      periodSeconds: 10
      timeoutSeconds: 5
    {{- end }}
    resources: {{- toYaml $own.resources | nindent 6 }}
    volumeMounts:
      - {name: scratch, mountPath: /tmp}
      {{- if $files }}
      - {name: files, mountPath: /etc/unlearn, readOnly: true}
      {{- end }}
      {{- if and $store (include "unlearn.folder" .root) }}
      - {name: store, mountPath: /store{{ if ne .role "worker" }}, readOnly: true{{ end }}}
      {{- end }}
volumes:
  - name: scratch
    emptyDir: {sizeLimit: {{ $v.worker.scratch }}}
  {{- if $files }}
  - name: files
    projected:
      # fsGroup lets the group read; nobody else can.
      defaultMode: 0440
      sources:
        {{- range $variable := keys $files | sortAlpha }}
        {{- $file := index $files $variable }}
        - secret: {name: {{ $file.secret }}, items: [{key: {{ $file.key }}, path: {{ $variable }}}]}
        {{- end }}
  {{- end }}
  {{- if and $store (include "unlearn.folder" .root) }}
  - name: store
    persistentVolumeClaim: {claimName: {{ include "unlearn.claim" .root }}{{ if ne .role "worker" }}, readOnly: true{{ end }}}
  {{- end }}
{{- end }}
