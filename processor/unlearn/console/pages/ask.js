// Asking workers for something: the token, which this page alone keeps, and the questions before anything is sent.

import { fill, h, one } from "./dom.js";

let token = null;
let name = null;
let readOnly = true;
let listeners = [];

export const isReadOnly = () => readOnly;

/** Called when who may ask has changed. */
export const onAccess = (listener) => listeners.push(listener);

export const authorization = () => (token ? { Authorization: `Bearer ${token}` } : {});

/** The answer's object; throws an Error with the reason where it was refused. */
export async function call(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { ...authorization(), ...options.headers }, credentials: "same-origin" });
  const said = await answer.json().catch(() => ({}));
  if (answer.ok) return said;
  if (answer.status === 401 && token) forget();
  throw new Error(said.error ?? `the console answered ${answer.status}`);
}

export const post = (path, body) => call(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

/** Ask whether there are tokens at all. */
export async function findAccess() {
  readOnly = (await call("/api/access")).read_only;
  changed();
}

function forget() {
  token = name = null;
  changed();
}

function changed() {
  const button = one("#access");
  button.hidden = readOnly;
  button.textContent = name ? `Lock (${name})` : "Unlock actions";
  one("#read-only").hidden = !readOnly;
  for (const listener of listeners) listener();
}

/** A button that asks first; nothing where the console is read-only. */
export function askButton(key, text, question) {
  if (readOnly) return null;
  return h("button", { type: "button", "data-key": key, click: () => unlocked(() => ask(question)) }, text);
}

/** Go on once there is a token. */
function unlocked(then) {
  if (token) then();
  else openToken(then);
}

let afterToken = () => {};

function openToken(then = () => {}) {
  afterToken = then;
  one("#token").value = "";
  one("#token-said").textContent = "";
  one("#token-dialog").showModal();
}

async function tryToken(event) {
  event.preventDefault();
  token = one("#token").value.trim();
  try {
    name = (await call("/api/access")).name;
  } catch (error) {
    token = null;
    one("#token-said").textContent = error.message;
    return;
  }
  one("#token").value = "";
  one("#token-dialog").close();
  changed();
  afterToken();
}

/** A question with its choices, [words, the request's body]; what is answered is told on the page. */
function ask({ title, text, kind, choices }) {
  const dialog = one("#ask-dialog");
  one("#ask-title").textContent = title;
  fill(one("#ask-text"), [text].flat().map((part) => (part instanceof Node ? part.cloneNode(true) : document.createTextNode(part))));
  one("#ask-said").textContent = "";
  const choose = async (body) => {
    try {
      const said = await post(`/api/requests/${kind}`, body);
      dialog.close();
      one("#told").textContent = `Asked partition ${Object.keys(said.asked).join(", ")}: its owner does it at one of its next turns.`;
    } catch (error) {
      one("#ask-said").textContent = error.message;
    }
  };
  const cancel = h("button", { type: "button", click: () => dialog.close() }, "Cancel");
  const sure = choices.length === 1;
  fill(one("#ask-buttons"), choices.map(([words, body]) => h("button", { type: "button", class: sure ? "first" : null, click: () => choose(body) }, words)), cancel);
  dialog.showModal();
  // Between verdicts nobody should choose by a key pressed twice.
  if (!sure) cancel.focus();
}

one("#token-form").addEventListener("submit", tryToken);
one("#access").addEventListener("click", () => (token ? forget() : openToken()));
for (const button of document.querySelectorAll("[data-closes]")) button.addEventListener("click", () => button.closest("dialog").close());
