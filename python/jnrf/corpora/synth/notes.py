"""Composing a discharge summary: its sections, and how many words each gets."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle
from math import inf
from random import Random

from jnrf.corpora.synth import fillers, phrases
from jnrf.corpora.synth.grammar import entries
from jnrf.corpora.synth.layout import Block, Piece, lay_out
from jnrf.corpora.synth.orders import Order
from jnrf.corpora.synth.writer import Writer
from jnrf_ext.documents.document import Document

#: Shares of a note's words; the hospital course gets what is left.
_SHARES = {
    "presentation": 0.10,
    "history": 0.05,
    "admission": 0.11,
    "social": 0.02,
    "physical": 0.05,
    "labs": 0.06,
    "discharge": 0.13,
    "instructions": 0.07,
}
#: More lines than this no note has, however long; then each line comes once, in its order.
_MOST_LINES = {
    "presentation": 4,
    "history": 16,
    "social": 3,
    "physical": 9,
    "labs": 40,
    "instructions": 40,
}
_LEAST_WORDS = 6  # a section with less room than this is left out
_HEADED = 250  # a shorter note has no room for a header
_MOST_DRUGS = 45  # a longer note has a longer course, not a longer medication list


def write_note(id: str, words: int, seed: str) -> Document:
    """One note of about ``words`` words; the same arguments give the same note."""
    rng = Random(seed)
    drugs = max(4, min(_MOST_DRUGS, round(words * 0.16 / 10 * rng.uniform(0.7, 1.3))))
    return _Note(rng, words, Writer(rng, drugs)).compose(id)


class _Note:
    def __init__(self, rng: Random, words: int, writer: Writer) -> None:
        self.rng = rng
        self.words = words
        self.writer = writer

    def compose(self, id: str) -> Document:
        # A patient comes with some drugs and leaves with most of these and some new ones.
        orders = self.writer.orders
        on_admission = orders[: max(2, round(len(orders) * 0.75))]
        at_discharge = [order for order in orders if self.rng.random() < 0.85] or orders
        before = [
            *self._header(),
            *self._section("presentation", "History of Present Illness:", self._presentation()),
            *self._section("history", "Past Medical History:", self._conditions()),
            *self._medications("admission", "Medications on Admission:", on_admission),
            *self._section("social", "Social History:", self._lines(fillers.SOCIAL)),
            *self._section("physical", "Physical Exam:", self._lines(fillers.PHYSICAL)),
            *self._section("labs", "Pertinent Results:", self._lines(fillers.LABS)),
        ]
        after = [
            *self._medications("discharge", "Discharge Medications:", at_discharge),
            *self._section("instructions", "Discharge Instructions:", self._instruction),
        ]
        left = self.words - sum(block.words for block in before + after)
        course = self._filled(left, "Brief Hospital Course:", self._paragraph)
        width = self.rng.choice((None, 66, 72, 78, 78, 85))
        return lay_out(id, before + course + after, width)

    def _header(self) -> list[Block]:
        if self.words < _HEADED:
            return []
        sex = "F" if self.writer.is_woman else "M"
        service = self.rng.choice(("MEDICINE", "SURGERY", "CARDIOTHORACIC", "NEUROLOGY", "OMED"))
        lines = [
            "Admission Date:  {date}              Discharge Date:   {date}",
            f"Sex:   {sex}",
            f"Service: {service}",
        ]
        blocks = [Block(self.writer.write(line), "\n\n") for line in lines]
        blocks.append(Block([Piece("Allergies:")]))
        blocks.append(Block(self.writer.write(self.rng.choice(phrases.ALLERGIES)), "\n\n"))
        blocks.append(Block([Piece("Attending: [**First Name3 (LF) 30**]")], "\n\n"))
        blocks.append(Block(self.writer.write("Chief Complaint: {symptom}"), "\n\n"))
        return blocks

    def _section(self, name: str, title: str, make: Callable[[], Block]) -> list[Block]:
        words = round(_SHARES[name] * self.words)
        return self._filled(words, title, make, _MOST_LINES[name])

    def _filled(
        self, words: int, title: str, make: Callable[[], Block], most: float = inf
    ) -> list[Block]:
        """The title and as many blocks as fit into so many words, at most ``most`` of them."""
        if words < _LEAST_WORDS:
            return []
        blocks = [Block([Piece(title)])]
        room = words - blocks[0].words
        while room > 0 and len(blocks) <= most:
            blocks.append(make())
            room -= blocks[-1].words
        blocks[-1].ending = "\n\n"
        return blocks

    def _presentation(self) -> Callable[[], Block]:
        first = cycle((fillers.PRESENTATION, *[fillers.SENTENCES] * 3))

        def make() -> Block:
            opening = self.writer.write(self.rng.choice(next(first)))
            return Block(opening + self._sentences(self.rng.randrange(3, 8), 0.6), "\n\n")

        return make

    def _sentences(self, count: int, filler_share: float) -> list[Piece]:
        """Sentences, each after a space, of all kinds."""
        pieces: list[Piece] = []
        for _ in range(count):
            chance = self.rng.random()
            if chance < filler_share:
                template = self.rng.choice(fillers.SENTENCES)
            elif chance < filler_share + (1 - filler_share) * 0.38:
                template = self.rng.choice(phrases.ADVERSE)
            elif chance < filler_share + (1 - filler_share) * 0.55:
                template = self.rng.choice(phrases.COMBINATION)
            else:
                template = self.rng.choice(phrases.TREATMENT)
            pieces += [Piece(" "), *self.writer.write(template)]
        return pieces

    def _paragraph(self) -> Block:
        mark = self.rng.choice(("# ", "# ", "- ", "", ""))
        if self.rng.random() < 0.35:
            pieces = self.writer.write(mark + self.rng.choice(phrases.PROBLEM))
            count = self.rng.randrange(0, 3)
        elif self.rng.random() < 0.3:
            pieces = self.writer.write(mark + "{condition}: {filler}")
            count = self.rng.randrange(1, 5)
        else:
            pieces = self.writer.write(self.rng.choice(phrases.TREATMENT))
            count = self.rng.randrange(1, 5)
        return Block(pieces + self._sentences(count, 0.6), self.rng.choice(("\n", "\n\n")))

    def _conditions(self) -> Callable[[], Block]:
        mark = self.rng.choice(("- ", "", "* "))
        conditions = list(entries(fillers.CONDITIONS))
        self.rng.shuffle(conditions)
        following = cycle(conditions)
        return lambda: Block(self.writer.write(f"{mark}{next(following)}"))

    def _lines(self, templates: tuple[str, ...]) -> Callable[[], Block]:
        following = cycle(templates)
        return lambda: Block(self.writer.write(next(following)))

    def _instruction(self) -> Block:
        is_advice = self.rng.random() < 0.6
        templates = phrases.ADVICE if is_advice else fillers.INSTRUCTIONS
        return Block(self.writer.write(self.rng.choice(templates)))

    def _medications(self, name: str, title: str, orders: list[Order]) -> list[Block]:
        words = round(_SHARES[name] * self.words)
        if words < _LEAST_WORDS:
            return []
        style = self.rng.choice(phrases.LIST_STYLES)
        bullet = self.rng.choice(("number", "number", "- ", "", "* "))
        blocks = [Block([Piece(title)])]
        room = words
        for number, order in enumerate(orders, 1):
            if room <= 0:
                break
            mark = f"{number}. " if bullet == "number" else bullet
            # Even a tidy list has lines that somebody wrote in another way.
            template = style if self.rng.random() < 0.9 else self.rng.choice(phrases.LIST_STYLES)
            template = mark + template.replace("{tail}", self._tail(order))
            blocks.append(Block(self.writer.write(template, {"a": order})))
            room -= blocks[-1].words
        blocks[-1].ending = "\n\n"
        return blocks

    def _tail(self, order: Order) -> str:
        chance = self.rng.random()
        if order.is_as_needed:
            return " for {Reason.a}" + (". Disp:*30 * Refills:*0*" if chance < 0.2 else ".")
        if chance < 0.12:
            return " for {Duration.a}."
        if chance < 0.22:
            return " for {Reason.a}"
        if chance < 0.28:
            return " for {Reason.a} for {Duration.a}."
        return self.rng.choice((".", "", ". Disp:*60 Tablet(s)* Refills:*2*", "."))
