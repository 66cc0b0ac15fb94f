"""What a chaos run came to, in lines."""

SHOWN = 10


def lines(outcome) -> list:
    """Figures first, then what is wrong, and how to do it again."""
    acts, faults = outcome.acts, outcome.faults
    said = [
        f"operations acknowledged   {outcome.operations:>9,}",
        f"  with an unknown outcome {outcome.open:>9,}",
        f"longest freeze of a bucket{outcome.frozen_s:>7,.0f} s",
        f"runs of the migration     {outcome.runs:>9,}",
        f"calls of the functions    {sum(faults['calls'].values()):>9,}",
        f"faults                    {sum(faults['faults'].values()):>9,}",
        *(f"  {kind:<24}{count:>9,}" for kind, count in sorted(faults["faults"].items(), key=lambda one: -one[1])),
        *(f"{act:<26}{count:>9,}" for act, count in sorted(acts.items())),
        f"lost                      {len(outcome.lost):>9,}",
        f"duplicated                {len(outcome.duplicated):>9,}",
        f"wrong for a client        {len(outcome.violations):>9,}",
    ]
    for what in (outcome.lost, outcome.duplicated, outcome.violations):
        said += [f"  {one}" for one in what[:SHOWN]]
    said.append(f"{'clean' if outcome.clean else 'NOT CLEAN'}: seed {outcome.seed}, journal {outcome.journal}")
    return said
