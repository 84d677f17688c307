
// The page of `jnrf serve`: a note is sent, and what was found in it is drawn and listed. What a
// note or a label says is only ever set as text nodes and attribute values.


const $ = (id) => document.getElementById(id);
const state = { doc: null, found: null, part: 0, lit: null };
const hues = new Map(), hidden = new Set();
const hueOf = (type) => hues.get(type);
let spans = new Map(), lanes = {}, arcs = [], asked = null;

/** For each code point offset of a text, end included, the offset in UTF-16 units. */
function unitsOf(text) {
  const units = [0];
  for (const character of text) units.push(units[units.length - 1] + character.length);
  return units;
}

/** A document of the service as layout.js draws it: all on one side, compared with nothing. */
function drawable(found) {
  const units = unitsOf(found.text), rows = new Map();
  const told = ({ id, type, score }) => ({ id, type, score: score === undefined ? null : Math.round(score * 1000) / 1000 });
  const mentions = found.mentions.map((m) => {
    const fragments = m.fragments.map(([start, end]) => [units[start], units[end]]);
    const mention = { status: "found", gold: { ...told(m), fragments }, predicted: null, characters: m.fragments };
    rows.set(m.id, mention);
    return mention;
  });
  const relations = found.relations.map((r) => ({
    status: "found", gold: told(r), predicted: null, headMention: rows.get(r.head), tailMention: rows.get(r.tail),
  }));
  return { text: found.text, mentions, relations, parts: partsOf(found.text) };
}

const startOf = (m) => m.gold.fragments[0][0];
const saidBy = (m) => m.gold.fragments.map(([a, b]) => state.doc.text.slice(a, b)).join(" … ");
const shownMention = (m) => !hidden.has(m.gold.type);
const shownRelation = (r) => shownMention(r.headMention) && shownMention(r.tailMention);

function draw() {
  const { doc } = state, [from, to] = doc.parts[state.part];
  arcs = $("arcs").value === "none" ? [] : doc.relations.filter(shownRelation);
  if (state.lit?.headMention && !arcs.includes(state.lit)) arcs.push(state.lit);
  const needed = new Set(arcs.flatMap((r) => [r.headMention, r.tailMention]));
  const inPart = (m) => m.gold.fragments.some(([a, b]) => b > from && a < to);
  const visible = doc.mentions.filter((m) => inPart(m) && (shownMention(m) || needed.has(m)));
  lanes = { gold: lanesOf(visible, "gold"), predicted: new Map() };
  const most = Math.max(1, ...[...lanes.gold.values()].map((lane) => lane.of));
  $("text").style.setProperty("--tall", `${LINE_HEIGHT + (most - 1) * LANE}px`);
  spans = drawText($("text"), doc.text, from, to, visible, hueOf);
  marks();
}

function marks() {
  drawMarks($("marks"), $("sheet"), spans, lanes, arcs, state, hueOf);
  for (const span of $("text").querySelectorAll("span.lit")) span.classList.remove("lit");
  const lit = state.lit?.headMention ? [state.lit.headMention, state.lit.tailMention] : [state.lit];
  for (const mention of lit) spans.get(mention)?.gold.forEach((span) => span.classList.add("lit"));
}

/** Light an item up and bring it into view, in the part it is in. */
function show(item) {
  state.lit = item;
  const mention = item.headMention ?? item;
  const part = state.doc.parts.findIndex(([, to]) => startOf(mention) < to);
  if (part >= 0 && part !== state.part) { state.part = part; parts(); }
  draw();
  spans.get(mention)?.gold[0]?.scrollIntoView({ block: "center" });
}

function legend() {
  const chips = [...hues].flatMap(([type, hue]) => {
    const count = state.doc.mentions.filter((m) => m.gold.type === type).length;
    if (!count) return [];
    const swatch = element("span", { class: "swatch" });
    swatch.style.setProperty("--hue", hue);
    const chip = element("button", { type: "button", class: "chip", "aria-pressed": !hidden.has(type) }, swatch, `${type} ${count}`);
    chip.title = `press to ${hidden.has(type) ? "show" : "hide"}`;
    chip.addEventListener("click", () => {
      if (!hidden.delete(type)) hidden.add(type);
      chip.setAttribute("aria-pressed", !hidden.has(type));
      chip.title = `press to ${hidden.has(type) ? "show" : "hide"}`;
      state.lit = null;
      lists(); draw();
    });
    return [chip];
  });
  $("types").replaceChildren(...chips);
}

function parts() {
  $("parts").hidden = state.doc.parts.length < 2;
  $("parts").replaceChildren(...state.doc.parts.map((_, i) => {
    const chip = element("button", { type: "button", class: "chip", "aria-current": i === state.part }, `part ${i + 1}`);
    chip.addEventListener("click", () => {
      state.part = i;
      state.lit = null;
      parts(); draw();
      $("parts").children[i].focus();
    });
    return chip;
  }));
}

const cell = (text, attributes = {}) => element("td", attributes, text);
const scoreCell = (item) => cell(item.gold.score === null ? "–" : item.gold.score.toFixed(3), { class: "number" });

function fill(id, items, cells) {
  const body = document.querySelector(`#${id} tbody`);
  fillTable(body, items, cells, show);
  if (!items.length) body.append(element("tr", { class: "empty-row" }, element("td", { colspan: 4 }, "none")));
}

function lists() {
  const end = (m) => cell(`${saidBy(m)} (${m.gold.type})`);
  fill("relations", state.doc.relations.filter(shownRelation), (r) => [
    cell(r.gold.type), end(r.headMention), end(r.tailMention), scoreCell(r),
  ]);
  fill("mentions", state.doc.mentions.filter(shownMention), (m) => [
    cell(m.gold.type), cell(saidBy(m)),
    cell(m.characters.map(([a, b]) => `${a}–${b}`).join("; "), { class: "number" }), scoreCell(m),
  ]);
}

function say(text, wrong = false) {
  $("status").textContent = text;
  $("status").className = wrong ? "wrong" : "";
}

/** What a text area makes of the line ends of a text. */
const asShown = (text) => text.replace(/\r\n?/g, "\n");

/** The note as it was pasted: a text area has \n for \r\n, and offsets of the answer would be of
 * another text than the one that was copied. `pasted` is what was put in last, and where. */
const note = { text: "", pasted: null, seen: new Map() };

/** The offset in a text of an offset in what is shown of it. */
function offsetIn(text, shown) {
  let at = 0;
  for (let count = 0; count < shown; count++) at += text[at] === "\r" && text[at + 1] === "\n" ? 2 : 1;
  return at;
}

/** Follow a change of the text area: what stayed keeps its line ends, what was pasted its own. */
function follow(isHistory = false) {
  const now = $("note").value, before = asShown(note.text), { pasted } = note;
  if (now === before) return;
  const replace = (start, end, put) => {
    note.text = note.text.slice(0, offsetIn(note.text, start)) + put + note.text.slice(offsetIn(note.text, end));
  };
  if (isHistory && note.seen.has(now)) {
    note.text = note.seen.get(now);
  } else if (pasted && now === before.slice(0, pasted.start) + asShown(pasted.text) + before.slice(pasted.end)) {
    replace(pasted.start, pasted.end, pasted.text);
  } else {
    const most = Math.min(now.length, before.length);
    let same = 0, behind = 0;
    while (same < most && now[same] === before[same]) same++;
    while (behind < most - same && now[now.length - 1 - behind] === before[before.length - 1 - behind]) behind++;
    const put = now.slice(same, now.length - behind);
    replace(same, before.length - behind, pasted && put === asShown(pasted.text) ? pasted.text : put);
  }
  if (note.seen.size >= 50) note.seen.clear();
  if (note.text !== now) note.seen.set(now, note.text);
}

/** Remember what is about to be put into the text area. */
function remember(text) {
  const { selectionStart: start, selectionEnd: end } = $("note");
  follow();
  note.pasted = { text, start, end };
}

const counted = (count, one) => `${count.toLocaleString("en")} ${one}${count === 1 ? "" : "s"}`;

/** POST a note; the response, or an Error with what the service said is wrong. */
async function send(text, format, signal) {
  let response;
  try {
    response = await fetch(`extract?format=${format}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ id: "note", text }),
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("the service does not answer; is it still running?");
  }
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({ error: `status ${response.status}` }));
  throw new Error(error);
}

async function extract() {
  asked?.abort();
  const mine = asked = new AbortController();
  $("extract").disabled = true;
  follow();
  say("Extracting …");
  const start = performance.now();
  try {
    const found = await (await send(note.text, "json", mine.signal)).json();
    if (mine !== asked) return;
    const seconds = (performance.now() - start) / 1000;
    Object.assign(state, { doc: drawable(found), found, part: 0, lit: null });
    hidden.clear();
    $("result").hidden = false;
    legend(); parts(); lists(); draw();
    say(`${counted(found.mentions.length, "mention")} and ${counted(found.relations.length, "relation")} in ${seconds.toFixed(2)} s`);
  } catch (error) {
    if (error.name === "AbortError") return;
    $("result").hidden = true;
    say(error.message, true);
  } finally {
    if (mine === asked) $("extract").disabled = false;
  }
}

function clear() {
  asked?.abort();
  asked = null;
  $("extract").disabled = false;
  $("note").value = "";
  Object.assign(note, { text: "", pasted: null, seen: new Map() });
  Object.assign(state, { doc: null, found: null, lit: null });
  $("result").hidden = true;
  for (const id of ["text", "marks", "types", "parts"]) $(id).replaceChildren();
  for (const id of ["relations", "mentions"]) document.querySelector(`#${id} tbody`).replaceChildren();
  say("");
  $("note").focus();
}

function download(content, kind, name) {
  const link = element("a", { href: URL.createObjectURL(new Blob([content], { type: kind })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

async function downloadBrat() {
  try {
    download(await (await send(state.found.text, "brat")).text(), "text/plain", "note.ann");
  } catch (error) {
    say(error.message, true);
  }
}

/** Say what the model knows, and give each of its types a hue that stays. */
async function introduce() {
  try {
    const model = await (await fetch("model")).json();
    model.entity_types.forEach((type, i) => hues.set(type, Math.round(210 + i * 137.5) % 360));
    const relations = Object.keys(model.relations);
    $("about").textContent = `${model.name} marks ${model.entity_types.join(", ")}`
      + (relations.length ? ` and relates them by ${relations.join(", ")}` : "")
      + `. At most ${model.limits.max_characters.toLocaleString("en")} characters.`;
    $("extract").disabled = false;
  } catch {
    $("about").textContent = "";
    say("the service does not answer; is it still running?", true);
  }
}

$("extract").disabled = true;
$("ask").addEventListener("submit", (event) => { event.preventDefault(); extract(); });
$("note").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !$("extract").disabled) extract();
});
$("note").addEventListener("paste", (event) => remember(event.clipboardData.getData("text/plain")));
$("note").addEventListener("drop", (event) => remember(event.dataTransfer.getData("text/plain")));
$("note").addEventListener("input", (event) => follow(/^history/.test(event.inputType)));
$("clear").addEventListener("click", clear);
$("arcs").addEventListener("change", () => { state.lit = null; draw(); });
$("brat").addEventListener("click", downloadBrat);
$("txt").addEventListener("click", () => download(state.found.text, "text/plain", "note.txt"));
$("json").addEventListener("click", () => download(`${JSON.stringify(state.found, null, 2)}\n`, "application/json", "note.json"));
$("text").addEventListener("click", (event) => {
  const mention = event.target.mentions?.[0];
  const relation = state.doc.relations.find((r) => r !== state.lit
    && (r.headMention === mention || r.tailMention === mention));
  state.lit = mention ? relation ?? mention : null;
  draw();
});
new ResizeObserver(() => requestAnimationFrame(() => { if (state.doc) marks(); })).observe($("text"));
introduce();
