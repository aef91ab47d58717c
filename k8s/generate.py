"""Wraps deploy/prometheus/rules.yml into monitoring's prometheus-rule.yaml: `python k8s/generate.py`.

The rules stand once, where promtool tests them; the operator wants the same wrapped into a resource. A test
holds the two against each other.
"""

from pathlib import Path

HERE = Path(__file__).parent
RULES = HERE.parent / "deploy" / "prometheus" / "rules.yml"
RESOURCE = HERE / "components" / "monitoring" / "prometheus-rule.yaml"
HEAD = """\
# Made from deploy/prometheus/rules.yml by `python k8s/generate.py`: change the rules there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: stream-classifier
  labels:
    release: kube-prometheus-stack # what your Prometheus selects by (`ruleSelector`)
spec:
"""


def resource(rules: str) -> str:
    """The resource that holds these rules, comments and all."""
    lines = (f"  {line}" if line.strip() else "" for line in rules.splitlines())
    return HEAD + "\n".join(lines) + "\n"


if __name__ == "__main__":
    RESOURCE.write_text(resource(RULES.read_text()))
