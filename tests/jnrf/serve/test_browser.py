"""The page at work in a real browser: a note is drawn, and stays text whatever it says."""

from __future__ import annotations

import json
import shutil
import time

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")

pytestmark = pytest.mark.slow

TEXT = "😀 He takes aspirin 81 mg for fever.\nHe takes warfarin 5 mg for chest pain.\n"
#: Without white space, so that it can be the name of a type in brat too.
EVIL = "<img/src=x/onerror=alert(1)><script>alert(2)</script>\"'>&amp;{{x}}${alert(3)}"
_PATIENCE = 60

SPANS = "[...document.querySelectorAll('#text span')]"
ROWS = "[...document.querySelectorAll('#%s tbody tr')].map((row) => row.textContent)"


def ready(browser, served) -> None:
    browser.open(served.url + "/")
    browser.until("!document.querySelector('#extract').disabled")


def extracted(browser) -> None:
    browser.until("!document.querySelector('#result').hidden")


def test_a_pasted_note_is_drawn_and_listed(browser, program, model):
    served = program()
    ready(browser, served)
    assert "marks Drug, Reason, Strength" in browser.value(
        "document.querySelector('#about').textContent"
    )
    browser.click("#note")
    browser.type(TEXT)
    browser.click("#extract")
    extracted(browser)

    document = model.extract(TEXT)
    assert document.relations
    spans = browser.value(f"{SPANS}.map((s) => [s.textContent, s.title])")
    assert [text for text, _ in spans] == [m.text for m in document.mentions]
    for (_, title), mention in zip(spans, document.mentions, strict=True):
        assert title.startswith(f"{mention.type} {mention.id} (")
        assert float(title.partition("(")[2].rstrip(")")) == pytest.approx(mention.score, abs=6e-4)
    assert browser.value("document.querySelector('#text').textContent") == TEXT
    labels = browser.value(
        "[...document.querySelectorAll('#marks text')].map((t) => t.textContent)"
    )
    assert labels == [m.type for m in document.mentions]
    arcs = "[...document.querySelectorAll('#marks .arc:not(.tip) title')]"
    arcs = browser.value(f"{arcs}.map((t) => t.textContent.split(' (')[0])")
    assert arcs == [f"{r.type} {r.id}" for r in document.relations]
    by_id = {m.id: m for m in document.mentions}
    rows = browser.value(ROWS % "relations")
    for row, r in zip(rows, document.relations, strict=True):
        head, tail = by_id[r.head], by_id[r.tail]
        assert row.startswith(f"{r.type}{head.text} ({head.type}){tail.text} ({tail.type})")
    assert len(browser.value(ROWS % "mentions")) == len(document.mentions)
    assert browser.value("document.querySelector('#status').textContent").startswith(
        f"{len(document.mentions)} mentions and {len(document.relations)} relations in "
    )

    # A type that is switched off takes its mentions and their relations along.
    browser.click("#types .chip")
    drugs = [m for m in document.mentions if m.type == "Drug"]
    assert drugs
    assert browser.value(f"{SPANS}.length") == len(document.mentions) - len(drugs)
    assert browser.value(ROWS % "relations") == ["none"]
    browser.click("#types .chip")
    assert browser.value(f"{SPANS}.length") == len(document.mentions)

    # A row lights its relation up.
    browser.click("#relations tbody tr")
    assert browser.value("document.querySelectorAll('#marks .arc.lit:not(.tip)').length") == 1
    assert browser.value("document.querySelectorAll('#text .lit').length") == 2

    assert browser.said() == []
    assert all(address.startswith(served.url) for address in browser.asked())
    assert TEXT.split()[2] not in served.log.read_text()


def test_all_of_it_can_be_done_by_keyboard(browser, program, model):
    ready(browser, program())
    for _ in range(10):
        if browser.value("document.activeElement.id") == "note":
            break
        browser.press("Tab", 9)
    browser.type(TEXT)
    browser.press("Enter", 13, modifiers=2)
    extracted(browser)
    reached = set()
    for _ in range(60):
        browser.press("Tab", 9)
        reached.add(
            browser.value(
                "document.activeElement.id || document.activeElement.closest('table')?.id "
                "|| document.activeElement.className"
            )
        )
    assert {"extract", "clear", "arcs", "brat", "json", "chip", "relations"} <= reached
    browser.value("document.querySelector('#relations tbody tr').focus()")
    browser.press("Enter", 13)
    assert browser.value("document.querySelectorAll('#marks .arc.lit:not(.tip)').length") == 1
    outlined = "getComputedStyle(document.activeElement).outlineStyle"
    assert browser.value(outlined) == "solid"
    browser.value("document.querySelector('#clear').focus()")
    browser.press("Enter", 13)
    assert browser.value("document.querySelector('#result').hidden")
    assert TEXT.split()[2] not in browser.value("document.documentElement.outerHTML")
    assert browser.value("document.querySelector('#note').value") == ""


def test_what_was_found_can_be_downloaded(browser, program, model, tmp_path):
    ready(browser, program())
    folder = tmp_path / "downloads"
    folder.mkdir()
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    browser.click("#note")
    browser.type(TEXT)
    browser.click("#extract")
    extracted(browser)
    for name in ("brat", "json"):
        browser.click(f"#{name}")
    end = time.monotonic() + _PATIENCE
    while sorted(path.name for path in folder.iterdir()) != ["note.ann", "note.json"]:
        assert time.monotonic() < end, list(folder.iterdir())
        time.sleep(0.02)
    document = model.extract([TEXT], ids=["note"])[0]
    assert (folder / "note.ann").read_text(encoding="utf-8") == document.to_brat()
    found = json.loads((folder / "note.json").read_text(encoding="utf-8"))
    assert [m["id"] for m in found["mentions"]] == [m.id for m in document.mentions]
    assert browser.said() == []


def downloads(browser, folder, *buttons: str) -> dict[str, bytes]:
    """What the buttons of these names download, by the names of the files."""
    folder.mkdir()
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    for name in buttons:
        browser.click(f"#{name}")
    end = time.monotonic() + _PATIENCE
    while len([p for p in folder.iterdir() if p.suffix != ".crdownload"]) < len(buttons):
        assert time.monotonic() < end, list(folder.iterdir())
        time.sleep(0.02)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


CRLF = (
    "😀 He takes aspirin 81 mg for fever.\r\n\r\nHe takes warfarin 5 mg\rfor 👩‍👩‍👧 chest pain.\r\n"
)


def test_downloads_are_of_the_text_that_was_pasted(browser, program, model, tmp_path):
    ready(browser, program())
    browser.click("#note")
    browser.paste(CRLF)
    browser.until("document.querySelector('#note').value !== ''")
    assert "\r" not in browser.value("document.querySelector('#note').value")
    browser.click("#extract")
    extracted(browser)
    files = downloads(browser, tmp_path / "downloads", "brat", "json", "txt")
    assert files["note.txt"].decode() == CRLF
    found = json.loads(files["note.json"])
    assert found["text"] == CRLF
    document = model.extract([CRLF], ids=["note"])[0]
    assert len(document.mentions) > 3
    assert files["note.ann"].decode() == document.to_brat()
    assert [m["fragments"] for m in found["mentions"]] == [
        [list(f) for f in m.fragments] for m in document.mentions
    ]
    for mention in found["mentions"]:
        [[start, stop]] = mention["fragments"]
        assert CRLF[start:stop] == mention["text"]
    # As brat reads them, side by side.
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    from jnrf.corpora.brat import read_document

    read = read_document(tmp_path / "note.txt", tmp_path / "note.ann", on_mismatch="raise")
    assert len(read.mentions) == len(document.mentions)
    assert not read.warnings
    shown = browser.value(f"{SPANS}.map((s) => s.textContent)")
    assert shown == [m.text for m in document.mentions]
    assert browser.said() == []


def test_edits_leave_the_line_ends_of_the_rest_as_they_were(browser, program):
    ready(browser, program())
    sent = "(follow(), note.text)"
    browser.click("#note")
    browser.paste("one\r\ntwo\r\n")
    browser.until("note.text !== ''")
    assert browser.value(sent) == "one\r\ntwo\r\n"
    browser.type("three\n")
    assert browser.value(sent) == "one\r\ntwo\r\nthree\n"
    browser.value("document.querySelector('#note').setSelectionRange(2, 5)")
    browser.type("X")
    assert browser.value(sent) == "onXwo\r\nthree\n"
    browser.value("document.querySelector('#note').setSelectionRange(5, 5)")
    browser.paste("\r\n\r\n😀")
    browser.until("note.text.includes('😀')")
    assert browser.value(sent) == "onXwo\r\n\r\n😀\r\nthree\n"
    browser.command("z", 90, "undo")
    browser.until("!note.text.includes('😀')")
    assert browser.value(sent) == "onXwo\r\nthree\n"
    browser.command("y", 89, "redo")
    browser.until("note.text.includes('😀')")
    assert browser.value(sent) == "onXwo\r\n\r\n😀\r\nthree\n"
    browser.click("#clear")
    browser.click("#note")
    browser.type("new")
    assert browser.value(sent) == "new"
    assert browser.said() == []


def test_notes_and_types_with_markup_stay_text(browser, program, model_folder, tmp_path):
    folder = tmp_path / "evil"
    shutil.copytree(model_folder, folder)
    config = (folder / "config.json").read_text(encoding="utf-8")
    assert "Drug" in config
    config = config.replace("Drug", json.dumps(EVIL)[1:-1])
    (folder / "config.json").write_text(config, encoding="utf-8")
    served = program(model=folder)
    ready(browser, served)
    known = "He takes aspirin 81 mg for fever.\n" * 3  # as in training, so that relations are found
    text = f"{known}{EVIL}\n</textarea></div>{EVIL}\n"
    browser.click("#note")
    browser.type(text)
    browser.click("#extract")
    extracted(browser)
    browser.click("#relations tbody tr")
    browser.until("document.querySelectorAll('#marks text.arc-label').length === 1")
    assert browser.value("document.querySelector('#text').textContent") == text
    assert EVIL in browser.value(ROWS % "mentions" + ".join()")
    assert EVIL in browser.value(ROWS % "relations" + ".join()")
    assert EVIL in browser.value("document.querySelector('#marks').textContent")
    assert EVIL in browser.value("document.querySelector('#types').textContent")
    assert EVIL in browser.value("document.querySelector('#about').textContent")
    assert browser.value("document.querySelectorAll('img, body script').length") == 0
    assert browser.said() == []
    # That dialogs would have been seen, and that inline scripts do not run here whatever happens.
    browser.value("document.body.append(document.createElement('img'))")
    browser.value("document.querySelector('img').setAttribute('onerror', 'alert(4)')")
    browser.value("document.querySelector('img').src = 'x'")
    browser.until("document.querySelector('img').complete")
    said = browser.said()
    assert said
    assert all("Content Security Policy" in line for line in said)


def test_what_the_service_refuses_is_said_on_the_page(browser, program):
    ready(browser, program("--max-characters", "20"))
    browser.click("#note")
    browser.type("a note that is longer than that")
    browser.click("#extract")
    browser.until("document.querySelector('#status').className === 'wrong'")
    said = browser.value("document.querySelector('#status').textContent")
    assert said == '"text" of the body has 31 characters; at most 20 are taken'
    assert browser.value("document.querySelector('#result').hidden")


def test_a_long_note_is_drawn_in_parts(browser, program, model):
    ready(browser, program())
    text = TEXT * 600
    browser.click("#note")
    browser.value(f"document.querySelector('#note').value = {json.dumps(text)}; 1")
    browser.click("#extract")
    extracted(browser)
    count = len(model.extract(text).mentions)
    parts = browser.value("document.querySelectorAll('#parts .chip').length")
    assert parts == -(-len(text.encode("utf-16-le")) // 2 // 20_000)
    drawn, shown = "", 0
    for number in range(1, parts + 1):
        browser.click(f"#parts .chip:nth-child({number})")
        drawn += browser.value("document.querySelector('#text').textContent")
        shown += browser.value(f"{SPANS}.length")
    assert drawn == text
    assert shown >= count  # one that two parts share is in both
    assert browser.value("document.querySelectorAll('#mentions tbody tr').length") == 201
    browser.click("#mentions tbody tr:last-child button")
    assert browser.value("document.querySelectorAll('#mentions tbody tr').length") == count


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground_in_both_schemes(browser, program, scheme):
    ready(browser, program())
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.call("Emulation.setEmulatedMedia", features=features)
    browser.click("#note")
    browser.type(TEXT)
    browser.click("#extract")
    extracted(browser)
    paper = luminance(browser, "document.querySelector('#result')", "backgroundColor")
    assert (paper > 0.5) == (scheme == "light")
    for chosen, name in (
        ("#text", "color"), ("#status", "color"), (".note", "color"), ("#marks text", "fill"),
    ):  # fmt: skip
        ink = luminance(browser, f"document.querySelector('{chosen}')", name)
        high, low = max(paper, ink), min(paper, ink)
        assert (high + 0.05) / (low + 0.05) >= 4.5, chosen  # WCAG AA


def luminance(browser, element: str, name: str) -> float:
    """WCAG's relative luminance of a computed colour."""
    color = browser.value(f"getComputedStyle({element}).{name}")
    parts = [float(x) / 255 for x in color[color.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
