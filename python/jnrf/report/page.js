
// The viewer: which document, which verdicts and types, lists beneath, and going from mistake to
// mistake. Only the document (or the part of a long one) that is picked is ever drawn.

function start(documents) {
  const $ = (id) => document.getElementById(id);
  const hues = new Map();
  documents.forEach((d) => d.mentions.forEach((m) => SIDES.forEach((side) => {
    if (m[side] && !hues.has(m[side].type)) hues.set(m[side].type, Math.round(210 + hues.size * 137.5) % 360);
  })));
  const hueOf = (type) => hues.get(type);
  const state = { doc: null, part: 0, lit: null, at: -1 };
  const hidden = { verdicts: new Set(), types: new Set() };
  let spans = new Map(), lanes = {}, arcs = [];

  for (const d of documents) {
    d.relations.forEach((r) => { r.headMention = d.mentions[r.head]; r.tailMention = d.mentions[r.tail]; });
  }
  const mistakes = (items) => items.filter((item) => item.status !== "correct");
  documents.forEach((d, i) => {
    const count = mistakes(d.mentions).length + mistakes(d.relations).length;
    $("pick").append(element("option", { value: i }, `${d.id} – ${count} mistakes`));
  });

  const shownMention = (m) => !hidden.verdicts.has(m.status)
    && SIDES.some((side) => m[side] && !hidden.types.has(m[side].type));
  const shownRelation = (r) => !hidden.verdicts.has(r.status)
    && shownType(r.headMention) && shownType(r.tailMention);
  const shownType = (m) => SIDES.some((side) => m[side] && !hidden.types.has(m[side].type));

  const startOf = (m) => (m.gold ?? m.predicted).fragments[0]?.[0] ?? 0;

  function draw() {
    const doc = state.doc, [from, to] = doc.parts[state.part];
    const inPart = (m) => SIDES.some((side) => m[side]?.fragments.some(([a, b]) => b > from && a < to));
    // A right mention that a shown relation needs stays, so that every arc has its ends.
    const arcsWanted = $("arcs").value;
    arcs = arcsWanted === "none" ? [] : doc.relations.filter((r) => shownRelation(r)
      && (arcsWanted === "all" || r.status !== "correct" || r === state.lit));
    if (state.lit && state.lit.headMention && !arcs.includes(state.lit)) arcs.push(state.lit);
    const needed = new Set(arcs.flatMap((r) => [r.headMention, r.tailMention]));
    const visible = doc.mentions.filter((m) => inPart(m) && (shownMention(m) || needed.has(m)));
    lanes = Object.fromEntries(SIDES.map((side) => [side, lanesOf(visible, side)]));
    const most = SIDES.map((side) => Math.max(1, ...[...lanes[side].values()].map((l) => l.of)));
    $("text").style.setProperty("--tall", `${LINE_HEIGHT + (most[0] + most[1] - 2) * LANE}px`);
    spans = drawText($("text"), doc.text, from, to, visible, hueOf);
    marks();
  }

  function marks() {
    drawMarks($("marks"), $("sheet"), spans, lanes, arcs, state, hueOf);
    document.querySelectorAll("#text span.lit").forEach((span) => span.classList.remove("lit"));
    const lit = state.lit?.headMention ? [state.lit.headMention, state.lit.tailMention] : [state.lit];
    for (const mention of lit) {
      const found = spans.get(mention);
      if (found) SIDES.forEach((side) => found[side].forEach((span) => span.classList.add("lit")));
    }
  }

  /** Light an item up and bring it into view, in the part it is in. */
  function show(item) {
    state.lit = item;
    const mention = item.headMention ?? item;
    const part = state.doc.parts.findIndex(([, to]) => startOf(mention) < to);
    if (part >= 0 && part !== state.part) { state.part = part; parts(); }
    draw();
    const found = spans.get(mention);
    (found?.gold[0] ?? found?.predicted[0])?.scrollIntoView({ block: "center" });
  }

  function chip(box, label, set, key, extra) {
    const node = element("button", { type: "button", class: "chip", "aria-pressed": !set.has(key) }, ...label);
    node.title = `${extra}; press to ${set.has(key) ? "show" : "hide"}`;
    node.addEventListener("click", () => {
      if (!set.delete(key)) set.add(key);
      legend(); lists(); draw();
    });
    box.append(node);
    return node;
  }

  function legend() {
    const doc = state.doc;
    $("only").checked = hidden.verdicts.has("correct");
    $("verdicts").replaceChildren();
    for (const status of Object.keys(NAMES)) {
      const m = doc.mentions.filter((x) => x.status === status).length;
      const r = doc.relations.filter((x) => x.status === status).length;
      const sign = element("span", { class: `sign v-${status}` }, SIGNS[status]);
      chip($("verdicts"), [sign, `${NAMES[status]}: ${m} mentions, ${r} relations`], hidden.verdicts, status, NAMES[status]);
    }
    $("types").replaceChildren();
    for (const [type, hue] of hues) {
      const [gold, predicted] = SIDES.map((side) => doc.mentions.filter((x) => x[side]?.type === type).length);
      if (!gold && !predicted) continue;
      const swatch = element("span", { class: "swatch" });
      swatch.style.setProperty("--hue", hue);
      chip($("types"), [swatch, `${type} ${gold} / ${predicted}`], hidden.types, type, `${type}: ${gold} gold, ${predicted} predicted`);
    }
  }

  function parts() {
    $("parts").hidden = state.doc.parts.length < 2;
    $("parts").replaceChildren(...state.doc.parts.map((_, i) => {
      const node = element("button", { type: "button", class: "chip", "aria-current": i === state.part }, `part ${i + 1}`);
      node.addEventListener("click", () => { state.part = i; parts(); draw(); });
      return node;
    }));
  }

  const typeCell = (item) => element("td", {}, item ? `${item.type} ${item.id}` : "–");
  const verdictCell = (item) => element("td", { class: `verdict v-${item.status}` }, `${SIGNS[item.status]} ${NAMES[item.status]}`);

  function textOf(mention) {
    const { type, fragments } = mention.gold ?? mention.predicted;
    return `${fragments.map(([a, b]) => state.doc.text.slice(a, b)).join(" … ")} (${type})`;
  }

  const fill = (id, items, cells) => fillTable(
    document.querySelector(`#${id} tbody`), items, (item) => [verdictCell(item), ...cells(item)], show,
  );

  function lists() {
    fill("relations", state.doc.relations.filter(shownRelation), (r) => [
      typeCell(r.gold), typeCell(r.predicted),
      element("td", {}, textOf(r.headMention)), element("td", {}, textOf(r.tailMention)),
    ]);
    fill("mentions", state.doc.mentions.filter(shownMention), (m) => SIDES.map((side) => element(
      "td", {}, m[side] ? `${m[side].type} ${m[side].id}: ${textOf({ gold: m[side] })}` : "–",
    )));
  }

  function pick(index) {
    state.doc = documents[index];
    state.doc.parts ??= partsOf(state.doc.text);
    Object.assign(state, { part: 0, lit: null, at: -1 });
    legend(); parts(); lists(); draw();
  }

  $("pick").addEventListener("change", (event) => pick(Number(event.target.value)));
  $("arcs").addEventListener("change", draw);
  $("only").addEventListener("change", (event) => {
    hidden.verdicts[event.target.checked ? "add" : "delete"]("correct");
    legend(); lists(); draw();
  });
  $("next").addEventListener("click", () => {
    const wrong = [...mistakes(state.doc.mentions), ...mistakes(state.doc.relations)]
      .sort((a, b) => startOf(a.headMention ?? a) - startOf(b.headMention ?? b));
    if (!wrong.length) return;
    state.at = (state.at + 1) % wrong.length;
    show(wrong[state.at]);
  });
  $("text").addEventListener("click", (event) => {
    const mention = event.target.mentions?.[0];
    const relation = state.doc.relations.find((r) => r !== state.lit
      && (r.headMention === mention || r.tailMention === mention));
    state.lit = mention ? relation ?? mention : null;
    draw();
  });
  $("viewer").hidden = false;
  pick(0);
  new ResizeObserver(() => requestAnimationFrame(marks)).observe($("text"));
}

const { documents } = JSON.parse(document.getElementById("data").textContent);
if (documents.length) start(documents);
