{{- define "stund.name" -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- end }}

{{- define "stund.selector" -}}
app.kubernetes.io/name: stund
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "stund.labels" -}}
{{ include "stund.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /* Whether TURN is on; YAML takes an "off" without quotes for false. */ -}}
{{- define "stund.relays" -}}
{{ ternary "no" "yes" (has (toString (get .Values.settings "turn")) (list "off" "no" "false")) }}
{{- end }}

{{- /* What cannot work is refused before anything is installed. */ -}}
{{- define "stund.check" -}}
{{- if and (not .Values.existingSecret) (eq (include "stund.relays" .) "yes") }}
{{- fail "existingSecret is needed: its key turn-secrets is what your web service makes credentials with. Without TURN set settings.turn: \"off\"." }}
{{- end }}
{{- if and .Values.console.enabled (not .Values.existingSecret) }}
{{- fail "console.enabled needs existingSecret with the key http-password-hash: without a password only the pod itself reaches the console." }}
{{- end }}
{{- if and .Values.serviceMonitor.enabled (not .Values.console.enabled) }}
{{- fail "serviceMonitor.enabled needs console.enabled: the figures are served at the console's port." }}
{{- end }}
{{- if gt (int .Values.relayPorts.first) (int .Values.relayPorts.last) }}
{{- fail "relayPorts.first is above relayPorts.last." }}
{{- end }}
{{- if and (not .Values.hostNetwork) (gt (int .Values.replicas) 1) }}
{{- fail "Without hostNetwork all servers would share one address, and peers would reach the wrong one: use one replica, or install the chart several times." }}
{{- end }}
{{- if and (not .Values.hostNetwork) (gt (sub (int .Values.relayPorts.last) (int .Values.relayPorts.first)) 999) }}
{{- fail "Without hostNetwork each of relayPorts is a port of the service: use 1000 at most." }}
{{- end }}
{{- end }}
