"""The parts of a note that nobody annotates, full of things that look as if one should."""

from __future__ import annotations

SYMPTOMS = (
    "nausea|vomiting|chest pain|shortness of breath|fevers|chills|abdominal pain|diarrhea|headache|"
    "rash|"
    "constipation|dysuria|cough|dizziness|confusion|palpitations|lower extremity edema|hematuria|"
    "melena|"
    "weakness|syncope|(back|leg|hip) pain|lightheadedness|visual changes|bleeding|fatigue|weight "
    "loss|"
    "night sweats|dyspnea on exertion|orthopnea|sore throat|anxiety|insomnia|itching|hypotension"
)
CONDITIONS = (
    "hypertension|type 2 diabetes mellitus|coronary artery disease s/p (CABG|PCI|stent)|"
    "hyperlipidemia|"
    "COPD|asthma|atrial fibrillation|congestive heart failure (EF (25|30|40|55)%)|hypothyroidism|"
    "GERD|gout|"
    "chronic kidney disease stage (III|IV)|end stage renal disease on HD|depression|anxiety|"
    "osteoarthritis|"
    "(breast|colon|prostate|lung) cancer s/p resection|cirrhosis|hepatitis C|obesity|sleep apnea|"
    "anemia|"
    "peripheral vascular disease|prior stroke|seizure disorder|DVT in {date}|glaucoma|osteoporosis|"
    "rheumatoid arthritis|migraines|diverticulosis|benign prostatic hypertrophy|iron deficiency|"
    "psoriasis|"
    "spinal stenosis|alcohol abuse|tobacco use|nephrolithiasis|cataracts|renal transplant in {date}"
)
PROCEDURES = (
    "CT of the (chest|abdomen|head)|chest x-ray|echocardiogram|EKG|colonoscopy|MRI of the (brain|"
    "spine)|"
    "ultrasound|bronchoscopy|cardiac catheterization|EGD|thoracentesis|paracentesis|lumbar "
    "puncture|biopsy"
)
FINDINGS = (
    "a patchy infiltrate in the (left|right) lower lobe|no acute process|a (small|moderate) "
    "pleural effusion|"
    "mild pulmonary edema|no evidence of (DVT|PE|bleeding)|an ejection fraction of (25|35|45|60)%|"
    "a (2|3|5) mm nodule|normal sinus rhythm|ST depressions in the lateral leads|diffuse colitis|"
    "patches of consolidation|severe aortic stenosis|a (4|6) cm mass|no obstruction|chronic small "
    "vessel "
    "disease|cholelithiasis without cholecystitis|old granulomatous disease|moderate gastritis|"
    "iron deposition"
)
SPECIALISTS = (
    "cardiology|the renal team|infectious disease|GI|psychiatry|neurology|the pain service|"
    "hematology|"
    "general surgery|social work|physical therapy|endocrine|the [**Last Name {100-900}**] team|"
    "pharmacy"
)

#: Sentences of a hospital course without any annotation.
SENTENCES = (
    "(On exam|On arrival|In the ED|Overnight), {he} (was|remained) (afebrile|hemodynamically "
    "stable|"
    "hypotensive to the (70s|80s)|tachycardic to the (110s|120s|130s)).",
    "{He} (denied|reported no|had no further) {symptom}, {symptom}(,| or) {symptom}.",
    "{He} had a {2-9} day history of {symptom} and {symptom}.",
    "(A|The) {procedure} (showed|revealed|was notable for|demonstrated) {finding}.",
    "{specialist} was consulted and (agreed with the plan|recommended no further workup|will "
    "follow).",
    "Creatinine (peaked at|was|rose to|improved to) {0.6-5.5} mg/dL (on {date}|the next day|at "
    "discharge).",
    "The (glucose was {60-380} mg/dL|sodium was {121-149}|lactate was {1.1-7.0}|hematocrit was "
    "{21-39}) and (trended down|remained stable) over {2-9} days.",
    "Blood cultures (grew nothing|were negative|remained negative) for {2-9} days.",
    "{He} (lives|stayed) with {his} (daughter|wife|husband|son) and (walks with a cane|is "
    "independent in ADLs).",
    "(His|Her|The) symptoms (resolved|improved) (over the next {2-9} days|within 24 hours|by "
    "discharge).",
    "{He} was transferred to the (floor|MICU|CCU|[**Hospital Unit Name {10-40}**]) on hospital day "
    "{2-9}.",
    "(Iron was {15-160} mcg/dL|Digoxin level was {0.4-2.6}|Vancomycin trough was {9.0-28.0}|"
    "Ferritin was {9-900}|"
    "Magnesium was {1.3-2.6} mg/dL) on {date}.",
    "{He} received {2-9} units without any {symptom}.",
    "Family meeting was held with Dr. [**Last Name {1000-9000}**]; code status is (full|DNR/DNI).",
    "There was no {symptom} or {symptom} (during the admission|throughout the stay|at the time of "
    "discharge).",
    "{pt} was (seen|evaluated) by {specialist} for {symptom}.",
    "A patch of erythema on the (left|right) (shin|forearm) measured {2-9} x {2-9} cm.",
    "Diet was advanced, and {he} tolerated (regular food|clear liquids) without {symptom}.",
    "Intake was {900-3600} mL over 24 hours, with {200-2900} mL of urine output.",
    "{He} has a history of {condition}, which was stable (during this admission|throughout|on "
    "exam).",
    "{He} (underwent|went for) {procedure} on {date} without complication.",
    "The (wound|incision|ulcer) was clean and dry, with no {symptom}.",
    "EKG showed {finding}, unchanged from {date}.",
    "{He} walked {20-400} feet with physical therapy (twice a day|daily|every morning).",
    "Goals of care were discussed (at length|with the family); {he} wished to continue full "
    "treatment.",
    "Weight was {48.0-120.0} kg on admission and {48.0-120.0} kg at discharge.",
    "Oxygen saturation was {90-99}% on (room air|2 L|3 L nasal cannula|4L).",
    "{He} was ruled out for (MI|PE|influenza|tuberculosis) (by enzymes|with a negative {procedure}|"
    "x3).",
    "Tylenol level and tox screen were negative.",
    "(Speech and swallow|Nutrition|Wound care) (evaluated|saw) {him} and (cleared {him} for thin "
    "liquids|made no new recommendations|suggested supplements between meals).",
    "A Foley catheter was (placed|removed) on {date}, and {he} voided without difficulty.",
    "{He} was found (on the floor|at home) by {his} (neighbor|daughter|son), {2-9} hours after "
    "{he} "
    "was last seen well.",
    "Urinalysis was (positive for nitrites|bland|notable for {20-90} WBCs), culture (pending|grew "
    "mixed flora).",
    "{He} weighed the risks of surgery and (declined|agreed to) (the operation|{procedure}).",
    "(Bilateral|Left|Right) lower extremity ultrasound was negative for DVT.",
    "The (ulcer|abscess) on the (left|right) heel was debrided by {specialist} on {date}.",
    "{He} spiked to {100.4-103.5} overnight and was pan-cultured; lines were (changed|left in).",
    "Hematocrit fell from {33-41} to {22-30} without (melena|hematemesis|any sign of bleeding).",
    "{specialist} felt that the {symptom} was (unlikely to be cardiac|multifactorial|viral).",
    "{pt} was extubated on {date} and weaned to {2-5} L of oxygen.",
    "{He} has not had {symptom} since {his} last visit {2-9} months ago.",
    "Repeat {procedure} in {2-9} weeks was recommended to follow {finding}.",
    "Bowel sounds returned on post-operative day {2-5}.",
    "{He} was placed on (contact|droplet|fall) precautions.",
    "The (chest tube|drain|epidural catheter) was (removed|pulled) on {date}.",
    "On the morning of discharge {he} (felt well|was ambulating|was tolerating a diet).",
    "{He} scored {20-30} on the mini-mental exam and was not agitated.",
    "The family (reported|noted) {symptom} at home for {2-9} weeks, worse at night.",
    "EF was {20-65}% with (mild|moderate|severe) (mitral|tricuspid) regurgitation.",
    "{He} stayed off nicotine during the stay and wishes to quit smoking.",
    "Lipids showed an LDL of {60-190} mg/dL; A1c was {5.4-11.0}%.",
    "Nursing notes mention (one episode|two episodes) of {symptom}, not witnessed by the team.",
    "Insurance did not cover (home services|a longer stay), so {he} went to [**Hospital{1-4}**] "
    "rehab.",
    "Vital signs were checked every 4 hours and (remained stable|were unremarkable).",
    # Near misses: said as one says it of drugs.
    "{He} was (started|placed|put) on (a cardiac diet|BiPAP|CPAP|tube feeds|telemetry|dialysis) "
    "for {symptom}.",
    "{He} developed {symptom} (after dinner|after the procedure|following surgery|on day {2-9}).",
    "{symptom} was (attributed to|thought to be due to|felt secondary to) (anxiety|the procedure|"
    "dehydration|poor intake|a viral syndrome|{condition}).",
    "{He} was treated (surgically|with radiation|conservatively|with ice and rest) for {symptom}.",
    "{He} received {2-9} sessions of (physical therapy|dialysis|phototherapy) for {symptom}.",
    "{His} course was complicated by {symptom} (from|in the setting of) (a fall|{condition}).",
    "Oxygen was (increased|decreased) to {2-6} L every {2-6} hours as needed for {symptom}.",
    "{He} had {symptom} (daily|twice a day|every night) for {2-9} weeks before admission.",
    "The (dressing|pump|catheter) was changed (daily|bid|every 8 hours) for {5-14} days.",
    "{He} was switched from (nasal cannula|CPAP) to (face mask|BiPAP) because of {symptom}.",
    "(Compression stockings|A heating pad|Ice packs) (twice a day|bid|prn) for {symptom}.",
)

PRESENTATION = (
    "{pt} is a {21-92} year old {sex} with a history of {condition}, {condition}, and {condition} "
    "who "
    "(presents|presented) with {symptom} and {symptom} for {2-9} days.",
    "This is a {21-92} y/o {sex} with {condition} and {condition} (transferred from "
    "[**Hospital{1-4}**]|admitted "
    "from clinic|brought in by EMS) for {symptom}.",
    "{21-92}yo {sex} with PMH of {condition}, {condition} p/w {symptom} x {2-9} days, also "
    "{symptom}.",
)

PHYSICAL = (
    "VS: T {96.0-101.9} BP {85-175}/{45-95} HR {52-128} RR {12-26} O2 sat {90-100}% RA",
    "GEN: (comfortable|in no acute distress|sedated|alert and oriented x3)",
    "HEENT: (PERRL, EOMI|sclera anicteric|oropharynx clear, no thrush|moist mucous membranes)",
    "CV: (RRR|irregularly irregular|tachycardic), no murmurs, rubs, or gallops",
    "LUNGS: (clear bilaterally|crackles at the bases|diffuse wheezes|decreased at the left base)",
    "ABD: soft, (non-tender|mildly tender in the right lower quadrant), +BS, no (rebound|guarding)",
    "EXT: (no edema|1+ pitting edema|2+ edema to the knees), (warm|cool) and well perfused",
    "SKIN: (no rash|small patch of dry skin over the left elbow|multiple ecchymoses|intact)",
    "NEURO: CN II-XII intact, strength {3-5}/5 throughout, (no tremor|mild tremor|gait deferred)",
)

LABS = (
    "{date} {clock} BLOOD WBC-{3.0-19.0} RBC-{2.5-5.0}* Hgb-{7.0-14.0}* Hct-{22.0-42.0}* Plt "
    "Ct-{60-450}",
    "{date} {clock} BLOOD Glucose-{70-320}* UreaN-{9-70} Creat-{0.5-4.5}* Na-{128-146} K-{3.0-5.8}",
    "{date} {clock} BLOOD Calcium-{7.5-10.5} Phos-{2.0-5.5} Mg-{1.4-2.6} Iron-{15-160}*",
    "{date} {clock} BLOOD (Vanco-{8.0-28.0}*|Digoxin-{0.4-2.4}*|Phenyto-{4.0-22.0}*|"
    "tacroFK-{3.0-14.0})",
    "{date} {clock} BLOOD PT-{11.0-38.0}* PTT-{24.0-90.0}* INR(PT)-{1.0-4.8}*",
    "{date} {clock} BLOOD ALT-{9-300}* AST-{9-300}* LD(LDH)-{120-600} AlkPhos-{40-280} "
    "TotBili-{0.2-6.0}",
    "{date} {clock} URINE Blood-SM Nitrite-NEG Protein-{20-300} Glucose-NEG Ketone-NEG",
    "Troponin {0.01-0.90}, lactate {0.8-6.0}, glucose {70-320} mg/dL, iron {15-160} mcg/dL",
)

SOCIAL = (
    "(Quit smoking {2-9} years ago|Smokes one pack daily|Never smoker); (no alcohol|drinks {2-9} "
    "beers a week).",
    "Lives (alone|with family|in [**Location {100-900}**]). Retired (teacher|engineer|nurse|"
    "carpenter).",
    "Father had {condition}; mother died of {condition}.",
)

INSTRUCTIONS = (
    "Please call your doctor if you have {symptom}, {symptom}, or {symptom}.",
    "You were admitted with {symptom}. You had a {procedure}, which showed {finding}.",
    "Weigh yourself every morning and call if your weight goes up by more than {2-9} lbs.",
    "Follow up with Dr. [**Last Name {1000-9000}**] in {2-9} weeks.",
    "Do not drive or drink alcohol for {2-9} days.",
    "Have your blood drawn once a week and the results faxed to [**Telephone/Fax {1000-9000}**].",
)
