// Elements are made of text nodes alone: ids and reasons come from whoever may write to the topics.

const numbers = new Intl.NumberFormat("en");

/** An element. Attributes that are null or false are left out; functions listen. Children are elements or text. */
export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(name, value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child)))));
  return made;
}

export const one = (selector, within = document) => within.querySelector(selector);

export const number = (value) => (value === null || value === undefined ? "–" : numbers.format(value));

/** "1 record", "2 records". */
export const count = (many, what) => `${number(many)} ${what}${many === 1 ? "" : "s"}`;

/** Letters that show nothing, or turn the direction of what follows: written as their numbers, so that no id looks like
 *  another. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/gu;

function visible(text) {
  const parts = [];
  let from = 0;
  for (const found of text.matchAll(UNSEEN)) {
    const code = found[0].codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    parts.push(text.slice(from, found.index), h("span", { class: "unseen" }, `U+${code}`));
    from = found.index + found[0].length;
  }
  return [...parts, text.slice(from)].filter((part) => part !== "");
}

/** An id as somebody else wrote it: its direction stays its own. */
export const id = (text) => h("bdi", { class: "id" }, visible(text));

const SHORT = 32;

/** Text in which what stands between backticks is code. */
export const prose = (text) => text.split("`").map((part, at, parts) => (at % 2 && at < parts.length - 1
  ? h("code", { class: part.length <= SHORT ? "short-code" : null }, visible(part)) : visible(part)));

const UNITS = [["d", 86400], ["h", 3600], ["min", 60]];

/** Seconds, rounded down, in the largest unit of which there are two or more. */
export function span(seconds) {
  const [unit, size] = UNITS.find(([, each]) => seconds >= 2 * each) ?? ["s", 1];
  return `${number(Math.floor(seconds / size))} ${unit}`;
}

let offset = 0;

/** Take over the console's clock: ages are told by that, not by the browser's. */
export function setClock(now) {
  offset = now - Date.now();
}

export const now = () => Date.now() + offset;

/** How long ago, or how far ahead, a moment is. */
export function told(at) {
  const seconds = (now() - at) / 1000;
  return seconds >= 0 ? `${span(seconds)} ago` : `in ${span(-seconds)}`;
}

export const utc = (at) => new Date(at).toISOString().replace("T", " ").replace(/\.\d+Z$/, "");

const AGES = { age: (at) => span(Math.max(0, (now() - at) / 1000)), told };

/** A moment in ms since 1970 as an age, which `tick` keeps up; `as` is "age" or "told". */
export function moment(at, as = "told") {
  if (at === null || at === undefined) return h("span", { class: "none" }, "–");
  // Beyond these years a date has no text.
  if (!(Math.abs(at) < 8.64e15)) return h("span", {}, "a time out of bounds");
  return h("time", { datetime: new Date(at).toISOString(), title: `${utc(at)} UTC`, "data-at": at, "data-as": as }, AGES[as](at));
}

/** Write all ages anew. */
export function tick() {
  for (const found of document.querySelectorAll("time[data-at]")) {
    const text = AGES[found.dataset.as](Number(found.dataset.at));
    if (found.textContent !== text) found.textContent = text;
  }
}

/** Put other children in a place; what had the focus and is there again, by its data-key, has it again. */
export function fill(place, ...children) {
  const key = place.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  place.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  if (key === undefined) return;
  const again = [...place.querySelectorAll("[data-key]")].find((found) => found.dataset.key === key);
  if (again) again.focus({ preventScroll: true });
}

/** A table that becomes a list of cards where there is little room; so its roles are said. A column is
 *  [title, cell of a row, classes]. `mark` gives a row's class. */
export function table(label, columns, rows, mark = () => null) {
  const head = columns.map(([title, , classes]) => h("th", { scope: "col", role: "columnheader", class: classes }, title));
  const body = rows.map((row) => h("tr", { role: "row", class: mark(row) },
    columns.map(([title, cell, classes]) => h("td", { role: "cell", class: classes, "data-label": title }, cell(row)))));
  return h("table", { role: "table", "aria-label": label },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, head)), h("tbody", { role: "rowgroup" }, body));
}

export const nothing = (text) => h("p", { class: "nothing" }, prose(text));

/** What isn't shown of many, in words; null where all is. */
export const leftOff = (many, text) => (many > 0 ? h("p", { class: "left-off" }, `${number(many)} more `, prose(text)) : null);
