// The tables of partitions, workers, deletions, dead letters and versions.

import { count, fill, h, id, leftOff, moment, nothing, number, one, prose, table, utc } from "./dom.js";
import { askButton } from "./ask.js";

const STATES = {
  well: ["✓", "well"], stopped: ["✕", "stopped"], unclaimed: ["?", "no owner yet"], unheard: ["?", "owner not heard"],
  quiet: ["‖", "quiet"], waits: ["…", "waits"], late: ["!", "late"], overdue: ["!", "overdue"],
  "given-up": ["!", "training given up"], unserved: ["!", "not in force"],
};
const state = (name) => h("span", { class: `state ${name}` }, h("span", { class: "sign", "aria-hidden": "true" }, STATES[name][0]), STATES[name][1]);

export function showPartitions(snapshot) {
  const columns = [
    ["Partition", (p) => p.partition, "short"],
    ["State", (p) => [state(p.state), p.why && p.state !== "well" ? h("bdi", { class: "why" }, prose(p.why)) : null, asked(p.asked), stepOver(p)], "whole"],
    ["Lag", (p) => number(p.lag), "number"],
    ["Oldest waits", (p) => moment(p.next_came, "age"), "number"],
    ["Heard", (p) => (p.forwards_only ? "forwards only" : moment(p.heartbeat_at)), "number"],
    ["Owner", (p) => (p.owner ? id(p.owner) : "none yet"), "whole"],
    ["Records", (p) => number(p.records), "number"],
    ["Holes", (p) => number(p.holes), "number"],
    ["Deletions", (p) => [number(p.pending), p.overdue ? h("strong", { class: "bad block" }, `${number(p.overdue)} overdue`) : null], "number"],
  ];
  fill(one("#partitions .body"), table("Partitions", columns, snapshot.partitions, (p) => p.state),
    leftOff(snapshot.left_off.partitions, "partitions that are no worse off; the figures above count them"));
}

const asked = (fields) => (fields.length ? h("span", { class: "asked" }, `asked, not done yet: ${fields.join(", ")}`) : null);

function stepOver(p) {
  if (p.unreadable === null) return null;
  return askButton(`over ${p.partition}`, "Step over…", {
    title: `Step over what can't be read in partition ${p.partition}?`,
    text: "What lies there is not applied, and stays open as one possible deletion until it is closed.",
    kind: "step-over",
    choices: [["It was no deletion", { partition: p.partition, offset: p.unreadable, verdict: "none" }],
      ["A readable deletion was sent", { partition: p.partition, offset: p.unreadable, verdict: "sent" }]],
  });
}

export function showWorkers(snapshot) {
  const place = one("#workers .body");
  if (!snapshot.workers.length) {
    fill(place, nothing("No worker has claimed a partition yet. Start one: `unlearn work`"));
    return;
  }
  const columns = [
    ["Worker", (w) => id(w.worker), "whole"],
    ["State", (w) => [w.quiet ? state("quiet") : w.heard ? h("span", { class: "state well" }, h("span", { class: "sign", "aria-hidden": "true" }, "✓"), "heard") : state("unheard"), asked(w.asked)]],
    ["Heard", (w) => moment(w.heard_at), "number"],
    ["Partitions", (w) => w.partitions.join(", ")],
    ["Lag", (w) => number(w.lag), "number"],
    ["", (w) => (w.quiet ? resume(w) : quiet(w)), "act"],
  ];
  fill(place, table("Workers", columns, snapshot.workers), leftOff(snapshot.left_off.workers, "workers"));
}

const quiet = (w) => askButton(`quiet ${w.worker}`, "Quiet…", {
  title: "Have this worker take no more events?",
  text: [id(w.worker), ` finishes what it has applied, and keeps partitions ${w.partitions.join(", ")}. Events there wait until it is resumed, deletions among them.`],
  kind: "quiet", choices: [["Quiet it", { worker: w.worker }]],
});
const resume = (w) => askButton(`resume ${w.worker}`, "Resume…", {
  title: "Have this worker take events again?", text: id(w.worker), kind: "resume", choices: [["Resume it", { worker: w.worker }]],
});

export function showDeletions(snapshot, tellJourney) {
  const place = one("#deletions .body");
  if (!snapshot.deletions.length) {
    fill(place, nothing("No deletion is open: all that were applied are hidden."), leftOff(snapshot.left_off.deletions, "are open"));
    return;
  }
  const columns = [
    ["Event", (d) => (d.event_id === null ? "not known" : h("a", { href: "#journey", "data-key": `e ${d.partition}/${d.offset}`, click: (event) => { event.preventDefault(); tellJourney(d.event_id); } }, id(d.event_id))), "whole"],
    ["Deadline", (d) => [moment(d.deadline), d.overdue ? h("strong", { class: "bad" }, " overdue") : null, d.deadline ? h("span", { class: "soft block" }, utc(d.deadline)) : null]],
    ["Open for", (d) => moment(d.since, "age"), "number"],
    ["Names", (d) => d.names ?? "–", "names"],
    ["Place", (d) => `${d.partition}/${d.offset}`, "number"],
    ["Why it is open", (d) => [h("bdi", { class: "block" }, d.why), h("ul", { class: "waits" }, d.waits_for.map((what) => h("li", {}, h("bdi", {}, "waits for ", prose(what)))))], "whole"],
  ];
  fill(place, table("Open deletions by deadline", columns, snapshot.deletions, (d) => (d.overdue ? "late" : null)),
    leftOff(snapshot.left_off.deletions, "with later deadlines: `unlearn pending` lists them"));
}

export function showPossible(snapshot) {
  const place = one("#possible .body");
  if (!snapshot.possible.length) {
    fill(place, nothing("None is open."));
    return;
  }
  const columns = [
    ["Place", (d) => `${d.partition}/${d.first}${d.count > 1 ? `..${d.last}` : ""}`],
    ["How many", (d) => number(d.count), "number"],
    ["Reason", (d) => h("bdi", {}, prose(d.reason)), "whole"],
    ["Deadline", (d) => [moment(d.deadline), d.overdue ? h("strong", { class: "bad" }, " overdue") : null]],
    ["Open for", (d) => moment(d.since, "age"), "number"],
    ["", resolve, "act"],
  ];
  fill(place, table("Possible deletions", columns, snapshot.possible, (d) => (d.overdue ? "late" : null)),
    leftOff(snapshot.left_off.possible, "with later deadlines: `unlearn resolve` lists them"));
}

function resolve(d) {
  const body = { partition: d.partition, first: d.first, last: d.last, reason: d.reason };
  return askButton(`resolve ${d.partition}/${d.first}`, "Close…", {
    title: `Close ${count(d.count, "possible deletion")} at ${d.partition}/${d.first}${d.count > 1 ? `..${d.last}` : ""}?`,
    text: ["They were not read because of: ", h("bdi", { class: "id" }, d.reason), ". Close them once you have sent what their senders wanted as readable deletions, or know that they were none."],
    kind: "resolve",
    choices: [["They were no deletions", { ...body, verdict: "none" }], ["Readable ones were sent", { ...body, verdict: "sent" }]],
  });
}

export function showLetters(snapshot) {
  const place = one("#letters .body");
  const most = Math.max(1, ...snapshot.dead_letters.map(([, many]) => many));
  const bars = (rows) => table("Dead letters by reason", [
    ["Reason", ([reason]) => h("bdi", {}, prose(reason)), "whole"],
    ["How many", ([, many]) => number(many), "number"],
    ["", ([, many]) => bar(many / most), "bar"],
  ], rows);
  fill(place,
    snapshot.dead_letters.length ? bars(snapshot.dead_letters) : nothing("No event was refused."),
    leftOff(snapshot.left_off.dead_letters, "reasons"),
    snapshot.passed_over.length ? h("p", { class: "soft" }, "Inserts that changed nothing: ", snapshot.passed_over.map(([why, many]) => `${number(many)} × ${why}`).join("; ")) : null);
}

function bar(share) {
  const made = h("span", { class: "share", "aria-hidden": "true" });
  made.style.setProperty("--share", String(share));
  return made;
}

const STANDING = { "in force": ["✓", "well"], "not leased": ["✕", "stopped"], "owner replaced": ["?", "unheard"] };

export function showVersions(snapshot) {
  const published = snapshot.partitions.filter((p) => p.version !== null);
  const columns = [
    ["Partition", (p) => p.partition, "short"],
    ["Version", (p) => number(p.version), "number"],
    ["Standing", (p) => h("span", { class: `state ${(STANDING[p.standing] ?? ["", "waits"])[1]}` }, h("span", { class: "sign", "aria-hidden": "true" }, (STANDING[p.standing] ?? ["…"])[0]), p.standing)],
    ["Made", (p) => moment(p.version_at), "number"],
    ["Covers up to", (p) => number(p.version_applied), "number"],
    ["Rows", (p) => number(p.version_rows), "number"],
    ["Vouched for by", (p) => (p.owner ? id(p.owner) : "–"), "whole"],
  ];
  fill(one("#versions .body"), published.length
    ? table("Versions in force", columns, published)
    : nothing("Nothing has been published yet."));
  showScorers(snapshot);
}

function showScorers(snapshot) {
  const place = one("#versions .scorers");
  if (!snapshot.scorers.length) {
    fill(place, nothing("Scorers announce themselves to nobody, so who serves which version isn't known here. Those that `UNLEARN_CONSOLE__SCORERS` names are asked; each `unlearn serve` tells its own at /metrics."));
    return;
  }
  fill(place, table("Scorers", [
    ["Scorer", (s) => id(s.url), "whole"],
    ["State", (s) => (s.ready ? h("span", { class: "state well" }, h("span", { class: "sign", "aria-hidden": "true" }, "✓"), "serves") : h("span", { class: "state stopped" }, h("span", { class: "sign", "aria-hidden": "true" }, "✕"), "doesn't serve"))],
    ["Version", (s) => number(s.version), "number"],
    ["Lease ends", (s) => moment(s.lease_ends), "number"],
    ["Left out", (s) => number(s.left_out), "number"],
    ["Says", (s) => h("bdi", {}, s.trouble || "–"), "whole"],
  ], snapshot.scorers));
}
