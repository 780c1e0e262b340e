// The page: a stream of snapshots and pulses, and what is shown of them.

import { fill, h, number, one, setClock, tick } from "./dom.js";
import { findAccess, onAccess } from "./ask.js";
import { tell } from "./journey.js";
import { showMap } from "./map.js";
import { showDeletions, showLetters, showPartitions, showPossible, showVersions, showWorkers } from "./tables.js";
import { showConnection, showTiles, showVerdict } from "./verdict.js";

const SILENT = 7000; // ms without a pulse, which come every two seconds
const AGAIN = 3000;
let snapshot = null;
let pulse = null;
let heardAt = null;
let lostSince = null;

/** Each section: what of the snapshot it is made of, and what shows it. Only what has changed is drawn anew. */
const SECTIONS = [
  [(s) => [s.totals, s.version], showTiles],
  [(s) => [s.partitions, s.left_off], showPartitions],
  [(s) => [s.workers, s.partitions.map((p) => p.state)], showWorkers],
  [(s) => [s.maps, s.partitions.map((p) => p.quarantined), s.left_off], showMap],
  [(s) => [s.deletions, s.left_off], (s) => showDeletions(s, tell)],
  [(s) => [s.possible, s.left_off], showPossible],
  [(s) => [s.dead_letters, s.passed_over], showLetters],
  [(s) => [s.partitions, s.scorers], showVersions],
  [(s) => s.totals, showContents],
];
const drawn = new Map();

function draw(all = false) {
  if (snapshot) {
    one("#model").textContent = snapshot.model;
    one("#sections").hidden = one("#contents").hidden = false;
    for (const [of, show] of SECTIONS) {
      const key = JSON.stringify(of(snapshot));
      if (!all && drawn.get(show) === key) continue;
      drawn.set(show, key);
      show(snapshot);
    }
  }
  showVerdict(snapshot, pulse, lostSince);
  showConnection(pulse, lostSince);
}

function showContents(s) {
  const links = [
    ["deletions", "Deletions", s.totals.pending], ["possible", "Possible deletions", s.totals.possible],
    ["partitions", "Partitions", s.totals.partitions], ["workers", "Workers", s.workers.length + s.left_off.workers],
    ["shards", "Shards and slices", null], ["letters", "Dead letters", s.totals.dead_letters],
    ["journey", "An event", null], ["versions", "Versions", null],
  ];
  fill(one("#contents"), links.map(([where, text, many]) => h("a", { href: `#${where}`, "data-key": where }, text,
    many === null ? null : h("span", { class: "many" }, number(many)))));
}

function lost() {
  lostSince ??= heardAt ?? Date.now();
  draw();
}

function connect() {
  const stream = new EventSource("/api/events");
  stream.addEventListener("snapshot", (event) => {
    snapshot = JSON.parse(event.data);
    draw();
  });
  stream.addEventListener("pulse", (event) => {
    pulse = JSON.parse(event.data);
    setClock(pulse.now);
    if (lostSince !== null) findAccess().catch(() => {});
    heardAt = Date.now();
    lostSince = null;
    draw();
  });
  stream.addEventListener("error", () => {
    lost();
    // Where the console refuses, or a proxy before it, a browser doesn't try again by itself.
    if (stream.readyState === EventSource.CLOSED) setTimeout(connect, AGAIN);
  });
}

connect();
setInterval(() => {
  if (heardAt !== null && Date.now() - heardAt > SILENT) lost();
  tick();
  draw();
}, 1000);
onAccess(() => draw(true));
findAccess().catch(() => {});
draw();
