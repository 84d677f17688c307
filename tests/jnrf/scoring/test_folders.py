"""Reading both sides of an evaluation: whichever files, whichever order of roles."""

from __future__ import annotations

import pytest

from jnrf.corpora.brat import read_folder
from jnrf.corpora.json import write_json
from jnrf.corpora.notices import CorpusWarning
from jnrf.scoring.folders import read_corrected
from jnrf.scoring.n2c2 import score_folders
from jnrf_ext.errors import InputError

TEXT = "Salmonella lives in the gut."
A1 = "T1\tBacteria 0 10\tSalmonella\nT2\tHabitat 20 27\tthe gut\n"
FORTH = "R1\tLives_In Bacteria:T1 Location:T2\n"
BACK = "R1\tLives_In Location:T2 Bacteria:T1\n"


def write(folder, **files: str):
    """A folder of files; their names have _ for the dot."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".", 1)).write_text(content)
    return folder


def relations_f1(gold, predicted) -> float:
    return score_folders(gold, predicted).relations["strict"].micro.f1


@pytest.mark.parametrize(("gold", "predicted"), [(FORTH, BACK), (BACK, FORTH)])
@pytest.mark.parametrize("with_text", [True, False])
def test_the_order_of_roles_does_not_matter(tmp_path, gold, predicted, with_text):
    ours = write(tmp_path / "gold", d_txt=TEXT, d_ann=A1 + gold)
    theirs = write(tmp_path / "pred", d_ann=A1 + predicted, **{"d_txt": TEXT} if with_text else {})
    assert relations_f1(ours, theirs) == 1
    wrong = write(tmp_path / "wrong", d_ann=A1 + "R1\tLives_In Location:T1 Bacteria:T2\n")
    assert relations_f1(ours, wrong) == 0


def test_it_does_not_matter_either_where_predictions_are_json(tmp_path):
    ours = write(tmp_path / "gold", d_txt=TEXT, d_ann=A1 + FORTH)
    theirs = write(tmp_path / "pred", d_txt=TEXT, d_ann=A1 + BACK)
    write_json(read_folder(theirs), tmp_path / "pred.json")
    assert relations_f1(ours, tmp_path / "pred.json") == 1


def test_a_model_says_head_and_tail_as_the_lines_of_the_gold_do(tmp_path):
    theirs = write(tmp_path / "pred", d_ann=A1 + "R1\tLives_In Arg1:T1 Arg2:T2\n")
    for name, lines, f1 in (("forth", FORTH, 1), ("back", BACK, 0)):
        ours = write(tmp_path / name, d_txt=TEXT, d_ann=A1 + lines)
        assert relations_f1(ours, theirs) == f1


@pytest.mark.parametrize(
    "files",
    [
        {"d_txt": TEXT, "d_a1": A1, "d_a2": BACK},
        {"d_a1": A1, "d_a2": BACK},
        {"d_a2": BACK},
        {"d_ANN": A1 + BACK},
    ],
    ids=["all", "annotations", "a2", "capitals"],
)
def test_bionlp_files_are_scored(tmp_path, files):
    ours = write(tmp_path / "gold", d_txt=TEXT, d_a1=A1, d_a2=FORTH)
    assert relations_f1(ours, write(tmp_path / "pred", **files)) == 1


def test_an_a2_alone_needs_the_golds_a1(tmp_path):
    ours = write(tmp_path / "gold", d_txt=TEXT, d_ann=A1 + FORTH)
    with pytest.raises(InputError, match=r"d\.a2:1: relation R1 refers to T1"):
        read_corrected(ours, write(tmp_path / "pred", d_a2=BACK.replace("T2", "T1")))


def test_a_gold_without_any_mention_is_an_error(tmp_path):
    ours = write(tmp_path / "gold", d_txt=TEXT, d_ann="")
    with pytest.raises(InputError, match=r"gold: no mention in its one document; check"):
        read_corrected(ours, write(tmp_path / "pred", d_ann=A1))


def test_predictions_without_any_mention_are_told(tmp_path):
    ours = write(tmp_path / "gold", d_txt=TEXT, d_ann=A1)
    with pytest.warns(UserWarning, match=r"pred: no mention in its one document"):
        read_corrected(ours, write(tmp_path / "pred", d_ann=""))
    (tmp_path / "pred.json").write_text('{"id": "d", "text": "Salmonella lives in the gut."}')
    with pytest.warns(UserWarning, match=r"pred\.json: no mention in its one document"):
        read_corrected(ours, tmp_path / "pred.json")


def test_the_official_mode_reads_ann_alone_and_says_so(tmp_path, capsys):
    for side in ("gold", "pred"):
        write(tmp_path / side, d_ann=A1, e_ANN=A1, e_a1=A1)
    with pytest.warns(CorpusWarning, match="the official script reads") as told:
        scores = score_folders(tmp_path / "gold", tmp_path / "pred", "official")
    assert scores.documents == 1
    assert [str(notice.message) for notice in told] == [
        f"{tmp_path / side}: not read: {kinds}; the official script reads .ann alone"
        for side, kinds in (("gold", "1 .ANN, 1 .a1"), ("pred", "1 .ANN, 1 .a1"))
    ]


def test_the_official_mode_tells_of_a_gold_without_any_mention(tmp_path):
    for side in ("gold", "pred"):
        write(tmp_path / side, d_ann="")
    with pytest.warns(UserWarning, match=r"gold: no mention in its one document"):
        score_folders(tmp_path / "gold", tmp_path / "pred", "official")
