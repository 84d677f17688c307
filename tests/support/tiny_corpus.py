"""Small brat corpora with the n2c2 labels, written on the spot."""

from __future__ import annotations

import random
from pathlib import Path

_DRUGS = ("lisinopril", "warfarin", "metformin", "aspirin", "heparin", "atenolol")
_DOSES = ("10 mg", "5 mg", "500 mg", "81 mg", "20 units")
_REASONS = ("hypertension", "atrial fibrillation", "diabetes", "chest pain", "fever")


def write_corpus(
    folder: Path, documents: int = 2, sentences: int = 6, seed: int = 0, end: str = ".\n"
) -> Path:
    """Notes of sentences such as "He takes aspirin 81 mg for chest pain." with gold."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(seed)
    for number in range(documents):
        text, lines = "", []
        for sentence in range(sentences):
            ids = [f"T{3 * sentence + i}" for i in (1, 2, 3)]
            parts = [
                ("He takes ", None),
                (draw.choice(_DRUGS), "Drug"),
                (" ", None),
                (draw.choice(_DOSES), "Strength"),
                (" for ", None),
                (draw.choice(_REASONS), "Reason"),
                (end, None),
            ]
            names = iter(ids)
            for words, kind in parts:
                if kind:
                    span = f"{len(text)} {len(text) + len(words)}"
                    lines.append(f"{next(names)}\t{kind} {span}\t{words}")
                text += words
            for index, kind in ((1, "Strength-Drug"), (2, "Reason-Drug")):
                number_of = 2 * sentence + index
                lines.append(f"R{number_of}\t{kind} Arg1:{ids[index]} Arg2:{ids[0]}")
        (folder / f"note{number}.txt").write_text(text, encoding="utf-8")
        (folder / f"note{number}.ann").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


#: Settings of a model that trains in a second, from scratch, on one thread.
TINY = {
    "run.system": "jnrf",  # so that the command line chooses none
    "run.max_tokens": 0,
    "data.vocabulary": 150,
    "model.embeddings": None,
    "model.embedding_size": 16,
    "model.hidden_size": 16,
    "model.num_layers": 2,
    "model.mixing_windows": "2,0",
    "model.relation_size": 8,
    "run.device": "cpu",
    "run.threads": 1,
    "run.tensorboard": False,
}
