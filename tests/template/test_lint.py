"""The template is valid by the two linters that people run before they deploy it."""

import os
import subprocess
import sys

from .cfn import ROOT

TOOLS = os.path.dirname(sys.executable)


def run(*command: str) -> subprocess.CompletedProcess:
    env = {**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_DEFAULT_REGION": "us-east-1"}
    return subprocess.run([os.path.join(TOOLS, command[0]), *command[1:]], cwd=ROOT, env=env,
                          capture_output=True, text=True, timeout=300, check=False)


def test_cfn_lint_finds_nothing():
    result = run("cfn-lint", "template.yaml")
    assert result.returncode == 0, result.stdout + result.stderr


def test_sam_validate_finds_nothing():
    result = run("sam", "validate", "--lint", "--template", "template.yaml")
    assert result.returncode == 0, result.stdout + result.stderr


def test_lint_sees_a_broken_template(tmp_path):
    """The linters would say so: the same template with one reference to nothing."""
    text = (ROOT / "template.yaml").read_text()
    broken = tmp_path / "template.yaml"
    broken.write_text(text.replace("!Ref ForwardRecordsDead\n", "!Ref NoSuchQueue\n", 1))
    assert broken.read_text() != text
    assert run("cfn-lint", str(broken)).returncode != 0
