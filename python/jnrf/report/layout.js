
"use strict";
// Drawing one document (or a part of a long one): text with marked spans, and above them an SVG
// with a line a mention, labels and relation arcs, placed by where the browser put the text.
// Text from notes is only ever set as text nodes and attribute values.

const SVG = "http://www.w3.org/2000/svg";
// "found" is what was compared with nothing; it is drawn on the upper side, as gold is.
const SIGNS = { correct: "✓", span: "↔", type: "≠", missed: "✗", spurious: "+", found: "" };
const NAMES = {
  correct: "correct", span: "wrong span", type: "wrong type", missed: "missed", spurious: "spurious",
};
const SIDES = ["gold", "predicted"];
const LANE = 5; // pixels between the lines of overlapping mentions
const LINE_HEIGHT = 74; // of lines with mentions: room for lines, labels and arcs
const PART = 20000; // characters drawn at once

function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function drawn(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/** "wrong type: gold Reason T4, predicted ADE T9 (0.81)": what hovering says. */
function describe(item) {
  const told = ({ id, type, score }) => `${type} ${id}${score === null ? "" : ` (${score})`}`;
  if (item.status === "found") return told(item.gold);
  const sides = SIDES.filter((side) => item[side]).map((side) => `${side} ${told(item[side])}`);
  return `${NAMES[item.status]}: ${sides.join(", ")}`;
}

/** Ends of the parts of a text: at a line's end where there is one. */
function partsOf(text) {
  const ends = [];
  for (let from = 0; from < text.length || !ends.length;) {
    let to = Math.min(from + PART, text.length);
    if (to < text.length) {
      const line = text.lastIndexOf("\n", to), word = text.lastIndexOf(" ", to);
      to = line > from + PART / 2 ? line + 1 : word > from ? word + 1 : to;
    }
    ends.push([from, to]);
    from = Math.max(to, from + 1);
  }
  return ends;
}

/** Lane and number of lanes of each mention of a side, so that overlapping ones lie in rows. */
function lanesOf(mentions, side) {
  const lanes = new Map();
  const order = mentions
    .filter((m) => m[side] && m[side].fragments.length)
    .map((m) => ({ m, start: m[side].fragments[0][0], end: m[side].fragments.at(-1)[1] }))
    .sort((a, b) => a.start - b.start || b.end - a.end);
  let cluster = [], ends = [], reach = -1;
  const close = () => cluster.forEach((m) => (lanes.get(m).of = ends.length));
  for (const { m, start, end } of order) {
    if (start >= reach) { close(); cluster = []; ends = []; }
    let lane = ends.findIndex((free) => free <= start);
    if (lane < 0) lane = ends.length;
    ends[lane] = end;
    reach = Math.max(start >= reach ? 0 : reach, end);
    lanes.set(m, { lane, of: 1 });
    cluster.push(m);
  }
  close();
  return lanes;
}

/** Fill `box` with text[from, to), a block a line, what is marked in spans; spans by mention. */
function drawText(box, text, from, to, mentions, hueOf) {
  const opens = new Map(), cuts = new Set([from, to]);
  mentions.forEach((mention) => SIDES.forEach((side) => {
    for (const [start, end] of mention[side]?.fragments ?? []) {
      if (end <= from || start >= to) continue;
      const a = Math.max(start, from), b = Math.min(end, to);
      cuts.add(a).add(b);
      if (!opens.has(a)) opens.set(a, []);
      opens.get(a).push({ mention, side, end: b });
    }
  }));
  for (let at = text.indexOf("\n", from); at >= 0 && at < to; at = text.indexOf("\n", at + 1)) cuts.add(at + 1);
  const spans = new Map(mentions.map((mention) => [mention, { gold: [], predicted: [] }]));
  const places = [...cuts].sort((a, b) => a - b);
  const lines = [];
  let active = [], line = null;
  for (let i = 0; i + 1 < places.length; i++) {
    active = active.filter((a) => a.end > places[i]).concat(opens.get(places[i]) ?? []);
    const stretch = text.slice(places[i], places[i + 1]);
    if (!line) lines.push(line = element("div"));
    line.append(active.length ? marked(stretch, active, spans, hueOf) : stretch);
    if (active.length) line.className = "annotated";
    if (stretch.endsWith("\n")) {
      if (!line.textContent.trim()) line.className = "empty";
      line = null;
    }
  }
  box.replaceChildren(...lines);
  return spans;
}

/** A stretch of text that all of `active` cover. */
function marked(stretch, active, spans, hueOf) {
  const here = [...new Set(active.map((a) => a.mention))];
  const inner = active.reduce((a, b) => (b.end < a.end ? b : a));
  const span = element("span", { title: here.map(describe).join("\n") }, stretch);
  span.style.setProperty("--hue", hueOf(inner.mention[inner.side].type));
  const found = active.every((a) => a.mention.status === "found");
  if (!found && active.every((a) => a.side === "gold")) span.className = "gold-only";
  if (active.every((a) => a.side === "predicted")) span.className = "predicted-only";
  active.forEach((a) => spans.get(a.mention)[a.side].push(span));
  span.mentions = here;
  return span;
}

/** Where spans lie, relative to `origin`: rectangles, those that touch in one line joined. */
function boxesOf(spans, origin) {
  const boxes = [];
  for (const span of spans) {
    for (const r of span.getClientRects()) {
      const box = {
        left: r.left - origin.left, right: r.right - origin.left,
        top: r.top - origin.top, bottom: r.bottom - origin.top,
      };
      const last = boxes.at(-1);
      if (last && Math.abs(last.top - box.top) < 4 && box.left - last.right < 1.5) {
        last.right = box.right;
      } else if (box.right > box.left) boxes.push(box);
    }
  }
  return boxes;
}

const pen = document.createElement("canvas").getContext("2d");

function widthOf(text) {
  pen.font = "600 10px system-ui, sans-serif";
  return pen.measureText(text).width;
}

/** Redraw the SVG: lines, labels and arcs of what `spans` (by mention) shows. */
function drawMarks(svg, sheet, spans, lanes, relations, state, hueOf) {
  const origin = sheet.getBoundingClientRect();
  const layer = document.createDocumentFragment();
  const taken = new Map(); // right end of the last label, by side and line
  const anchors = new Map();
  for (const [mention, ofSide] of spans) {
    for (const side of SIDES) {
      const boxes = boxesOf(ofSide[side], origin);
      if (!boxes.length) continue;
      const { lane, of } = lanes[side].get(mention);
      const up = side === "gold";
      const lineY = (box) => (up ? box.top - 3 - lane * LANE : box.bottom + 3 + lane * LANE);
      const hue = `--hue:${hueOf(mention[side].type)}`;
      boxes.forEach((box, i) => {
        const y = lineY(box), previous = boxes[i - 1];
        layer.append(colored(drawn("line", { class: "bar-line", x1: box.left, x2: box.right, y1: y, y2: y }), hue));
        if (previous && Math.abs(previous.top - box.top) < 4) {
          layer.append(colored(drawn("line", { class: "gap", x1: previous.right, x2: box.left, y1: y, y2: y }), hue));
        }
      });
      const first = boxes[0];
      const label = labelOf(mention, side);
      const bar = up ? first.top - 3 - of * LANE : first.bottom + 3 + of * LANE;
      const width = label ? widthOf(label.text) : 0;
      const line = `${side}${Math.round(first.top / 8)}`;
      const free = Math.max(first.left, (taken.get(line) ?? -1) + 6);
      const x = label ? Math.max(3, Math.min(free, origin.width - width - 8)) : first.left;
      if (up || !anchors.has(mention)) {
        anchors.set(mention, {
          x: x + (width || first.right - first.left) / 2,
          top: up ? bar - 12 : first.top - 4,
          bottom: up ? first.bottom + 8 : bar + 12,
        });
      }
      if (!label) continue;
      if (!up) anchors.get(mention).bottom = bar + 12;
      taken.set(line, x + width + (label.marked ? 4 : 0));
      const y = up ? bar : bar + 8;
      if (label.marked) {
        layer.append(drawn("rect", { class: `v-${mention.status}`, x: x - 3, y: y - 9.5, width: width + 6, height: 12.5, rx: 3 }));
      }
      layer.append(colored(drawn("text", { x, y, class: label.marked ? "marked" : "" }, label.text), hue));
    }
  }
  for (const relation of relations) drawArc(layer, relation, anchors, state.lit === relation);
  svg.replaceChildren(layer);
}

function colored(node, property) {
  const [name, value] = property.split(":");
  node.style.setProperty(name, value);
  return node;
}

/** What stands at a mention's line; a right one is labelled once, above. */
function labelOf(mention, side) {
  const type = mention[side].type;
  const marked = mention.status === "missed" ? side === "gold"
    : mention.status !== "correct" && side === "predicted";
  if (mention.status === "correct" && side === "predicted") return null;
  return { text: marked ? `${SIGNS[mention.status]} ${type}` : type, marked };
}

function drawArc(layer, relation, anchors, lit) {
  const head = anchors.get(relation.headMention), tail = anchors.get(relation.tailMention);
  if (!head || !tail) return;
  let y1 = head.top, y2 = tail.top, path, middle, down = true;
  if (Math.abs(head.bottom - tail.bottom) < 12) {
    const rise = Math.min(24, 9 + Math.abs(head.x - tail.x) * 0.03);
    const peak = Math.min(y1, y2) - rise;
    path = `M${head.x},${y1} C${head.x},${peak} ${tail.x},${peak} ${tail.x},${y2}`;
    middle = [(head.x + tail.x) / 2, (y1 + y2) / 8 + peak * 0.75 - 2];
  } else {
    down = head.bottom < tail.bottom;
    [y1, y2] = down ? [head.bottom, tail.top] : [head.top, tail.bottom];
    const bend = (down ? 1 : -1) * 26;
    path = `M${head.x},${y1} C${head.x},${y1 + bend} ${tail.x},${y2 - bend} ${tail.x},${y2}`;
    middle = [(head.x + tail.x) / 2, (y1 + y2) / 2];
  }
  const tip = down ? -5 : 5;
  const name = `arc v-${relation.status}${lit ? " lit" : ""}`;
  const arc = drawn("path", { class: name, d: path });
  arc.append(drawn("title", {}, describe(relation)));
  layer.append(arc);
  layer.append(drawn("path", {
    class: `${name} tip`, d: `M${tail.x - 3},${y2 + tip} L${tail.x},${y2} L${tail.x + 3},${y2 + tip}`,
  }));
  if (lit) {
    const text = `${SIGNS[relation.status]} ${(relation.gold ?? relation.predicted).type}`.trim();
    const width = widthOf(text) + 8;
    layer.append(drawn("rect", { class: "plate", x: middle[0] - width / 2, y: middle[1] - 9, width, height: 14, rx: 3 }));
    layer.append(drawn("text", { class: `arc-label v-${relation.status}`, x: middle[0] - width / 2 + 4, y: middle[1] + 2 }, text));
  }
}

const ROWS = 200; // rows of a list shown before one asks for all

/** A row for each item, with what `cells` makes of it; a press on one shows the item. */
function fillTable(body, items, cells, show, limit = ROWS) {
  const rows = items.slice(0, limit).map((item) => {
    const row = element("tr", { tabindex: 0, title: describe(item) }, ...cells(item));
    row.addEventListener("click", () => show(item));
    row.addEventListener("keydown", (event) => { if (event.key === "Enter") show(item); });
    return row;
  });
  if (items.length > limit) {
    const more = element("button", { type: "button" }, `Show all ${items.length}`);
    more.addEventListener("click", () => fillTable(body, items, cells, show, Infinity));
    const columns = rows[0].children.length;
    rows.push(element("tr", {}, element("td", { colspan: columns }, more)));
  }
  body.replaceChildren(...rows);
}
