// The first lines: how it stands, what is wrong and what to do; then the figures.

import { count, fill, h, moment, now, number, one, prose, span } from "./dom.js";

const SIGNS = { well: "✓", warning: "!", behind: "!", stopped: "✕", unknown: "?", loading: "…", note: "i" };
const WORDS = { stopped: "Stopped", behind: "Behind", warning: "Watch", note: "Note" };
const STALE = 10_000;

/** How it stands, of what is known: the snapshot, the last pulse, and whether the stream is there. */
export function standing(snapshot, pulse, lostSince) {
  if (!pulse) return lostSince ? { level: "unknown", says: "The console gives no answer" } : { level: "loading", says: "Reading the model" };
  if (pulse.trouble) {
    const says = snapshot ? "The model can't be read now" : "The model can't be read yet";
    return { level: "stopped", says, because: pulse.trouble };
  }
  if (!snapshot) return { level: "loading", says: "Reading the model" };
  if (lostSince) return { level: "unknown", says: "The connection to the console is lost: what you see is old" };
  const serious = snapshot.findings.filter((finding) => finding.level !== "note");
  if (!serious.length) return { level: "well", says: "All is well" };
  return { level: snapshot.level, says: serious[0].what, first: serious[0] };
}

export function showVerdict(snapshot, pulse, lostSince) {
  const stands = standing(snapshot, pulse, lostSince);
  const place = one("#verdict");
  place.dataset.level = stands.level;
  one("#sign").textContent = SIGNS[stands.level];
  const headline = one("#headline");
  if (headline.dataset.says !== stands.says) {
    headline.dataset.says = stands.says;
    fill(headline, prose(stands.says));
  }
  const model = snapshot ? snapshot.model : "unlearn";
  document.title = `${stands.level === "well" ? "✓" : `${SIGNS[stands.level]} ${stands.level}`} · ${model}`;
  const found = snapshot?.findings ?? [];
  const first = stands.because ? away(stands.because) : stands.first;
  const key = JSON.stringify([found, first]);
  if (place.dataset.shown !== key) {
    place.dataset.shown = key;
    fill(one("#remedy"), first ? remedy(first) : []);
    fill(one("#findings"), found.filter((finding) => finding !== stands.first).map(item));
  }
  showAge(snapshot, pulse, lostSince);
}

const away = (because) => ({
  runbook: "UnlearnServiceAway", since: null, why: because,
  do: "Put that right: workers wait as well, and lose nothing; the console asks again by itself.",
});

/** What to do about a finding, and since when it is so. */
const remedy = (finding) => [
  finding.why ? h("bdi", { class: "because" }, prose(finding.why)) : null,
  h("bdi", {}, prose(finding.do)), " ",
  finding.since ? h("span", {}, "So for ", moment(finding.since, "age"), ". ") : null,
  finding.runbook ? h("a", { href: `/runbook#${finding.runbook.toLowerCase()}`, "data-key": `r ${finding.runbook} ${finding.what}` },
    `Runbook: ${finding.runbook}`) : null,
];

const item = (finding) => h("li", { class: finding.level },
  h("span", { class: "word" }, WORDS[finding.level]),
  h("div", {}, h("p", { class: "what" }, h("bdi", {}, prose(finding.what))), h("p", { class: "do" }, remedy(finding))));

function showAge(snapshot, pulse, lostSince) {
  const parts = [];
  if (lostSince) parts.push(`connection lost ${span((Date.now() - lostSince) / 1000)} ago, trying again`);
  if (pulse?.read_at) {
    const age = now() - pulse.read_at;
    if (age > STALE || lostSince || pulse.trouble) parts.push(`what you see was read ${span(age / 1000)} ago`);
  }
  one("#age").textContent = parts.join("; ");
  document.body.classList.toggle("stale", Boolean(lostSince || (snapshot && pulse?.trouble)));
}

export function showConnection(pulse, lostSince) {
  const state = lostSince ? "lost" : pulse ? (pulse.trouble ? "waits" : "live") : "joins";
  const said = { lost: "connection lost", waits: "no answer", live: "live", joins: "connecting" }[state];
  const place = one("#connection");
  if (place.dataset.state === state) return;
  place.dataset.state = state;
  place.textContent = said;
}

export function showTiles(snapshot) {
  const t = snapshot.totals;
  const tiles = [
    ["Records", number(t.records), `in ${count(t.partitions, "partition")}`],
    ["Lag", number(t.lag), t.next_came ? ["the oldest waits ", moment(t.next_came, "age")] : "records to apply"],
    ["Deletions open", number(t.pending), t.overdue ? `${number(t.overdue)} overdue` : t.oldest_pending ? ["the oldest for ", moment(t.oldest_pending, "age")] : "none overdue", t.overdue ? "bad" : null],
    ["Possible deletions", number(t.possible), `${number(t.resolved)} closed`, t.possible ? "warn" : null],
    ["Dead letters", number(t.dead_letters), "events refused"],
    ["Version", number(snapshot.version), `${number(t.in_force)} of ${number(t.partitions)} in force`],
  ];
  fill(one("#tiles"), tiles.map(([title, value, more, mark]) => h("div", { class: mark },
    h("dt", {}, title), h("dd", { class: "value" }, value), h("dd", { class: "more" }, more))));
}
