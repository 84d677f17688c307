"""What the invented notes are about: drugs, how they are given, what for, what they cause.

Plausible, not medical advice: no dose or indication here is meant to be right for anyone. In all
strings ``(a|b)`` stands for either alternative, and ``|`` outside brackets separates entries.
"""

from __future__ import annotations

from typing import NamedTuple


class DrugClass(NamedTuple):
    """Drugs that are given alike and for the same reasons."""

    kind: str
    names: str
    #: Endings of coined names, so that no model has seen every drug; none for some classes.
    endings: str
    strengths: str
    #: Keys of ``FREQUENCIES``.
    frequencies: str
    reasons: str
    effects: str
    #: How often it is taken as needed.
    prn: float = 0.0


class Kind(NamedTuple):
    """How a form of medicine is written in an order."""

    forms: str
    #: The counted form after the number ("2 puffs"), where the dosage is a bare count.
    units: str
    dosages: str
    routes: str


_COUNTS = "One (1)|Two (2)|1|2|one|two|0.5|1-2|One (1)|1|Three (3)|Half"
KINDS = {
    "tablet": Kind(
        "Tablet|tablet|tab|tabs|Tablet, Chewable|Tablet, Delayed Release (E.C.)|Tablet(s)",
        "Tablet|tab|tablet|tablets|Tablet(s)|tabs",
        _COUNTS,
        "PO|po|by mouth|orally|p.o.|PO|per NG tube",
    ),
    "capsule": Kind(
        "Capsule|capsule|cap|Capsule, Delayed Release(E.C.)|capsules|Capsule, Sust. Release",
        "Capsule|cap|capsule|capsules|Capsule(s)",
        _COUNTS,
        "PO|po|by mouth|orally|p.o.",
    ),
    "iv": Kind(
        "Recon Soln|Solution|vial|Piggyback|injection|infusion|drip",
        "",
        "1 g|2 g|One (1) gram|500 mg|1 gram|750 mg|1250 mg|(40|60|80|100) mg|4.5 g|a (bolus|dose)",
        "IV|iv|intravenously|Intravenous|IV|via PICC|through the PICC",
    ),
    "insulin": Kind(
        "Solution|pen|vial|Insulin Pen",
        "",
        "(4|6|8|12|14|18|22|30|36) units|Ten (10) units|sliding scale|Twenty (20) units|(9|16|24) "
        "U",
        "Subcutaneous|SC|SQ|subcutaneously|sc|subcut",
    ),
    "injection": Kind(
        "Syringe|injection|Solution|prefilled syringe",
        "",
        "(5,000|7,500|10,000) units|(40|60|80) mg|One (1) injection|(0.3|0.4|0.6) mL|(1|30|90) mg",
        "Subcutaneous|SC|SQ|IM|intramuscularly|Injection|subq",
    ),
    "inhaler": Kind(
        "Aerosol|HFA Aerosol Inhaler|inhaler|Disk with Device|nebs|Solution for Nebulization|MDI",
        "Puff|puffs|Inhalation|neb|nebulizer|inhalation",
        "One (1)|Two (2)|1|2|1-2|2|two|four",
        "Inhalation|inhaled|INH|via nebulizer|by inhalation",
    ),
    "patch": Kind(
        "Patch 24 hr|patch|Patch 72 hr|Adhesive Patch, Medicated|transdermal patch",
        "Patch|patch|patches|Adhesive Patch",
        "One (1)|1|Two (2)|one|2",
        "Transdermal|topically|TD|to the (back|chest|shoulder)|transdermally",
    ),
    "topical": Kind(
        "cream|Ointment|Cream|ointment|gel|Powder|lotion|shampoo",
        "Appl|application",
        "One (1)|1|a thin layer|small amount",
        "Topical|topically|to the affected area|TOP|to skin folds",
    ),
    "liquid": Kind(
        "Suspension|Solution|elixir|syrup|liquid|Powder in Packet|Liquid",
        "",
        "(5|10|15|30) mL|Thirty (30) ML|Five (5) ML|one packet|(15|30) cc|17 grams|1 tbsp",
        "PO|po|by mouth|via G-tube|per PEG|swish and spit",
    ),
    "drops": Kind(
        "Drops|drops|gtts|Ophthalmic Solution|eye drops",
        "Drop|drop|gtt|Drops",
        "One (1)|1|Two (2)|2",
        "Ophthalmic|OU|in both eyes|to the (left|right) eye|OS|OD",
    ),
}

_INFECTION = (
    "pneumonia|urinary tract infection|UTI|cellulitis|bacteremia|sepsis|osteomyelitis|"
    "(hospital|community)-acquired pneumonia|diabetic foot infection|endocarditis|cholangitis|"
    "(MRSA|gram negative) bacteremia|pyelonephritis|intra-abdominal infection|sinusitis|abscess|"
    "aspiration pneumonia|line infection|spontaneous bacterial peritonitis|septic shock|fevers"
)
_ANTIBIOTIC_EFFECTS = (
    "rash|diarrhea|C. difficile colitis|drug fever|hives|acute kidney injury|nausea|"
    "thrombocytopenia|"
    "interstitial nephritis|pruritus|anaphylaxis|leukopenia|maculopapular rash|renal failure|"
    "itching"
)
_PAIN = (
    "pain|(abdominal|chest|back|neck|incisional|flank|post-operative|neuropathic|rib|bony) pain|"
    "(left|right) (knee|hip|shoulder|leg|foot|wrist) pain|headache|headaches|osteoarthritis|"
    "low back pain|discomfort|sciatica|chronic pain|spasms|cancer pain|pleuritic pain"
)
_HYPERTENSION = (
    "hypertension|HTN|blood pressure control|elevated blood pressure|high blood pressure"
)
_HEART = "CHF|heart failure|congestive heart failure|cardiomyopathy|systolic dysfunction"
_RATE = "atrial fibrillation|AF|afib|rate control|rapid ventricular response|atrial flutter|SVT"
_CLOT = "DVT|deep vein thrombosis|pulmonary embolism|PE|atrial fibrillation|mechanical valve|clot"
_BLEED = (
    "bleeding|GI bleed|hematuria|epistaxis|melena|hematoma|gastrointestinal bleeding|bruising|"
    "retroperitoneal bleed|subdural hematoma|supratherapeutic INR|anemia|nosebleeds"
)
_MENTAL = "depression|anxiety|insomnia|agitation|mood|panic attacks|PTSD|restlessness"
_SLEEPY = "sedation|somnolence|confusion|lethargy|delirium|altered mental status|drowsiness|falls"

CLASSES = [
    DrugClass(
        "tablet",
        "atorvastatin|simvastatin|pravastatin|rosuvastatin|lovastatin|Lipitor|Zocor|Crestor|"
        "ezetimibe",
        "vastatin",
        "5|10|20|40|80",
        "once night",
        "hyperlipidemia|high cholesterol|dyslipidemia|coronary artery disease|CAD|"
        "hypercholesterolemia",
        "myalgias|muscle aches|rhabdomyolysis|transaminitis|elevated LFTs|muscle weakness|leg "
        "cramps",
    ),
    DrugClass(
        "tablet",
        "lisinopril|captopril|enalapril|ramipril|quinapril|Zestril|losartan|valsartan|irbesartan|"
        "candesartan|Diovan|benazepril",
        "pril|sartan",
        "2.5|5|10|20|40|160",
        "once twice",
        f"{_HYPERTENSION}|{_HEART}|proteinuria",
        "cough|dry cough|angioedema|hyperkalemia|acute kidney injury|hypotension|dizziness|lip "
        "swelling",
    ),
    DrugClass(
        "tablet",
        "metoprolol|metoprolol tartrate|metoprolol succinate|atenolol|carvedilol|nadolol|Lopressor|"
        "Toprol XL|bisoprolol|propranolol|Coreg|labetalol",
        "olol",
        "6.25|12.5|25|50|100|200",
        "once twice thrice",
        f"{_RATE}|{_HYPERTENSION}|{_HEART}|angina|coronary artery disease|palpitations|tremor",
        "bradycardia|hypotension|fatigue|dizziness|wheezing|orthostasis|heart block|syncope|"
        "lightheadedness",
    ),
    DrugClass(
        "tablet",
        "amlodipine|diltiazem|nifedipine|verapamil|Norvasc|felodipine|hydralazine|clonidine|"
        "isosorbide",
        "dipine",
        "2.5|5|10|30|60|90|120|240",
        "once twice thrice",
        f"{_HYPERTENSION}|{_RATE}|angina|vasospasm|chest pain",
        "edema|lower extremity edema|ankle swelling|hypotension|headache|flushing|constipation|"
        "dizziness",
    ),
    DrugClass(
        "tablet",
        "furosemide|Lasix|torsemide|bumetanide|hydrochlorothiazide|HCTZ|spironolactone|Aldactone|"
        "metolazone|chlorthalidone|Bumex|acetazolamide",
        "thiazide|semide",
        "12.5|20|25|40|80|100",
        "once twice qod",
        f"volume overload|edema|leg swelling|ascites|pulmonary edema|{_HEART}|fluid retention|"
        "anasarca",
        "hypokalemia|hyponatremia|dehydration|acute kidney injury|hypotension|contraction "
        "alkalosis|"
        "hyperkalemia|gynecomastia|gout flare|dizziness|creatinine elevation",
    ),
    DrugClass(
        "tablet",
        "amiodarone|sotalol|flecainide|dofetilide|dronedarone|propafenone|Multaq|quinidine|"
        "Pacerone",
        "arone",
        "80|100|150|200|400",
        "once twice qod",
        f"{_RATE}|ventricular tachycardia|VT|rhythm control|ectopy|{_HEART}",
        "bradycardia|QT prolongation|QTc prolongation|pulmonary toxicity|hypothyroidism|nausea|"
        "pulmonary fibrosis|visual changes|heart block|toxicity|torsades|tremor",
    ),
    DrugClass(
        "tablet",
        "warfarin|Coumadin|apixaban|Eliquis|rivaroxaban|dabigatran|clopidogrel|Plavix|aspirin|ASA|"
        "ticagrelor|prasugrel|Xarelto|aspirin",
        "xaban|grel",
        "1|2|2.5|3|5|10|75|81|325",
        "once twice night",
        f"{_CLOT}|stroke|stroke prevention|CAD|drug eluting stent|TIA|stent thrombosis|NSTEMI",
        _BLEED,
    ),
    DrugClass(
        "injection",
        "heparin|enoxaparin|Lovenox|fondaparinux|dalteparin|heparin sodium|tinzaparin",
        "parin",
        "5,000 unit/mL|40 mg/0.4 mL|60 mg/0.6 mL|80 mg/0.8 mL|10,000 unit/mL",
        "once twice thrice q12 q8",
        f"{_CLOT}|DVT prophylaxis|prophylaxis|NSTEMI|bridging|ACS",
        f"{_BLEED}|HIT|heparin-induced thrombocytopenia|thrombocytopenia|platelet drop",
    ),
    DrugClass(
        "iv",
        "vancomycin|Vanc|ceftriaxone|cefepime|piperacillin-tazobactam|Zosyn|meropenem|daptomycin|"
        "gentamicin|ampicillin|nafcillin|cefazolin|aztreonam|tobramycin|Unasyn|ceftazidime|"
        "imipenem",
        "penem|micin|cef",
        "500 mg|1 gram|2 gram|750 mg|1.5 g|4.5 gram",
        "once q6 q8 q12 q24 thrice",
        _INFECTION,
        f"{_ANTIBIOTIC_EFFECTS}|red man syndrome|nephrotoxicity|acute tubular necrosis|ATN|seizure|"
        "ototoxicity|hearing loss|neutropenia",
    ),
    DrugClass(
        "tablet",
        "ciprofloxacin|Cipro|levofloxacin|Levaquin|metronidazole|Flagyl|Bactrim|azithromycin|"
        "doxycycline|linezolid|Augmentin|cefpodoxime|moxifloxacin|nitrofurantoin|Keflex|rifampin",
        "floxacin|mycin|cycline",
        "250|400|500|750|875-125|800-160|100|600",
        "once twice thrice q6 q8 q12 q24",
        f"{_INFECTION}|C. diff|bronchitis|COPD exacerbation|prophylaxis|diverticulitis|prostatitis",
        f"{_ANTIBIOTIC_EFFECTS}|tendonitis|QT prolongation|hepatitis|Stevens-Johnson syndrome|"
        "metallic taste|photosensitivity",
    ),
    DrugClass(
        "capsule",
        "fluconazole|acyclovir|valacyclovir|valganciclovir|voriconazole|oseltamivir|Tamiflu|"
        "itraconazole|clindamycin|cephalexin|amoxicillin|ganciclovir",
        "conazole|ciclovir",
        "75|100|200|300|400|450|500",
        "once twice thrice q8 q12",
        "thrush|candidemia|zoster|influenza|herpes|CMV viremia|esophageal candidiasis|prophylaxis|"
        "fungemia|cellulitis|dental abscess|shingles",
        f"{_ANTIBIOTIC_EFFECTS}|hallucinations|visual disturbances|pancytopenia|LFT abnormalities",
    ),
    DrugClass(
        "tablet",
        "oxycodone|Percocet|hydromorphone|Dilaudid|morphine|MS Contin|tramadol|Vicodin|methadone|"
        "oxycodone-acetaminophen|OxyContin|codeine|tapentadol",
        "codone|morphone",
        "2|4|5|5-325|10|15|30|50",
        "q3 q4 q46 q6 q8 twice",
        f"{_PAIN}|shortness of breath|breakthrough pain|withdrawal",
        f"{_SLEEPY}|constipation|nausea|respiratory depression|urinary retention|ileus|vomiting|"
        "hypotension|itching|pruritus|hypoxia|hallucinations",
        0.65,
    ),
    DrugClass(
        "tablet",
        "ibuprofen|naproxen|acetaminophen|Tylenol|ketorolac|Motrin|celecoxib|meloxicam|Advil|"
        "diclofenac|indomethacin|colchicine|allopurinol|cyclobenzaprine",
        "coxib|profen",
        "100|200|325|400|500|600|650|0.6|300",
        "q4 q6 q8 q46 twice thrice once",
        f"{_PAIN}|fever|gout|gout flare|arthritis|myalgias|pericarditis|muscle spasm|fevers",
        "gastritis|gastric ulcer|GI bleed|acute kidney injury|peptic ulcer disease|rash|diarrhea|"
        "hepatotoxicity|dyspepsia|upper GI bleed|liver injury|renal failure",
        0.55,
    ),
    DrugClass(
        "tablet",
        "lorazepam|Ativan|clonazepam|diazepam|Valium|zolpidem|Ambien|trazodone|alprazolam|"
        "temazepam|"
        "Klonopin|ramelteon|eszopiclone",
        "azepam|pidem",
        "0.25|0.5|1|2|5|10|25|50|100",
        "night twice thrice q6 q8 q46",
        f"{_MENTAL}|alcohol withdrawal|seizures|sleep|EtOH withdrawal|CIWA > 10|muscle spasms|"
        "nausea",
        f"{_SLEEPY}|respiratory depression|unsteadiness|ataxia|paradoxical agitation|hypotension",
        0.5,
    ),
    DrugClass(
        "tablet",
        "citalopram|Celexa|sertraline|Zoloft|escitalopram|paroxetine|mirtazapine|bupropion|"
        "venlafaxine|"
        "quetiapine|Seroquel|haloperidol|Haldol|olanzapine|risperidone|lithium|aripiprazole",
        "oxetine|piprazole|apine",
        "2.5|5|10|20|25|37.5|50|75|100|150",
        "once night twice",
        f"{_MENTAL}|bipolar disorder|schizophrenia|psychosis|delirium|hallucinations|appetite",
        f"{_SLEEPY}|QTc prolongation|hyponatremia|SIADH|serotonin syndrome|weight gain|akathisia|"
        "tremor|"
        "dystonia|neuroleptic malignant syndrome|nausea|dry mouth|lithium toxicity",
        0.1,
    ),
    DrugClass(
        "capsule",
        "gabapentin|Neurontin|pregabalin|phenytoin|Dilantin|levetiracetam|Keppra|valproic acid|"
        "lamotrigine|topiramate|carbamazepine|duloxetine|amitriptyline|Lyrica",
        "gabalin|acetam",
        "30|60|75|100|300|400|500|600|750",
        "twice thrice night q8 q12",
        "seizures|seizure prophylaxis|neuropathy|neuropathic pain|epilepsy|migraines|diabetic "
        "neuropathy|"
        "peripheral neuropathy|seizure disorder|fibromyalgia|post-herpetic neuralgia|hot flashes",
        f"{_SLEEPY}|dizziness|ataxia|rash|nystagmus|pancreatitis|hyperammonemia|DRESS|irritability|"
        "hyponatremia|gait instability|thrombocytopenia",
    ),
    DrugClass(
        "tablet",
        "prednisone|dexamethasone|Decadron|methylprednisolone|prednisolone|hydrocortisone|Medrol|"
        "budesonide|fludrocortisone",
        "sone",
        "1|2|4|5|10|20|40|50|60",
        "once twice q6 q8 taper qod",
        "COPD exacerbation|COPD flare|asthma|asthma exacerbation|lupus|rheumatoid arthritis|"
        "cerebral edema|"
        "polymyalgia rheumatica|adrenal insufficiency|vasculitis|rash|sarcoidosis|ITP|GVHD|gout "
        "flare",
        "hyperglycemia|elevated blood sugars|steroid-induced diabetes|leukocytosis|insomnia|"
        "psychosis|"
        "myopathy|thrush|weight gain|adrenal suppression|mood swings|osteoporosis|steroid "
        "psychosis",
    ),
    DrugClass(
        "capsule",
        "omeprazole|Prilosec|pantoprazole|Protonix|esomeprazole|Nexium|lansoprazole|ranitidine|"
        "famotidine|Pepcid|sucralfate",
        "prazole|tidine",
        "15|20|30|40|150|300",
        "once twice q12 q24",
        "GERD|reflux|acid reflux|peptic ulcer disease|GI prophylaxis|heartburn|gastritis|upper GI "
        "bleed|"
        "esophagitis|stress ulcer prophylaxis|Barrett's esophagus|dyspepsia",
        "thrombocytopenia|hypomagnesemia|C. difficile infection|diarrhea|confusion|interstitial "
        "nephritis",
    ),
    DrugClass(
        "capsule",
        "docusate sodium|Colace|senna|bisacodyl|Dulcolax|docusate|Senokot|loperamide|simethicone|"
        "Imodium",
        "",
        "8.6|10|100|2|80",
        "once twice thrice q4 night",
        "constipation|bowel regimen|hard stools|gas|loose stools|gas pain|diarrhea|bloating|no BM",
        "diarrhea|loose stools|abdominal cramping|cramps|abdominal distention",
        0.6,
    ),
    DrugClass(
        "liquid",
        "lactulose|polyethylene glycol|Miralax|milk of magnesia|nystatin|guaifenesin|Maalox|"
        "potassium chloride|sodium polystyrene sulfonate|Kayexalate|Megace|Robitussin",
        "",
        "10 gram/15 mL|100,000 unit/mL|17 gram|400 mg/5 mL|100 mg/5 mL|20 mEq/15 mL|40 mg/mL",
        "once twice thrice q6 q4 q8",
        "constipation|hepatic encephalopathy|encephalopathy|thrush|cough|hyperkalemia|dyspepsia|"
        "appetite|"
        "hypokalemia|oral thrush|poor appetite|indigestion",
        "diarrhea|hypernatremia|bloating|nausea|hypermagnesemia|abdominal cramping|loose stools",
        0.4,
    ),
    DrugClass(
        "tablet",
        "ondansetron|Zofran|prochlorperazine|Compazine|metoclopramide|Reglan|promethazine|"
        "meclizine|"
        "ondansetron HCl|diphenhydramine|Benadryl|hydroxyzine|loratadine|cetirizine",
        "setron|azine",
        "4|5|8|10|12.5|25|50",
        "q4 q6 q8 thrice",
        "nausea|vomiting|nausea and vomiting|gastroparesis|vertigo|N/V|itching|pruritus|allergies|"
        "hives|"
        "dizziness|allergic rhinitis|insomnia|rash",
        f"{_SLEEPY}|QTc prolongation|dystonia|tardive dyskinesia|urinary retention|headache|"
        "constipation|"
        "dry mouth|akathisia|extrapyramidal symptoms",
        0.7,
    ),
    DrugClass(
        "insulin",
        "insulin glargine|Lantus|Humalog|insulin lispro|NPH|Novolog|regular insulin|insulin aspart|"
        "insulin|Levemir|NPH insulin|exenatide|Humulin",
        "glutide",
        "100 unit/mL|100 unit/mL (3 mL)|100 units/mL",
        "night meals twice once qam",
        "diabetes|DM2|type 2 diabetes|hyperglycemia|diabetes mellitus|DKA|elevated blood sugars|"
        "IDDM|T1DM",
        "hypoglycemia|low blood sugars|hypoglycemic episodes|weight gain|hypokalemia|seizure|"
        "diaphoresis",
    ),
    DrugClass(
        "tablet",
        "metformin|glipizide|glyburide|pioglitazone|Actos|sitagliptin|Januvia|repaglinide|"
        "Glucophage|"
        "glimepiride|Glucotrol|acarbose",
        "gliptin|gliflozin",
        "2.5|5|10|25|50|100|500|850|1000",
        "once twice qam meals",
        "diabetes|DM2|type 2 diabetes|hyperglycemia|blood sugar control|DM|diabetes mellitus|NIDDM",
        "hypoglycemia|lactic acidosis|diarrhea|low blood sugars|heart failure|edema|genital "
        "infection|"
        "GI upset|weight gain|metallic taste",
    ),
    DrugClass(
        "tablet",
        "levothyroxine|Synthroid|Levoxyl|liothyronine|levothyroxine sodium|Unithroid",
        "thyrox",
        "25 mcg|50 mcg|75 mcg|88 mcg|100 mcg|112 mcg|125 mcg|137 mcg",
        "once qam",
        "hypothyroidism|elevated TSH|thyroidectomy|Hashimoto's thyroiditis|myxedema",
        "palpitations|tremor|weight loss|atrial fibrillation|hyperthyroidism|insomnia|heat "
        "intolerance",
    ),
    DrugClass(
        "inhaler",
        "albuterol|albuterol sulfate|ipratropium|Advair|fluticasone|tiotropium|Spiriva|Combivent|"
        "salmeterol|Atrovent|Flovent|Symbicort|fluticasone-salmeterol|Xopenex",
        "terol|tropium",
        "90 mcg/Actuation|250-50 mcg/Dose|18 mcg|110 mcg|0.63 mg/3 mL|2.5 mg/3 mL|500-50 mcg|17 "
        "mcg",
        "q4 q6 q46 twice once q2",
        "wheezing|shortness of breath|COPD|asthma|dyspnea|SOB|bronchospasm|wheeze|reactive airway "
        "disease",
        "tachycardia|palpitations|tremor|thrush|jitteriness|hoarseness|sinus tachycardia|urinary "
        "retention",
        0.5,
    ),
    DrugClass(
        "iv",
        "cyclophosphamide|doxorubicin|cisplatin|carboplatin|paclitaxel|rituximab|bortezomib|"
        "oxaliplatin|"
        "gemcitabine|cytarabine|5-FU|infliximab|pembrolizumab|etoposide|vincristine|IVIG",
        "platin|mab|rubicin|taxel",
        "100 mg|200 mg|500 mg|1000 mg|75 mg/m2|50 mg/m2",
        "weekly once cycle",
        "lymphoma|AML|breast cancer|lung cancer|multiple myeloma|colon cancer|metastatic disease|"
        "SCLC|"
        "non-Hodgkin's lymphoma|ovarian cancer|Crohn's disease|diffuse large B-cell lymphoma|"
        "leukemia",
        "neutropenia|febrile neutropenia|mucositis|nausea|neuropathy|pancytopenia|cardiomyopathy|"
        "anemia|"
        "peripheral neuropathy|tumor lysis syndrome|alopecia|infusion reaction|hemorrhagic "
        "cystitis|"
        "hearing loss|vomiting|thrombocytopenia|rigors|colitis|pneumonitis|hand-foot syndrome",
    ),
    DrugClass(
        "capsule",
        "tacrolimus|Prograf|mycophenolate mofetil|CellCept|cyclosporine|sirolimus|azathioprine|"
        "Imuran|"
        "methotrexate|hydroxychloroquine|MTX|everolimus|Rapamune",
        "limus|tinib",
        "0.5|1|2.5|5|25|50|100|200|250|500",
        "q12 twice once weekly",
        "renal transplant|kidney transplant|rejection|immunosuppression|lupus nephritis|liver "
        "transplant|"
        "rheumatoid arthritis|autoimmune hepatitis|psoriasis|graft versus host disease|RA|SLE",
        "tremor|nephrotoxicity|leukopenia|hyperkalemia|diarrhea|pneumonitis|pancytopenia|"
        "hypertension|"
        "neurotoxicity|PRES|hirsutism|elevated creatinine|oral ulcers|hypomagnesemia",
    ),
    DrugClass(
        "tablet",
        "iron|ferrous sulfate|folic acid|multivitamin|calcium carbonate|vitamin D|potassium "
        "chloride|"
        "magnesium oxide|thiamine|cyanocobalamin|calcium|vitamin B12|iron sulfate|zinc sulfate|KCl",
        "",
        "1|20 mEq|100|325|400 unit|500|650|1000 unit|40 mEq|400|220",
        "once twice thrice meals",
        "anemia|iron deficiency|iron deficiency anemia|hypokalemia|osteoporosis|alcohol abuse|"
        "nutrition|"
        "hypocalcemia|hypomagnesemia|vitamin D deficiency|wound healing|osteopenia|alcoholism",
        "constipation|dark stools|nausea|hypercalcemia|hyperkalemia|GI upset|black stools|diarrhea",
    ),
    DrugClass(
        "patch",
        "fentanyl|Duragesic|buprenorphine|fentanyl citrate|Butrans",
        "fentanil",
        "12 mcg/hr|25 mcg/hr|50 mcg/hr|75 mcg/hr|100 mcg/hr|10 mcg/hr",
        "q72 weekly",
        f"{_PAIN}",
        f"{_SLEEPY}|respiratory depression|constipation|nausea|urinary retention|hypoxia",
    ),
    DrugClass(
        "patch",
        "lidocaine|Lidoderm|nicotine|nitroglycerin|Nitro-Dur|scopolamine|rivastigmine|estradiol",
        "",
        "5 %|14 mg/24 hr|21 mg/24 hr|7 mg/24 hr|0.2 mg/hr|0.4 mg/hr",
        "once qam",
        "smoking cessation|tobacco use|angina|nicotine withdrawal|dementia|secretions|back pain|"
        "chest pain|post-herpetic neuralgia|rib pain|hot flashes",
        "skin irritation|rash|headache|hypotension|vivid dreams|dry mouth|nausea|local erythema",
    ),
    DrugClass(
        "topical",
        "miconazole|clotrimazole|hydrocortisone|triamcinolone|mupirocin|Bactroban|silver "
        "sulfadiazine|"
        "capsaicin|bacitracin|nystatin|clobetasol|Sarna|ketoconazole",
        "conazole",
        "0.1 %|1 %|2 %|2.5 %|100,000 unit/gram|0.025 %|0.05 %",
        "twice thrice qid once",
        "rash|groin rash|itching|eczema|fungal rash|burn|intertrigo|dry skin|dermatitis|wound care|"
        "tinea|"
        "psoriasis|skin breakdown|pruritus|candidal rash",
        "skin irritation|contact dermatitis|burning|erythema|skin atrophy|local irritation",
        0.35,
    ),
    DrugClass(
        "drops",
        "latanoprost|timolol|brimonidine|dorzolamide|artificial tears|Xalatan|prednisolone acetate|"
        "erythromycin|Cosopt|travoprost|moxifloxacin|Refresh",
        "prost|zolamide",
        "0.005 %|0.5 %|0.15 %|0.2 %|1 %|2 %|0.004 %",
        "night twice thrice qid q4",
        "glaucoma|dry eyes|conjunctivitis|uveitis|eye irritation|ocular hypertension|corneal "
        "abrasion",
        "eye irritation|conjunctival redness|bradycardia|blurry vision|stinging|eye redness",
        0.2,
    ),
    DrugClass(
        "capsule",
        "tamsulosin|Flomax|finasteride|oxybutynin|Detrol|terazosin|donepezil|Aricept|memantine|"
        "tolterodine|"
        "carbidopa-levodopa|Sinemet|ropinirole|sumatriptan|baclofen",
        "osin|triptan",
        "0.4|1|2|5|10|20|25-100|50|100",
        "once night twice thrice",
        "BPH|urinary retention|benign prostatic hypertrophy|dementia|overactive bladder|"
        "Parkinson's disease|"
        "spasticity|Alzheimer's dementia|urinary frequency|migraine|memory loss|bladder spasms|"
        "incontinence",
        f"orthostatic hypotension|dizziness|confusion|dry mouth|hallucinations|bradycardia|"
        f"{_SLEEPY}|"
        "dyskinesias|lightheadedness|urinary retention",
    ),
    DrugClass(
        "iv",
        "norepinephrine|Levophed|propofol|phenylephrine|midazolam|Versed|esmolol|nitroglycerin|"
        "dopamine|"
        "furosemide|Lasix|morphine|fentanyl|dilaudid|vasopressin|nicardipine|pantoprazole|"
        "octreotide|"
        "metoprolol|lorazepam|ketamine|diltiazem|naloxone|Narcan|solumedrol|Haldol",
        "olol|odone",
        "0.5 mg|1 mg|2 mg|4 mg|10 mg|40 mg|80 mg|100 mcg|125 mg|0.4 mg",
        "once q4 q6 q8 stat",
        f"hypotension|shock|sedation|{_RATE}|{_PAIN}|agitation|pulmonary edema|volume overload|"
        "intubation|"
        "hypertensive emergency|variceal bleed|SBP > 180|respiratory distress|status epilepticus|"
        "overdose",
        "hypotension|bradycardia|over-sedation|respiratory depression|apnea|arrhythmia|ileus|acute "
        "kidney "
        "injury|digital ischemia|hypoxia|tachycardia|delirium|pancreatitis|hypertriglyceridemia",
    ),
]

#: Drugs named by their class alone, which take a reason or an effect but no order.
UNSPECIFIED = [
    DrugClass("iv", names, "", "", "", reasons, effects)
    for names, reasons, effects in (
        (
            "antibiotics|abx|broad spectrum antibiotics|IV antibiotics",
            _INFECTION,
            _ANTIBIOTIC_EFFECTS,
        ),
        (
            "pain medications|narcotics|opiates|pain meds|opioids",
            _PAIN,
            f"{_SLEEPY}|ileus|constipation",
        ),
        ("NSAIDs", _PAIN, "gastritis|GI bleed|acute kidney injury|peptic ulcer disease"),
        (
            "steroids|stress dose steroids",
            "COPD flare|adrenal insufficiency|asthma",
            "hyperglycemia",
        ),
        ("chemotherapy|chemo", "lymphoma|leukemia|lung cancer", "neutropenia|mucositis|nausea"),
        ("diuretics|IV diuresis", f"volume overload|edema|{_HEART}", "hypotension|hypokalemia"),
        ("anticoagulation|blood thinners", _CLOT, _BLEED),
        (
            "IV fluids|IVF|fluids",
            "hypotension|dehydration|acute kidney injury",
            "volume overload|edema",
        ),
        ("beta blocker|antihypertensives", f"{_HYPERTENSION}|{_RATE}", "bradycardia|hypotension"),
        ("stool softeners|bowel regimen", "constipation", "diarrhea|cramps"),
        ("sedatives|benzodiazepines", f"agitation|{_MENTAL}", _SLEEPY),
        ("pressors", "hypotension|septic shock|shock", "digital ischemia|arrhythmia"),
        ("IV contrast|contrast", "CT scan|catheterization", "acute kidney injury|rash|nephropathy"),
        ("nebulizers|nebs|inhalers", "wheezing|COPD|shortness of breath", "tachycardia|tremor"),
    )
]

FREQUENCIES = {
    "once": "daily|DAILY (Daily)|once daily|once a day|qd|every day|QD|q.d.|Daily|DAILY|each day",
    "qam": "qam|every morning|in the morning|QAM|each morning|before breakfast",
    "twice": "BID (2 times a day)|bid|twice a day|BID|twice daily|b.i.d.|two times a day|2x daily",
    "thrice": "TID (3 times a day)|tid|three times a day|TID|t.i.d.|three times daily",
    "qid": "QID (4 times a day)|qid|four times a day|QID|4x/day",
    "night": "qhs|at bedtime|HS (at bedtime)|QHS|nightly|every night|before bed|HS|in the evening",
    "q2": "q2h|every 2 hours|Q2H (every 2 hours)",
    "q3": "q3h|every 3 hours|Q3H (every 3 hours)|every three hours",
    "q4": "q4h|every 4 hours|Q4H (every 4 hours)|every four hours|q 4 hrs|q4hr|Q4H",
    "q46": "every 4-6 hours|q4-6h|Q4-6H (every 4 to 6 hours)|every four to six hours|q 4-6 hrs",
    "q6": "q6h|every 6 hours|Q6H (every 6 hours)|every six hours|q6hrs|Q6H",
    "q8": "q8h|every 8 hours|Q8H (every 8 hours)|every eight hours|q 8 hours|Q8H",
    "q12": "q12h|every 12 hours|Q12H (every 12 hours)|every twelve hours|q12hrs|Q 12H (Every 12 "
    "Hours)",
    "q24": "q24h|every 24 hours|Q24H (every 24 hours)|q 24 hours|Q24H",
    "q72": "q72h|every 72 hours|every 3 days|Q72H (every 72 hours)",
    "qod": "every other day|QOD|qod|EVERY OTHER DAY (Every Other Day)|MWF|on alternating days",
    "weekly": "weekly|once a week|every (Monday|Tuesday|Friday|Sunday)|1X/WEEK ((MO|TH|SA))|qweek",
    "meals": "with meals|before meals|TID W/MEALS (3 TIMES A DAY WITH MEALS)|with each meal|qac",
    "taper": "daily|as directed on taper|per taper|daily, then taper|once daily",
    "cycle": "every (2|3|4) weeks|q3 weeks|every 21 days|per cycle|on days 1 and 8",
    "stat": "x1|once|x 1|times one|x2|in a single dose|ONCE (Once)|continuous",
}
AS_NEEDED = " as needed| prn| PRN| as needed|, as needed| p.r.n."

DURATIONS = (
    "(3|4|5|6|7|10|14|21) days|(two|three|four|six) weeks|(2|4|6|8|12) weeks|(one|two|three|six) "
    "months|"
    "(a|one) week|another (3|5|7|10) days|(7|10|14)-day course|(24|48|72) hours|Seven (7) days|"
    "Ten (10) days|Two (2) weeks|1 month|(2|4|6)-week course|(5|10|12) more days|x(3|5|7) "
    "days"
)

#: Beginnings of coined drug names; with an ending of the class they give thousands.
BEGINNINGS = (
    "vel|tor|cam|lus|zan|per|mol|dar|fen|bri|nal|ro|te|xi|qua|lor|ven|tal|mar|sul|pri|cel|dol|er|"
    "gra|"
    "ha|il|ka|ne|ol|pan|ri|sa|ta|ul|va|we|ya|zo|al|be|cor|di|fos"
)
MIDDLES = "a|e|i|o|u|ali|ema|ino|obi|ari|eno|iva|oxi|uta|ami|elo|isa|oni|ura|ata|ebi|oda"
BRAND_ENDINGS = "vex|tra|zil|nia|quin|lyn|dra|via|zor|max|ron|tix|cet|sia|brex|lan"
SALTS = "hydrochloride|sodium|HCl|succinate|tartrate|sulfate|acetate|XL|SR|ER|maleate"
