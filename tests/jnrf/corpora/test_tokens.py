"""Token JSON: real corpora keep every token and offset, writing tells what it loses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from word_documents import word_documents

from jnrf.corpora import open_corpus, read_corpus
from jnrf.corpora.tokens import write_tokens
from jnrf_ext.documents.document import Document, Equivalence, Mention, Note, Relation
from jnrf_ext.errors import InputError

ITEM = {
    "tokens": ["Booth", "shot", "President", "Lincoln", "."],
    "entities": [[2, 4, "Peop"], [0, 1, "Peop"]],
    "relations": [[0, 1, 2, 4, "Kill"]],
}


def opened(path, *items, name="x.json"):
    (path / name).write_text(json.dumps(list(items)), encoding="utf-8")
    return open_corpus(path / name)


def written(path, *documents):
    lost = write_tokens(documents, path / "out.json")
    return json.loads((path / "out.json").read_text(encoding="utf-8")), lost


@pytest.mark.parametrize(
    "file", ["conll04/test.CoNLL04.json", "conll04/train.CoNLL04.json", "ade-10fold/test.ADE3.json"]
)
def test_real_files_keep_every_token_entity_and_relation(shared_data, file, tmp_path):
    items = json.loads((shared_data / file).read_text(encoding="utf-8"))
    format, documents = read_corpus(shared_data / file)
    assert format == "tokens"
    assert len(documents) == len(items)
    for item, document in zip(items, documents, strict=True):
        tokens = item["tokens"]
        assert document.text.split(" ") == tokens
        assert not document.warnings
        said = {}
        for mention, (start, end, type) in zip(document.mentions, item["entities"], strict=True):
            assert mention.type == type
            assert document.text[mention.start : mention.end] == " ".join(tokens[start:end])
            assert mention.text == " ".join(tokens[start:end])
            assert document.text[: mention.start].count(" ") == start
            said[mention.id] = [start, end]
        relations = [[*said[r.head], *said[r.tail], r.type] for r in document.relations]
        assert relations == item["relations"]
    stem = file.rpartition("/")[2].removesuffix(".json")
    assert documents[6].id == f"{stem}-0007"
    assert not write_tokens(documents, tmp_path / f"{stem}.json", words="spaces")
    assert json.loads((tmp_path / f"{stem}.json").read_text(encoding="utf-8")) == items


def test_the_form_of_spert_is_read_as_well(tmp_path):
    spert = {
        "tokens": ITEM["tokens"],
        "entities": [
            {"type": "Peop", "start": 2, "end": 4},
            {"type": "Peop", "start": 0, "end": 1},
        ],
        "relations": [{"type": "Kill", "head": 1, "tail": 0}],
        "orig_id": 3255,
    }
    assert opened(tmp_path, spert) == opened(tmp_path, ITEM)


def test_relations_and_entities_may_be_missing(tmp_path):
    [document] = opened(tmp_path, {"tokens": ["a", "b"]})
    assert document == Document("x-0001", "a b")


def test_json_lines_of_tokens_open_too(tmp_path):
    (tmp_path / "x.jsonl").write_text(json.dumps(ITEM) + "\n\n" + json.dumps(ITEM) + "\n")
    assert [document.id for document in open_corpus(tmp_path / "x.jsonl")] == ["x-0001", "x-0002"]


def test_a_folder_keeps_the_order_of_each_file(tmp_path):
    for name in ("train", "dev"):
        write_tokens([Document(f"{name}-{n:04d}", f"w{n}") for n in (1, 2)], tmp_path)
    assert [d.id for d in open_corpus(tmp_path)] == [
        "dev-0001", "dev-0002", "train-0001", "train-0002"
    ]  # fmt: skip


def test_the_ids_of_a_long_file_sort_in_its_order(tmp_path):
    documents = opened(tmp_path, *[{"tokens": ["a"]}] * 10_001)
    assert documents[0].id == "x-00001"
    ids = [document.id for document in documents]
    assert sorted(ids) == ids


@given(st.lists(word_documents(), max_size=4))
def test_documents_of_words_survive(tmp_path_factory, documents):
    path = tmp_path_factory.mktemp("tokens") / "x.json"
    assert not write_tokens(documents, path, words="spaces")
    assert open_corpus(path) == documents


def test_where_words_are_does_not_depend_on_mentions(tmp_path):
    mentions = [Mention("T1", "Dose", ((1, 3),)), Mention("T2", "Drug", ((8, 12),))]
    document = Document("d", "5mg/day IL-2", mentions)
    items, lost = written(tmp_path, document)
    assert items[0]["tokens"] == ["5mg", "/", "day", "IL", "-", "2"]
    assert items[0]["entities"] == [[0, 1, "Dose"], [3, 6, "Drug"]]
    assert lost == {
        "mention that starts or ends inside a word (written with the whole word)": 1,
        "space put between a word and what touches it, such as punctuation": 4,
    }
    assert written(tmp_path, Document("d", document.text))[0][0]["tokens"] == items[0]["tokens"]


@settings(deadline=None)
@given(st.text("aé1-,. \n", max_size=20), st.lists(st.tuples(*[st.integers(0, 20)] * 2)))
def test_mentions_never_change_the_words_and_are_covered_by_theirs(tmp_path_factory, text, spans):
    path = tmp_path_factory.mktemp("tokens") / "x.json"
    inside = [(a, b) for a, b in spans if a < b <= len(text)]
    mentions = [Mention(f"T{n}", "X", (span,)) for n, span in enumerate(inside, 1)]
    for words in ("split", "spaces"):
        write_tokens([Document("d", text)], path, words=words)
        bare = json.loads(path.read_text(encoding="utf-8"))[0]["tokens"]
        lost = write_tokens([Document("d", text, mentions)], path, words=words)
        item = json.loads(path.read_text(encoding="utf-8"))[0]
        assert item["tokens"] == bare
        assert "".join(bare) == "".join(text.split())
        covered = {"".join(bare[first:last]) for first, last, _ in item["entities"]}
        for start, end in inside:
            said = "".join(text[start:end].split())
            assert not said or any(said in word for word in covered)
        kept = len(inside) - lost["mention without a word"]
        assert len(item["entities"]) == kept - lost["mention equal to another (written once)"]


def test_an_unknown_way_to_find_words_is_an_error(tmp_path):
    with pytest.raises(InputError, match="words is 'chars'; choose one of split, spaces"):
        write_tokens([Document("d", "a")], tmp_path / "x.json", words="chars")


TAGGED = {"tokens": ["took", "low", "dose", "aspirin"], "ner_tags": ["O", "B-X", "I-X", "B-Drug"]}


@pytest.mark.parametrize(
    "item",
    [
        TAGGED,
        TAGGED | {"id": "x-0001"},
        {"tokens": TAGGED["tokens"], "tags": ["O", "B-X", "L-X", "U-Drug"], "relations": []},
        {"tokens": TAGGED["tokens"], "labels": ["O", "B-X", "E-X", "S-Drug"]},
    ],
)
def test_tags_in_place_of_entities_are_read(tmp_path, item):
    [document] = opened(tmp_path, item)
    assert [(m.type, m.text) for m in document.mentions] == [("X", "low dose"), ("Drug", "aspirin")]
    assert not document.warnings


def test_relations_of_tagged_tokens_join_positions(tmp_path):
    [document] = opened(tmp_path, TAGGED | {"relations": [[1, 3, 3, 4, "Of"]]})
    assert [(r.type, r.head, r.tail) for r in document.relations] == [("Of", "T1", "T2")]


def test_fields_that_are_not_read_are_counted(tmp_path):
    entity = {"type": "X", "start": 0, "end": 1, "score": 0.5}
    item = {"tokens": ["a"], "pos": ["NN"], "entities": [entity], "tags": ["O"]}
    documents = opened(tmp_path, item, item)
    assert all(
        d.warnings
        == {
            "field not read: pos": 1,
            "field not read: tags": 1,
            "field not read: entities.score": 1,
        }
        for d in documents
    )


def test_all_that_is_lost_is_counted(tmp_path):
    document = Document(
        "d",
        "iron  dark\nand stool ",
        [
            Mention("T1", "Drug", ((0, 5),)),
            Mention("T2", "ADE", ((6, 10), (15, 20))),
            Mention("T3", "ADE", ((6, 20),)),
            Mention("T4", "Sign", ((6, 20),)),
            Mention("T5", "Sign", ((4, 5),)),
        ],
        [
            Relation("R1", "Causes", "T1", "T2"),
            Relation("R2", "Causes", "T1", "T3"),
            Relation("R3", "Other", "T1", "T4"),
            Relation("R4", "Other", "T1", "T5"),
        ],
        equivalences=[Equivalence("SAME", ("T2", "T3"))],
        notes=[Note("#1", "Note", "T1", "sure?")],
    )
    items, lost = written(tmp_path, document)
    assert items == [
        {
            "id": "d",
            "tokens": ["iron", "dark", "and", "stool"],
            "entities": [[0, 1, "Drug"], [1, 4, "ADE"], [1, 4, "Sign"]],
            "relations": [[0, 1, 1, 4, "Causes"], [0, 1, 1, 4, "Other"]],
        }
    ]
    assert lost == {
        "text whose white space became single spaces": 1,
        "white space at the edge of a mention": 1,
        "discontinuous mention (written as its hull)": 1,
        "mention equal to another (written once)": 1,
        "mention without a word": 1,
        "relation equal to another (written once)": 1,
        "relation on a lost mention": 1,
        "relation on a mention whose place another type has too (joins that one)": 1,
        "n-ary relation": 1,
        "note": 1,
    }


def test_what_reading_settles_is_counted_as_a_warning(tmp_path):
    item = {"tokens": ["a b", "c"], "entities": [[0, 1, "X"], [0, 1, "Y"]]}
    [document] = opened(tmp_path, item)
    assert document.text[slice(*document.mentions[0].fragments[0])] == "a b"
    assert document.warnings == {
        "token with white space in it (read as several words)": 1,
        "entities at one place (relations join the first)": 1,
    }


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"tokens": "no"}, "'tokens' is a string of 2 characters; give a list"),
        ({"tokens": ["a", ""]}, "token 1 is an empty string; tokens are words"),
        ({"tokens": ["a", 7]}, "token 1 is a number; tokens are words"),
        ({"id": 7}, "'id' is a number; give a name"),
        ({"entities": {"a": 1}}, "'entities' is"),
        ({"entities": [[0, 1]]}, r"entity 1 is a list of 2; write \[start, end, type\]"),
        ({"entities": [[0, True, "X"]]}, "entity 1 is"),
        ({"entities": [{"begin": 0, "end": 1, "type": "X"}]}, "entity 1 is"),
        ({"entities": [[0, 1, "X"], [4, 6, "X"]]}, "entity 2 covers tokens 4 to 6 of 5"),
        ({"entities": [[1, 1, "X"]]}, "entity 1 covers tokens 1 to 1 of 5"),
        ({"entities": [[-1, 1, "X"]]}, "entity 1 covers tokens -1 to 1 of 5"),
        ({"relations": [[0, 1, "Kill"]]}, "relation 1 is"),
        ({"relations": [[0, 1, 3, 4, "Kill"]]}, "relation 1 names tokens 3 to 4, where no entity"),
        ({"relations": [{"head": 0, "tail": 2, "type": "K"}]}, "relation 1 names entity 2 of 2"),
        ({"relations": [{"head": 0, "tail": "1", "type": "K"}]}, "relation 1 is"),
    ],
)
def test_faulty_items_are_one_line_with_file_and_number(tmp_path, change, complaint):
    with pytest.raises(InputError, match=r"x\.json: item 2: .*" + complaint) as error:
        opened(tmp_path, ITEM, ITEM | change)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"ner_tags": ["O"]}, "1 ner_tags for 4 tokens; give each token one tag"),
        ({"ner_tags": [0, 1, 2, 3]}, r"ner_tags are numbers; write the names .* B-Drug .*names\)"),
        (
            {"ner_tags": ["O", "O", "O", "Drug"]},
            r"ner_tags\[3\] is a string of 4 characters, which",
        ),
        ({"ner_tags": [None] * 4}, r"ner_tags\[0\] is null, which is no tag; write O, or B-"),
        ({"relations": [{"type": "K", "head": 0, "tail": 1}]}, "relation 1 names places in a list"),
    ],
)
def test_faulty_tags_are_one_line_with_file_and_number(tmp_path, change, complaint):
    with pytest.raises(InputError, match=r"x\.json: item 1: .*" + complaint) as error:
        opened(tmp_path, TAGGED | change)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "fields", [{"spans": [{"start": 0}]}, {"ner": ["B-X"]}, {"gold": [[0, 1, "X"]]}]
)
def test_annotations_in_unknown_fields_alone_are_an_error_that_names_them(tmp_path, fields):
    [name] = fields
    with pytest.raises(InputError, match=f"fields that are not read: {name}; rename them to ent"):
        opened(tmp_path, {"tokens": ["a"], **fields})
    [document] = opened(tmp_path, {"tokens": ["a"], "entities": [], **fields})  # as the error says
    assert document.warnings == {f"field not read: {name}": 1}


def test_an_item_of_another_structure_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"x\.json: item 2: not a sentence of tokens"):
        opened(tmp_path, ITEM, {"sentences": []})
    with pytest.raises(InputError, match=r"x\.json: item 1: not a document"):
        opened(tmp_path, {"sentences": []})


def test_writing_a_folder_over_a_file_is_an_error(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(
        InputError, match=r"is a file; give a folder, or a name that ends in \.json"
    ):
        write_tokens([], tmp_path / "out")


@pytest.mark.parametrize(
    "change",
    [
        *({name: "Zachary"} for name in ("tokens", "entities", "relations")),
        *({name: ["Zachary"]} for name in ("entities", "relations")),
        *({"tokens": [["Zachary"]]}, {"id": ["Zachary"]}, {"entities": [[0, 1, ["Zachary"]]]}),
        {"relations": [{"type": "Zachary", "head": 0}]},
        {"tokens": ["Zachary", "half \ud800"]},
    ],
)
def test_no_message_has_the_text_of_a_note(tmp_path, change):
    item = {"tokens": ["a"], "entities": [], "relations": []} | change
    (tmp_path / "x.json").write_text(json.dumps([item]))
    with pytest.raises(InputError) as error:
        open_corpus(tmp_path / "x.json")
    assert "Zachary" not in str(error.value)
