"""Renders the chart by Helm's own library and checks what comes out with the schemas of Kubernetes.

Run by the Python of .build-python, which has both: a list of values as JSON on the standard input; for each the manifests, or
why there are none, on the standard output. "lint" among them is what `helm lint` finds.
"""
import json
import sys

import helm_python
import kubernetes_validate
import yaml

# Of the Prometheus operator: Kubernetes has no schema of it.
FOREIGN = {"ServiceMonitor"}


def manifests(chart, values):
    chart.validate_schema(values)
    documents = []
    for name, text in sorted(chart.render(values, name="demo", namespace="calls").items()):
        if not name.endswith(".yaml"):
            continue
        for document in yaml.safe_load_all(text):
            if not document:
                continue
            if document["kind"] not in FOREIGN:
                kubernetes_validate.validate(document, "1.31", strict=True)
            documents.append(document)
    return documents


def main():
    folder = sys.argv[1]
    results = []
    with helm_python.Chart.load(folder) as chart:
        for values in json.load(sys.stdin):
            try:
                results.append({"manifests": manifests(chart, values)})
            except helm_python.HelmError as error:
                results.append({"refused": str(error)})
    lint = helm_python.lint(folder, {"existingSecret": "stund"})
    json.dump({"lint": lint, "results": results}, sys.stdout)


main()
