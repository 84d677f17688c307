"""Filling templates for one invented patient."""

from __future__ import annotations

import re
from random import Random

from jnrf.corpora.synth import fillers, lexicon, phrases
from jnrf.corpora.synth.grammar import entries, expand, pick
from jnrf.corpora.synth.layout import Piece
from jnrf.corpora.synth.orders import Order

_RANGE = re.compile(r"\{([\d.]+)-([\d.]+)\}")
_SLOT = re.compile(r"\{(\w+)(?:\.(\w+))?\}")
_MACRO = re.compile(r"\{(Sig|Amount)\.(\w)\}|\{(filler)\}")
#: What can be said of drugs that are named by their class only ("antibiotics").
_SAID_OF_CLASSES = {"Drug", "Reason", "ADE", "Duration"}


class Writer:
    """One patient: sex, drugs, and sentences about these."""

    def __init__(self, rng: Random, drugs: int) -> None:
        self.rng = rng
        self.is_woman = rng.random() < 0.5
        self.pronouns = ("she", "her") if self.is_woman else ("he", "his")
        self.year = rng.randrange(
            2101, 2199
        )  # years of the far future, as de-identified notes have
        self.orders: list[Order] = []
        names: set[str] = set()
        while len(self.orders) < drugs:
            order = self.new_order()
            # A patient takes a drug once; coined names make sure that this ends.
            if order.name.lower() not in names:
                names.add(order.name.lower())
                self.orders.append(order)
        self._fills = 0

    def new_order(self) -> Order:
        """A drug of any class."""
        return Order(self.rng, self.rng.choice(lexicon.CLASSES))

    def write(self, template: str, orders: dict[str, Order] | None = None) -> list[Piece]:
        """The template filled; drugs are those given by key, or chosen among the patient's."""
        orders = self._choose_orders(template) if orders is None else orders
        while match := _MACRO.search(template):
            said = self._macro(match, orders)
            template = template[: match.start()] + said + template[match.end() :]
        template = _RANGE.sub(self._number, expand(template, self.rng))
        self._fills += 1
        fill = self._fills  # filling a slot may fill other templates
        pieces: list[Piece] = []
        text = ""
        at = 0
        for match in _SLOT.finditer(template):
            text += template[at : match.start()]
            at = match.end()
            slot, keys = match.groups()
            said = self._said(slot, keys, orders)
            if not said:
                # A part that this drug does not have leaves no double space.
                text = text.removesuffix(" ")
                continue
            before = text if text or not pieces else pieces[-1].text
            if not before or before.endswith(". ") or (not pieces and before in ("# ", "- ")):
                said = said[0].upper() + said[1:]
            if keys is None:
                text += said
                continue
            pieces.append(Piece(text))
            type = "Form" if slot == "Unit" else slot
            pieces.append(Piece(said, type, tuple(f"{fill}{key}" for key in keys)))
            text = ""
        pieces.append(Piece(text + template[at:]))
        return _without_double_stops(pieces)

    def _choose_orders(self, template: str) -> dict[str, Order]:
        said_of: dict[str, set[str]] = {}
        for slot, keys in _SLOT.findall(template):
            for key in keys:
                said_of.setdefault(key, set()).add(slot)
        chosen = dict(zip(said_of, self.rng.sample(self.orders, len(said_of)), strict=True))
        for key, said in said_of.items():
            chance = self.rng.random()
            if said <= _SAID_OF_CLASSES and chance < 0.12:
                chosen[key] = Order(self.rng, self.rng.choice(lexicon.UNSPECIFIED))
            elif chance < 0.25:
                chosen[key] = self.new_order()
        return chosen

    def _number(self, match: re.Match) -> str:
        low, high = match.groups()
        decimals = len(low.partition(".")[2])
        return f"{self.rng.uniform(float(low), float(high)):.{decimals}f}"

    def _macro(self, match: re.Match, orders: dict[str, Order]) -> str:
        name, key, filler = match.groups()
        if filler:
            return self.rng.choice(fillers.SENTENCES)
        if name == "Sig":
            said = self.rng.choice(entries(phrases.SIG))
        else:
            # What is counted has a unit; what is measured out has it in the dosage.
            is_counted = orders[key].kind.units
            said = phrases.AMOUNT_BY_COUNT if is_counted else phrases.AMOUNT_BY_MEASURE
            said = self.rng.choice(entries(said))
        return said.replace(".a}", f".{key}}}")

    def _said(self, slot: str, keys: str | None, orders: dict[str, Order]) -> str:
        if keys is not None:
            # A form is left out where the dosage has its own unit.
            order = orders[keys[0]]
            return "" if slot == "Unit" and not order.kind.units else order.write(slot)
        return getattr(self, f"_say_{slot.lower()}")(slot)

    def _say_pt(self, slot: str) -> str:
        title = "Ms" if self.is_woman else "Mr"
        name = f"{title}. [**Known lastname {self.rng.randrange(1, 30000)}**]"
        return self.rng.choice(("the patient", "the patient", "pt", name))

    def _say_sex(self, slot: str) -> str:
        return self.rng.choice(("woman", "F", "female") if self.is_woman else ("man", "M", "male"))

    def _say_he(self, slot: str) -> str:
        said = self.rng.choice((self.pronouns[0], self.pronouns[0], "the patient", "pt"))
        return said[0].upper() + said[1:] if slot[0] == "H" else said

    def _say_him(self, slot: str) -> str:
        return "her" if self.is_woman else "him"

    def _say_his(self, slot: str) -> str:
        said = self.pronouns[1]
        return said.capitalize() if slot[0] == "H" else said

    def _entry(self, text: str) -> str:
        return "".join(piece.text for piece in self.write(pick(text, self.rng)))

    def _say_date(self, slot: str) -> str:
        year = f"{self.year}-" if self.rng.random() < 0.6 else ""
        return f"[**{year}{self.rng.randrange(1, 13)}-{self.rng.randrange(1, 29)}**]"

    def _say_symptom(self, slot: str) -> str:
        return self._entry(fillers.SYMPTOMS)

    def _say_condition(self, slot: str) -> str:
        return self._entry(fillers.CONDITIONS)

    def _say_procedure(self, slot: str) -> str:
        return self._entry(fillers.PROCEDURES)

    def _say_finding(self, slot: str) -> str:
        return self._entry(fillers.FINDINGS)

    def _say_specialist(self, slot: str) -> str:
        return self._entry(fillers.SPECIALISTS)

    def _say_effect(self, slot: str) -> str:
        return pick(self.rng.choice(self.orders).drug_class.effects, self.rng)

    def _say_clock(self, slot: str) -> str:
        return f"{self.rng.randrange(1, 13):02}:{self.rng.randrange(60):02}{self.rng.choice('AP')}M"


def _without_double_stops(pieces: list[Piece]) -> list[Piece]:
    """A sentence that ends with "b.i.d." needs no other full stop."""
    return [
        piece._replace(text=piece.text[1:])
        if before.text.endswith(".") and piece.text.startswith(".")
        else piece
        for before, piece in zip([Piece(""), *pieces], pieces, strict=False)
    ]
