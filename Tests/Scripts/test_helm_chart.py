"""Proves what deploy/helm promises: the chart as Helm itself renders it, checked with the schemas of Kubernetes.

No cluster is asked: whether one starts these pods is not seen here.
"""
import json
import os
import pathlib
import subprocess
import unittest

import documented_settings
from scripts import FOLDER

ROOT = FOLDER.parent
PYTHON = pathlib.Path(os.environ.get("STUND_TEST_PYTHON") or ROOT / ".build-python/bin/python")
CHART = ROOT / "deploy/helm/stund"
SECRET = {"existingSecret": "stund"}


def has_helm():
    return PYTHON.exists() and not subprocess.run(
        [PYTHON, "-c", "import helm_python, kubernetes_validate"], capture_output=True).returncode


def helm(*cases):
    done = subprocess.run(
        [PYTHON, "-B", ROOT / "Tests/Scripts/helm_render.py", CHART], input=json.dumps(cases), capture_output=True,
        text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@unittest.skipUnless(has_helm(), "helm-python-sdk or kubernetes-validate is missing (Scripts/install-packages test)")
class HelmChart(unittest.TestCase):
    def render(self, values=None, **more):
        result = helm({**SECRET, **(values or {}), **more})["results"][0]
        self.assertNotIn("refused", result)
        return result["manifests"]

    def refusal(self, values):
        result = helm(values)["results"][0]
        self.assertIn("refused", result)
        return result["refused"]

    @staticmethod
    def named(manifests, kind, name="demo"):
        return next((m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name), None)

    def pod(self, manifests):
        return self.named(manifests, "Deployment")["spec"]["template"]["spec"]

    def settings(self, manifests):
        return self.named(manifests, "ConfigMap")["data"]["stund.yaml"]

    def test_lint_finds_nothing_but_that_there_is_no_picture(self):
        lint = helm()["lint"]
        self.assertEqual(lint["errors"], [])
        self.assertEqual([m["error"] for m in lint["messages"] if m["severity"] > 1], [])

    def test_by_default_each_server_has_the_network_of_a_node_of_its_own(self):
        manifests = self.render(replicas=3)
        pod = self.pod(manifests)
        self.assertTrue(pod["hostNetwork"])
        terms = pod["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
        self.assertEqual(terms[0]["topologyKey"], "kubernetes.io/hostname")
        labels = self.named(manifests, "Deployment")["spec"]["template"]["metadata"]["labels"]
        selector = terms[0]["labelSelector"]["matchLabels"]
        self.assertEqual(selector, {key: labels[key] for key in selector})
        self.assertIsNone(self.named(manifests, "Service"))

    def test_without_it_a_load_balancer_passes_on_every_port_that_the_server_has(self):
        manifests = self.render(hostNetwork=False, relayPorts={"first": 50000, "last": 50003}, tls={"secret": "turn-tls"})
        service = self.named(manifests, "Service")
        self.assertEqual(service["spec"]["type"], "LoadBalancer")
        self.assertEqual(service["spec"]["externalTrafficPolicy"], "Local")
        ports = {(p["port"], p["protocol"]) for p in service["spec"]["ports"]}
        self.assertEqual(
            ports,
            {(3478, "UDP"), (3478, "TCP"), (3479, "UDP"), (5349, "TCP"), (5349, "UDP")}
            | {(port, "UDP") for port in range(50000, 50004)})
        self.assertIn("relay-ports: 50000-50003", self.settings(manifests))

    def test_a_server_that_is_stopped_has_longer_than_it_drains(self):
        manifests = self.render(drainSeconds=1200, graceSeconds=7)
        self.assertEqual(self.pod(manifests)["terminationGracePeriodSeconds"], 1207)
        self.assertIn("drain-time: 1200\n", self.settings(manifests))
        self.assertGreater(self.pod(self.render())["terminationGracePeriodSeconds"], 300)

    def test_the_container_has_no_rights_and_writes_only_state_and_socket(self):
        pod = self.pod(self.render())
        container = pod["containers"][0]
        self.assertTrue(pod["securityContext"]["runAsNonRoot"])
        self.assertEqual(pod["securityContext"]["runAsUser"], 10001)
        self.assertEqual(pod["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        self.assertFalse(pod["automountServiceAccountToken"])
        rights = container["securityContext"]
        self.assertEqual(rights["capabilities"], {"drop": ["ALL"]})
        self.assertTrue(rights["readOnlyRootFilesystem"])
        self.assertFalse(rights["allowPrivilegeEscalation"])
        writable = {m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")}
        self.assertEqual(writable, {"/var/lib/stund", "/run/stund"})

    def test_secrets_come_from_the_secret_and_stand_in_no_manifest(self):
        manifests = self.render(console={"enabled": True})
        variables = {v["name"]: v["valueFrom"]["secretKeyRef"] for v in self.pod(manifests)["containers"][0]["env"]}
        self.assertEqual(variables["STUND_TURN_SECRETS"], {"name": "stund", "key": "turn-secrets", "optional": False})
        self.assertFalse(variables["STUND_HTTP_PASSWORD_HASH"]["optional"])
        self.assertTrue(variables["STUND_CLUSTER_KEY"]["optional"])
        for key in ("turn-secrets", "http-password-hash", "cluster-key", "redis-password"):
            self.assertNotIn(key + ":", self.settings(manifests))
            self.assertIn("refused", helm({**SECRET, "settings": {key: "x"}})["results"][0])

    def test_every_setting_of_chart_and_secret_is_one_that_the_server_knows(self):
        known = documented_settings.documented_keys()
        manifests = self.render(
            tls={"secret": "t"}, console={"enabled": True}, serviceMonitor={"enabled": True},
            settings={"external-ip": "203.0.113.5", "lan-peers": True, "log-level": 8, "realm": "a b"})
        keys = [line.split(":")[0] for line in self.settings(manifests).splitlines()]
        variables = [v["name"] for v in self.pod(manifests)["containers"][0]["env"]]
        keys += [name.removeprefix("STUND_").lower().replace("_", "-") for name in variables]
        self.assertEqual([key for key in keys if key not in known], [])
        self.assertEqual(len(keys), len(set(keys)), keys)
        for line in ("lan-peers: on", "log-level: 8", 'realm: "a b"', 'external-ip: "203.0.113.5"'):
            self.assertIn(line + "\n", self.settings(manifests) + "\n")

    def test_the_probes_ask_what_can_be_reached(self):
        inside = self.pod(self.render())["containers"][0]
        self.assertEqual(inside["readinessProbe"]["exec"], {"command": ["/usr/sbin/stund", "status"]})
        outside = self.pod(self.render(console={"enabled": True}))["containers"][0]
        self.assertEqual(outside["readinessProbe"]["httpGet"], {"path": "/readyz", "port": "console"})
        self.assertEqual(outside["livenessProbe"]["httpGet"], {"path": "/healthz", "port": "console"})
        self.assertIn("console", [port["name"] for port in outside["ports"]])

    def test_a_disruption_budget_for_these_pods_and_none_when_it_is_off(self):
        manifests = self.render()
        budget = self.named(manifests, "PodDisruptionBudget")
        self.assertEqual(budget["spec"]["maxUnavailable"], 1)
        self.assertEqual(budget["spec"]["selector"], self.named(manifests, "Deployment")["spec"]["selector"])
        self.assertIsNone(self.named(self.render(podDisruptionBudget={"enabled": False}), "PodDisruptionBudget"))

    def test_the_service_monitor_finds_the_console_by_labels_and_port(self):
        manifests = self.render(console={"enabled": True}, serviceMonitor={"enabled": True, "tokenSecret": "stund-token"})
        monitor = self.named(manifests, "ServiceMonitor")
        self.assertEqual(monitor["apiVersion"], "monitoring.coreos.com/v1")
        console = self.named(manifests, "Service", "demo-console")
        selector = monitor["spec"]["selector"]["matchLabels"]
        self.assertEqual(selector, {key: console["metadata"]["labels"].get(key) for key in selector})
        endpoint = monitor["spec"]["endpoints"][0]
        self.assertIn(endpoint["port"], [port["name"] for port in console["spec"]["ports"]])
        self.assertEqual(endpoint["authorization"]["credentials"], {"name": "stund-token", "key": "token"})
        self.assertNotIn("http-metrics-open", self.settings(manifests))
        # The rules and the dashboard want the job to be called stund.
        self.assertEqual(console["metadata"]["labels"][monitor["spec"]["jobLabel"]], "stund")

    def test_new_settings_start_new_servers(self):
        def mark(**values):
            template = self.named(self.render(**values), "Deployment")["spec"]["template"]
            return template["metadata"]["annotations"]["checksum/settings"]
        self.assertEqual(mark(), mark())
        self.assertNotEqual(mark(), mark(settings={"log-level": 8}))

    def test_what_cannot_work_is_refused_with_the_reason(self):
        self.assertIn("turn-secrets", self.refusal({}))
        self.assertIn("http-password-hash", self.refusal({"settings": {"turn": False}, "console": {"enabled": True}}))
        self.assertIn("console.enabled", self.refusal({**SECRET, "serviceMonitor": {"enabled": True}}))
        self.assertIn("above relayPorts.last", self.refusal({**SECRET, "relayPorts": {"first": 50001, "last": 50000}}))
        self.assertIn("one replica", self.refusal({**SECRET, "hostNetwork": False, "replicas": 2}))
        self.assertIn("1000 at most", self.refusal(
            {**SECRET, "hostNetwork": False, "relayPorts": {"first": 50000, "last": 60000}}))
        self.assertIn("existingSecrt", self.refusal({"existingSecrt": "stund"}))
        self.assertIn("ports", self.refusal({**SECRET, "ports": {"stun": 80, "stunSecond": 1, "tls": 2, "console": 3}}))

    def test_without_turn_no_secret_is_needed(self):
        for off in (False, "off"):
            result = helm({"settings": {"turn": off}})["results"][0]
            self.assertIn("manifests", result)


if __name__ == "__main__":
    unittest.main()
