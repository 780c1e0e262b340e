// The map of shards by slices: one stop of the Tab key, in which arrow keys move.

import { count, fill, h, leftOff, number, one } from "./dom.js";
import { askButton } from "./ask.js";

const KINDS = { l: "learned", w: "not learned yet", d: "dead rows alone", ".": "no rows" };
const STATUS = {
  current: ["✓", "current"], empty: ["·", "empty"], behind: ["…", "behind"], withdrawn: ["!", "withdrawn"], "left-out": ["✕", "left out"],
};
const shown = new Map();
let at = null; // the focusable column, as "partition/shard/column"

export function showMap(snapshot) {
  const place = one("#shards .body");
  const quarantined = new Map(snapshot.partitions.map((p) => [p.partition, p.quarantined]));
  const keys = snapshot.maps.map((map) => map.partition);
  if (place.dataset.keys !== JSON.stringify(keys)) {
    place.dataset.keys = JSON.stringify(keys);
    shown.clear();
    fill(place, snapshot.maps.map((map) => h("div", { class: "map", "data-partition": map.partition })),
      h("div", { class: "off" }));
  }
  for (const map of snapshot.maps) {
    const given = quarantined.get(map.partition) ?? [];
    const key = JSON.stringify([map, given]);
    if (shown.get(map.partition) === key) continue;
    shown.set(map.partition, key);
    fill(one(`.map[data-partition="${map.partition}"]`, place), drawn(map, given));
  }
  fill(one(".off", place), leftOff(snapshot.left_off.shards, "shards"),
    snapshot.maps.length ? null : h("p", { class: "nothing" }, "No shard is there yet: no partition was claimed."));
}

function drawn(map, quarantined) {
  const slices = map.columns.reduce((sum, [, , many]) => sum + many, 0);
  const merged = slices > map.columns.length ? `, ${number(slices)} slices in ${number(map.columns.length)} columns` : "";
  const until = map.columns.length ? ` up to offset ${number(map.columns.at(-1)[1])}${merged}` : ": no slice has ended";
  return [
    h("h3", {}, `Partition ${map.partition}`, h("span", { class: "soft" }, until)),
    h("div", { role: "grid", "aria-label": `Partition ${map.partition}: shards by slices`, "aria-readonly": "true", keydown: move }, map.shards.map((shard) => line(map, shard, quarantined.includes(shard.shard)))),
  ];
}

function line(map, shard, quarantined) {
  const most = Math.max(1, ...shard.live, shard.waiting);
  const cells = map.columns.map((_, column) => cell(map, shard, column, most));
  const [sign, word] = quarantined ? ["✕", "given up"] : STATUS[shard.status];
  const holes = [...shard.holes].filter((one) => one === "h").length;
  return h("div", { role: "row", class: "shard" },
    h("div", { role: "rowheader", class: "name" }, h("span", { class: "shard-name" }, `shard ${shard.shard}`),
      h("span", { class: `state ${quarantined ? "stopped" : shard.status}` }, h("span", { class: "sign", "aria-hidden": "true" }, sign), word)),
    h("div", { class: "cells", role: "presentation" }, cells, open(map, shard, most)),
    h("div", { role: "gridcell", class: "sums" },
      `${count(shard.rows, "row")}, ${count(shard.slices, "slice")}, ${count(shard.states, "checkpoint")}`,
      holes ? `, holes in ${count(holes, "column")}` : "",
      quarantined ? retry(map.partition, shard.shard) : null));
}

function cell(map, shard, column, most) {
  const kind = shard.cells[column];
  const marks = [kind === "." ? "n" : kind, shard.holes[column] === "h" ? "h" : "", shard.checkpoints[column] === "0" ? "" : "c"];
  const words = describe(map, shard, column);
  return focusable(`${map.partition}/${shard.shard}/${column}`, `cell ${marks.join(" ")}`, words, shard.live[column] / most);
}

/** The rows of the slice that has not ended. */
function open(map, shard, most) {
  const words = `Partition ${map.partition}, shard ${shard.shard}, the slice that has not ended: ${count(shard.waiting, "living row")}${shard.open_holes ? ", with holes" : ""}`;
  return focusable(`${map.partition}/${shard.shard}/${map.columns.length}`, `cell open ${shard.waiting ? "w" : "n"} ${shard.open_holes ? "h" : ""}`, words, shard.waiting / most);
}

function focusable(key, classes, words, share) {
  at ??= key;
  const show = () => { one("#detail").textContent = words; };
  const made = h("span", {
    role: "gridcell", class: classes, "data-key": key, "aria-label": words, tabindex: key === at ? 0 : -1, mouseenter: show, focus: show,
  });
  if (share > 0) made.style.setProperty("--share", String(Math.max(0.18, Math.min(1, share))));
  return made;
}

function describe(map, shard, column) {
  const [first, last, many] = map.columns[column];
  const where = many > 1 ? `${number(many)} slices that end from ${number(first)} to ${number(last)}` : `the slice that ends at ${number(last)}`;
  const parts = [`${count(shard.live[column], "living row")}, ${KINDS[shard.cells[column]]}`];
  if (shard.dead[column]) parts.push(`${count(shard.dead[column], "dead row")} still in files`);
  if (shard.holes[column] === "h") parts.push("with holes");
  if (shard.checkpoints[column] !== "0") parts.push(count(Number(shard.checkpoints[column]), "checkpoint"));
  return `Partition ${map.partition}, shard ${shard.shard}, ${where}: ${parts.join("; ")}`;
}

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0], Home: [0, -1e6], End: [0, 1e6] };

function move(event) {
  const step = STEPS[event.key];
  const from = event.target.closest(".cell");
  if (!step || !from) return;
  event.preventDefault();
  const rows = [...document.querySelectorAll("#shards .cells")].map((row) => [...row.querySelectorAll(".cell")]);
  const row = rows.findIndex((cells) => cells.includes(from));
  const to = rows[Math.min(rows.length - 1, Math.max(0, row + step[0]))];
  const next = to[Math.min(to.length - 1, Math.max(0, rows[row].indexOf(from) + step[1]))];
  for (const other of document.querySelectorAll('#shards .cell[tabindex="0"]')) other.tabIndex = -1;
  next.tabIndex = 0;
  at = next.dataset.key;
  next.focus();
}

const retry = (partition, shard) => askButton(`retry ${partition}/${shard}`, "Retry…", {
  title: `Train shard ${shard} of partition ${partition} again?`,
  text: "It broke its training three times. This is worth it once what broke it has changed: more memory, a mended worker.",
  kind: "retry", choices: [["Retry it", { partition, shard }]],
});
