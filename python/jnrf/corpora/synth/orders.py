"""A drug as one invented patient takes it, and the ways a note may write each part of that."""

from __future__ import annotations

from random import Random

from jnrf.corpora.synth import lexicon
from jnrf.corpora.synth.grammar import entries, expand, pick


class Order:
    """One drug of one patient: what is fixed for the whole note, and how to write it."""

    def __init__(self, rng: Random, drug_class: lexicon.DrugClass) -> None:
        self.rng = rng
        self.drug_class = drug_class
        self.is_named = drug_class not in lexicon.UNSPECIFIED
        self.kind = lexicon.KINDS[drug_class.kind]
        self.name = self._choose_name()
        self.other_name = self._coin() if self.is_named and rng.random() < 0.08 else None
        strength = pick(drug_class.strengths, rng)
        is_bare = strength.replace(".", "").replace("-", "").isdigit()
        self.strength = f"{strength} mg" if is_bare else strength
        self.form = pick(self.kind.forms, rng)
        self.route = rng.choice(entries(self.kind.routes))
        self.frequency = rng.choice(drug_class.frequencies.split() or [""])
        self.is_as_needed = rng.random() < drug_class.prn
        self.reason = pick(drug_class.reasons, rng)

    def _choose_name(self) -> str:
        if self.is_named and self.rng.random() < 0.12:
            return self._coin()
        names = entries(self.drug_class.names)
        # The early names of a class are the common ones, as in a real ward.
        return names[min(int(self.rng.expovariate(3.5 / len(names))), len(names) - 1)]

    def _coin(self) -> str:
        """A drug that no lexicon has: generic names tell their class, brand names do not."""
        rng = self.rng
        begin = pick(lexicon.BEGINNINGS, rng)
        if self.drug_class.endings and rng.random() < 0.7:
            return begin + pick(lexicon.MIDDLES, rng) + pick(self.drug_class.endings, rng)
        return (begin + pick(lexicon.MIDDLES, rng) + pick(lexicon.BRAND_ENDINGS, rng)).capitalize()

    def write(self, slot: str) -> str:
        """One way to write the part ``slot`` of this order; "" for a part it does not have."""
        return getattr(self, f"_write_{slot.lower()}")()

    def _write_drug(self) -> str:
        rng = self.rng
        name = self.other_name if self.other_name and rng.random() < 0.4 else self.name
        if self.is_named and " " not in name and rng.random() < 0.05:
            name = f"{name} {pick(lexicon.SALTS, rng)}"
        chance = rng.random()
        if chance < 0.2 and name.islower():
            return name.capitalize()
        if chance < 0.22:
            return name.upper()
        if chance < 0.235 and len(name) > 6:
            slip = rng.randrange(2, len(name) - 1)
            return name[:slip] + name[slip + 1 :]
        return name

    def _write_strength(self) -> str:
        chance = self.rng.random()
        if chance < 0.15:
            return self.strength.replace(" mg", "mg", 1)
        return self.strength.replace(" mg", " MG", 1) if chance < 0.2 else self.strength

    def _write_dosage(self) -> str:
        # What goes into a vein is mostly ordered by its strength.
        if self.drug_class.kind == "iv" and self.is_named and self.rng.random() < 0.8:
            return self.strength
        return pick(self.kind.dosages, self.rng)

    def _write_form(self) -> str:
        return self.form if self.rng.random() < 0.6 else pick(self.kind.forms, self.rng)

    def _write_unit(self) -> str:
        return pick(self.kind.units, self.rng)

    def _write_route(self) -> str:
        return expand(self.route, self.rng)

    def _write_frequency(self) -> str:
        said = pick(lexicon.FREQUENCIES[self.frequency], self.rng)
        return said + pick(lexicon.AS_NEEDED, self.rng) if self.is_as_needed else said

    def _write_duration(self) -> str:
        return pick(lexicon.DURATIONS, self.rng)

    def _write_reason(self) -> str:
        return self.reason if self.rng.random() < 0.6 else pick(self.drug_class.reasons, self.rng)

    def _write_ade(self) -> str:
        return pick(self.drug_class.effects, self.rng)
