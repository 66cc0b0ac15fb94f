"""The demo's last page."""

from tests.demo.watch import phases


def write(world, traffic, certificates: list, lag_ms: int, differences: dict) -> list:
    """The report, line by line."""
    figures = traffic.figures()
    lines = ["operations             done   repeated   open   longest pause"]
    for name, kind in figures.items():
        lines.append(f"  {name:<18} {kind.done:>6,} {kind.repeated:>10,} {kind.open:>6,} {kind.longest_s:>11.2f} s")
    lines.append(f"  {'all':<18} {sum(k.done for k in figures.values()):>6,} {sum(k.repeated for k in figures.values()):>10,} "
                 f"{sum(k.open for k in figures.values()):>6,} {max(k.longest_s for k in figures.values()):>11.2f} s")
    if traffic.objects:
        lines.append(f"  object writes waited at most {traffic.frozen_s():.2f} s for the frozen bucket")
    lines.append(f"  replication lag at most {lag_ms / 1000:.1f} s")
    errors = traffic.errors()
    lines.append("errors met by clients: " + (", ".join(f"{count} × {name}" for name, count in errors.most_common(8)) or "none"))
    for subject in sorted({certificate["subject"] for certificate in certificates}):
        lines.append(f"phases of {subject}")
        lines += _phases(world, subject)
    lines.append("certificates")
    lines += [_certificate(certificate) for certificate in certificates]
    lines.append("audit")
    for what, found in differences.items():
        lines.append(f"  {what}: " + ("as acknowledged, byte for byte" if not found else f"{len(found)} VIOLATIONS"))
        lines += [f"    {violation}" for violation in found[:20]]
    return lines


def _phases(world, subject: str) -> list:
    runs = {}
    for run, phase, seconds in phases(world, subject):
        runs.setdefault(run, []).append(phase if seconds is None else f"{phase} {seconds:.1f} s")
    return [f"  run {run}: " + ", ".join(parts) for run, parts in runs.items()]


def _certificate(certificate: dict) -> str:
    counts = certificate["counts"]
    return (f"  run {certificate['run']} {certificate['direction']:<7} {certificate['subject']}: {counts['read']:,} compared, "
            f"{counts['native']:,} handed off by clients before, digest {str(certificate['source_digest'])[:16]}")
