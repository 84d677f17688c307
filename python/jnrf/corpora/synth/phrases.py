"""Templates of what is annotated. ``{Type.key}`` is a mention that belongs to the drug ``key``.

Several keys (``{Reason.ab}``) relate one mention to several drugs. Macros: ``{Sig.a}`` is some
selection of dose, route and frequency, ``{Amount.a}`` the dose in the way the kind of drug takes
it, ``{filler}`` a sentence without annotations. Small letters name
what is not annotated, and ``{2-9}`` is a number in that range.
"""

from __future__ import annotations

AMOUNT_BY_COUNT = "{Strength.a}|{Strength.a}|{Strength.a}|{Dosage.a} {Unit.a}"
AMOUNT_BY_MEASURE = "{Dosage.a}"
SIG = (
    "{Amount.a} {Route.a} {Frequency.a}|{Amount.a} {Frequency.a}|{Amount.a} {Frequency.a}|"
    "{Amount.a}|"
    "{Route.a} {Frequency.a}|{Route.a} {Amount.a} {Frequency.a}|{Amount.a} {Route.a}|{Frequency.a}"
)

#: One drug, mostly with a reason.
TREATMENT = (
    "{He} was (started|placed|begun|put) on {Drug.a} {Sig.a} for {Reason.a}.",
    "{He} was (started|placed) on {Drug.a} {Route.a} for (presumed |likely |possible |){Reason.a}.",
    "For (his|her|the) {Reason.a}, {he} (received|was given|got) {Drug.a} {Sig.a}(, with good "
    "effect|).",
    "{Reason.a} was (treated|managed) with {Drug.a} {Sig.a} for {Duration.a}.",
    "{He} (completed|finished|will complete) a {Duration.a} of {Drug.a} for {Reason.a}.",
    "{He} (received|was given) {Drug.a} {Sig.a} (in the ED|overnight|on arrival|prior to "
    "transfer).",
    "Given {his} {Reason.a}, {Drug.a} was (added|started|initiated|continued) at {Amount.a} "
    "{Frequency.a}.",
    "{He} was continued on {his} home {Drug.a} {Sig.a}.",
    "{He} takes {Drug.a} {Amount.a} {Frequency.a} at home for {Reason.a}.",
    "{Drug.a} was (increased|decreased|uptitrated|changed|tapered) to {Amount.a} {Frequency.a}.",
    "{He} (required|needed) {Drug.a} {Frequency.a} for {Reason.a}, which (improved|resolved) after "
    "{2-9} days.",
    "(Pt|Patient) to continue {Drug.a} {Sig.a} for {Duration.a}.",
    "{Drug.a} was (held|stopped|discontinued) on admission and (restarted|resumed) at discharge.",
    "{Drug.a} was continued. {filler}",
    "{specialist} recommended {Drug.a} {Sig.a} for {Duration.a} for {Reason.a}.",
    "{He} was discharged on {Drug.a} {Sig.a} with plans for {Duration.a} of treatment.",
    "{He} was (loaded|bolused) with {Drug.a} {Sig.a}, after which the {Reason.a} (resolved|"
    "improved).",
    "{He} is on {Drug.a} at home, (last dose|last taken) {2-9} days ago.",
    "{Reason.a}: continue {Drug.a} {Sig.a}.",
    "{He} was not given {Drug.a} because of {symptom}.",
    "{He} (refused|declined) {Drug.a}. {filler}",
    "A {Drug.a} {Form.a} {Frequency.a} was (tried|ordered) for {Reason.a}.",
    "{He} tolerated {Drug.a} well, without {effect} or {effect}.",
    "{Drug.a} ({Amount.a} {Frequency.a}) (controlled|was effective for) the {Reason.a}.",
    "There was no {symptom} on {Drug.a} {Sig.a}.",
    "Weaned off {Drug.a}. {filler}",
    "{pt} had been taking {Drug.a} for {Duration.a} before admission for {Reason.a}.",
)

#: The reason opens the paragraph, the drug comes sentences later.
PROBLEM = (
    "{Reason.a}: {filler} {filler} {He} was (started|placed) on {Drug.a} {Sig.a}. {filler}",
    "{Reason.a}. {filler} {Drug.a} was (started|given) {Frequency.a} and continued for "
    "{Duration.a}.",
    "{Reason.a}: {filler} {filler} {filler} {He} was treated with {Drug.a} {Amount.a} "
    "{Frequency.a}.",
    "{Reason.ab}: (Likely|Felt to be) multifactorial. {filler} {He} was given {Drug.a} {Sig.a} and "
    "{Drug.b} "
    "{Sig.b}. {filler}",
    "{Reason.a}: {filler} Home {Drug.a} was (held initially|continued). {filler} On discharge {he} "
    "will take "
    "{Amount.a} {Frequency.a}.",
    "{Reason.ab} - {filler} Initially on {Drug.a}, then (switched|transitioned|narrowed) to "
    "{Drug.b} {Sig.b} to "
    "complete {Duration.b}. {filler}",
)

#: An adverse event, told in a sentence or over several.
ADVERSE = (
    "{He} developed {ADE.a} (after|while on|following|on) {Drug.a}(, which was stopped|, and this "
    "was held|).",
    "{Drug.a} was (stopped|discontinued|held) (due to|because of|secondary to|for) {ADE.a}.",
    "{ADE.a} was (attributed to|thought to be due to|felt secondary to|likely from|related to) "
    "{Drug.a}.",
    "{His} course was complicated by {ADE.a} (from|due to|in the setting of) {Drug.a}.",
    "{Drug.a}-induced {ADE.a} was (suspected|diagnosed|considered).",
    "{He} was found to have {ADE.a}. {filler} {filler} {His} {Drug.a} was felt to be the culprit "
    "and was stopped.",
    "On hospital day {2-9}, {he} was noted to have {ADE.a} and {ADE.a}. {filler} Review of the "
    "medication list "
    "pointed to {Drug.a}, started {2-9} days before.",
    "{He} was given {Drug.a} {Sig.a} for {Reason.a}. {filler} The next morning {he} had {ADE.a}. "
    "{filler}",
    "{He} was switched from {Drug.a} to {Drug.b} {Sig.b} because of {ADE.a}.",
    "Given {ADE.a} on {Drug.a}, {he} was changed to {Drug.b} for {Reason.b}.",
    "{ADE.ab}: {filler} Both {Drug.a} and {Drug.b} were held. {filler}",
    "{He} had a history of {ADE.a} with {Drug.a}, so {Drug.b} was (used|chosen) instead for "
    "{Reason.b}.",
    "{ADE.a} (improved|resolved) after (stopping|holding|reducing) the {Drug.a}.",
    "{He} became (acutely |progressively |)ill with {ADE.a} shortly after the (first|second) dose "
    "of {Drug.a}.",
    "{Drug.a} caused {ADE.a}, for which {he} was given {Drug.b} {Sig.b}.",
    "{He} reported {ADE.a} since starting {Drug.a} {Duration.a} ago.",
    "{ADE.a} on {Drug.a}. {filler}",
)

#: Several drugs at once.
COMBINATION = (
    "{He} was continued on {Drug.a}, {Drug.b}, and {Drug.c}.",
    "{He} received {Drug.a} {Amount.a}, {Drug.b} {Amount.b} and {Drug.c} in the ED.",
    "{He} was treated with {Drug.a} and {Drug.b} for {Reason.ab}.( {filler}|)",
    "{Drug.a} and {Drug.b} were (held|stopped) on admission. {filler}",
    "Started empirically on {Drug.a} {Sig.a} and {Drug.b} {Sig.b} for {Reason.ab}.",
    "{Drug.a} {Sig.a} was changed to {Drug.b} {Sig.b} (at discharge|on {date}).",
    "{He} was discharged on {Drug.a} {Amount.a} {Frequency.a}, {Drug.b} {Amount.b} {Frequency.b}, "
    "and {Drug.c} "
    "{Frequency.c}.",
    "(Pain|Agitation|The latter) was controlled with {Drug.a} and {Drug.b} {Frequency.b}.",
    "Home {Drug.a} and {Drug.b} were resumed; {Drug.c} was not. {filler}",
)

#: What a discharge instruction says of drugs.
ADVICE = (
    "We (started|have added) {Drug.a} {Sig.a} for your {Reason.a}.",
    "Please (take|continue) {Drug.a} {Amount.a} {Frequency.a} for {Duration.a}.",
    "STOP taking {Drug.a}, which may have caused your {ADE.a}.",
    "START: {Drug.a} {Sig.a}",
    "CHANGE: {Drug.a} to {Amount.a} {Frequency.a}",
    "Do not take {Drug.a} (with alcohol|until you see your doctor).",
    "You may take {Drug.a} {Frequency.a} for {Reason.a}.",
)

ALLERGIES = (
    "{Drug.a} / {Drug.b}",
    "{Drug.a} ({ADE.a})",
    "{Drug.a}, which causes {ADE.a}; {Drug.b}",
    "{Drug.a}: {ADE.a}.",
    "No known allergies",
    "Patient recorded as having no known drug allergies",
)

#: One line of a medication list, by the style of the list. ``{tail}`` is what may follow.
LIST_STYLES = (
    "{Drug.a} {Strength.a} {Form.a} Sig: {Dosage.a} {Unit.a} {Route.a} {Frequency.a}{tail}",
    "{Drug.a} {Strength.a} {Form.a} Sig: {Dosage.a} {Unit.a} {Route.a} {Frequency.a}{tail}",
    "{Drug.a} {Amount.a} {Route.a} {Frequency.a}{tail}",
    "{Drug.a} {Amount.a} {Frequency.a}{tail}",
    "{Drug.a} {Strength.a} {Form.a}: {Dosage.a} {Unit.a} {Route.a} {Frequency.a}{tail}",
    "{Drug.a} {Form.a} {Amount.a} {Route.a} {Frequency.a}{tail}",
)
