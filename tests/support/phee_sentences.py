"""Sentences of our own, with events in the form that PHEE is published in."""

from __future__ import annotations


def field(text: str, *spans: str | tuple[str, ...], **inner) -> dict:
    """An argument as PHEE has it: each span is a piece of the text, or several."""
    pieces = [[span] if isinstance(span, str) else list(span) for span in spans]
    return {
        "text": pieces,
        "start": [[text.index(piece) for piece in span] for span in pieces],
        "entity_id": ["T1"] * len(spans),
    } | inner


def sentence(id: str, text: str, *events: dict) -> dict:
    return {
        "id": id,
        "context": text,
        "is_mult_event": len(events) > 1,
        "annotations": [{"events": list(events)}],
    }


SEVERE = (
    "An old man may have had a severe rash of arms and back after oral zeldrin 5 mg with morvic "
    "for gout."
)
HELPED = "Zeldrin helped him for two weeks."


def severe() -> dict:
    t = SEVERE
    treatment = field(
        t,
        "oral zeldrin 5 mg with morvic",
        Drug=field(t, "zeldrin", "morvic"),
        Route=field(t, "oral"),
        Dosage=field(t, "5 mg"),
        Disorder=field(t, "gout"),
        Time_elapsed=field(t, "after"),
        Combination=[
            {
                "event_id": "E2",
                "event_type": "Combination",
                "Trigger": field(t, "with"),
                "Drug": field(t, "zeldrin", "morvic"),
            }
        ],
    )
    return sentence(
        "900_2",
        t,
        {
            "event_id": "E1",
            "event_type": "Adverse_event",
            "Trigger": field(t, "had"),
            "Subject": field(t, "An old man", Age=field(t, "old"), Gender=field(t, "man")),
            "Treatment": treatment,
            "Effect": field(t, ("rash of arms", "back")),
            "Speculated": field(t, "may", value=True),
            "Severity": field(t, "severe", value="High"),
        },
    )


def helped(id: str = "900_1") -> dict:
    t = HELPED
    return sentence(
        id,
        t,
        {
            "event_id": "E1",
            "event_type": "Potential_therapeutic_event",
            "Trigger": field(t, "helped"),
            "Treatment": field(
                t, "Zeldrin", Drug=field(t, "Zeldrin"), Duration=field(t, "two weeks")
            ),
            "Effect": field(t, "helped him"),
        },
    )
