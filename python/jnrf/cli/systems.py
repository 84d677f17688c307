"""``jnrf systems``: which systems can be trained, and what each is made of."""

from __future__ import annotations

import argparse

NAME = "systems"
HELP = "list the systems that `jnrf train --system NAME` trains, and what each is made of"


#: What is said of a system that tags mentions alone
FINDS_NO_RELATIONS = "mentions only, no relations"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``--json`` for programs."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def collect() -> list[dict]:
    """A row a system, as plain JSON types; parameters are None where weights are not installed."""
    from jnrf.systems import count_parameters, describe, load_system, system_names

    rows = []
    for name in system_names():
        system = load_system(name)
        config = system.config
        rows.append(
            {"name": name, "title": system.title, "paper": system.paper}
            | describe(config)
            | {"parameters": count_parameters(config)}
        )
    return rows


def run(args: argparse.Namespace) -> int:
    """Print them for a person or, with ``--json``, for a program."""
    import json

    rows = collect()
    if args.json:
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return 0
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    for row in rows:
        counts = row["parameters"]
        sizes = "needs weights that are not installed"
        if counts:
            sizes = f"{counts['trainable']:,} trained"
            sizes += f", {counts['frozen']:,} frozen" * bool(counts["frozen"])
        console.print(row["name"], style="bold")
        console.print(f"  {row['title']}")
        console.print(f"  {row['paper']}")
        finds = "mentions and relations" if "relations" in row["tasks"] else FINDS_NO_RELATIONS
        lines = {"finds": finds, "encoder": row["encoder"], "tags": row["tag_head"]}
        lines |= {"relations": row["relation_head"], "shared": row["shared"], "parameters": sizes}
        for label, text in lines.items():
            console.print(f"  {label + ':':<12}{text}")
    console.print("\nParameters are counted for the labels of n2c2: 9 entity types, 8 relations.")
    console.print("next: jnrf train --system NAME --train DIR --dev DIR --out RUN")
    return 0
