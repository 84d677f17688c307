"""A document with one of every kind of annotation."""

from __future__ import annotations

from jnrf_ext.documents.document import (
    Attribute,
    Document,
    Equivalence,
    Event,
    Mention,
    Normalization,
    Note,
    Relation,
)

TEXT = "Started aspirin 81 mg po\ndaily for pain."


def a_document() -> Document:
    """One of every kind of annotation."""
    return Document(
        "note",
        TEXT,
        mentions=[
            Mention("T1", "Drug", ((8, 15),), "aspirin", 0.75),
            Mention("T2", "Strength", ((16, 21),), "81 mg"),
            Mention("T3", "Sig", ((22, 24), (25, 30)), "po daily"),
            Mention("T4", "Start", ((0, 7),), "Started"),
        ],
        relations=[
            Relation("R1", "Strength-Drug", "T2", "T1", score=0.5),
            Relation("R2", "Of", "T4", "T1", None, "Theme", "Agent", head_ref="E1"),
        ],
        events=[
            Event("E1", "Start", "T4", (("Theme", "T1"), ("Dose", "T2"))),
            Event("E2", "X", "T3"),
        ],
        equivalences=[Equivalence("SAME", ("T1", "E1", "T2"))],
        attributes=[Attribute("A1", "Negated", "T1"), Attribute("M2", "Trend", "E1", "going UP")],
        normalizations=[Normalization("N1", "Reference", "T1", "RxNorm:1191", "aspirin")],
        notes=[Note("#1", "AnnotatorNotes", "T1", "as\tbefore")],
    )
