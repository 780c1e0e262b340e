// What became of one event, and the versions that were published: both read the log, so they are asked for by hand.

import { fill, h, id, moment, nothing, number, one, table } from "./dom.js";
import { call, post } from "./ask.js";

const body = () => one("#journey .body");

export async function tell(event) {
  one("#event").value = event;
  fill(body(), h("p", { class: "soft" }, "Reading the log"));
  one("#journey").scrollIntoView({ block: "start" });
  one("#event").focus({ preventScroll: true });
  try {
    show(event, await post("/api/journey", { event }));
  } catch (error) {
    fill(body(), h("p", { class: "banner bad" }, h("bdi", {}, error.message)));
  }
}

function show(event, said) {
  const lines = said.lines.map((line) => h("li", {},
    h("span", { class: "when" }, line.at ? h("time", { datetime: line.at }, line.at.replace("T", " ").replace("Z", "")) : "time not known"),
    h("span", { class: "where" }, line.place || "–"),
    h("bdi", { class: "what" }, line.what)));
  fill(body(),
    h("p", { class: "what-of" }, id(said.headline), said.lines.length ? "" : ": nothing is known of it"),
    lines.length ? h("ol", { class: "lines", "aria-label": `What became of ${event}` }, lines) : null,
    said.withheld && lines.length ? h("p", { class: "soft" }, "Ids of records and subjects are withheld: they are shown to those with a token.") : null,
    said.notes.map((note) => h("p", { class: "soft" }, h("bdi", {}, `Note: ${note}`))));
}

async function listVersions() {
  const place = one("#versions .history");
  fill(place, h("p", { class: "soft" }, "Reading the history"));
  try {
    const said = await call("/api/versions");
    const columns = [
      ["Version", (v) => number(v.version), "number"],
      ["Made", (v) => moment(v.at ? Date.parse(v.at) : null), "number"],
      ["Partition", (v) => v.partition, "number"],
      ["Covers up to", (v) => number(v.applied), "number"],
      ["Rows", (v) => number(v.rows), "number"],
      ["Standing", (v) => v.standing],
    ];
    fill(place, said.versions.length ? table("Versions, the newest first", columns, said.versions) : nothing("No version is known."),
      h("p", { class: "soft" }, `At most ${said.most}: unlearn versions lists all, with what each learned and forgot.`),
      said.notes.map((note) => h("p", { class: "soft" }, h("bdi", {}, `Note: ${note}`))));
  } catch (error) {
    fill(place, h("p", { class: "banner bad" }, h("bdi", {}, error.message)));
  }
}

one("#journey-form").addEventListener("submit", (event) => {
  event.preventDefault();
  tell(one("#event").value);
});
one("#list-versions").addEventListener("click", listVersions);
