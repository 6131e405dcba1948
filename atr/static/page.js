// SPDX-License-Identifier: Apache-2.0
// Optional: each page works without this script.

const EVERY = 2000;
const SLOWEST = 60000;

const live = document.querySelector("[data-say]");
let quiet;

// Announce a text to screen readers when they are idle; the page shows the same information visibly.
function say(text) {
  if (!live) return;
  clearTimeout(quiet);
  live.textContent = text;
  quiet = setTimeout(() => { live.textContent = ""; }, 5000);
}

/* ---------- Copy buttons; without this script one click selects the whole digest ---------- */

function copyButton(value, label) {
  const text = value.textContent;
  const button = document.createElement("button");
  button.type = "button";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      getSelection()?.selectAllChildren(value);
      say("The browser does not allow copying from here; the text is selected instead.");
      return;
    }
    button.classList.add("is-done");
    say("Copied");
    setTimeout(() => button.classList.remove("is-done"), 2000);
  });
  label(button, text);
  value.after(button);
}

function addCopyButtons(root) {
  if (!navigator.clipboard) return;
  for (const value of root.querySelectorAll(".hash, .command code")) {
    if (value.closest(".same") || value.nextElementSibling?.classList.contains("copy")) continue;
    copyButton(value, (button, text) => {
      button.className = "copy";
      button.setAttribute("aria-label", `Copy ${text.slice(0, 12)}`);
    });
  }
  // Whole letters get a button with text, since an icon next to a page of text is easily missed.
  for (const value of root.querySelectorAll("[data-copy]")) {
    if (value.nextElementSibling?.classList.contains("copy-text")) continue;
    copyButton(value, (button) => {
      button.className = "button copy-text";
      button.textContent = value.dataset.copy;
    });
  }
}

/* ---------- One click sends one request; after Back the button is enabled again ---------- */

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  // Deferred, because the value of a button that is disabled now would not be sent.
  setTimeout(() => {
    for (const button of event.target.querySelectorAll("button")) {
      button.disabled = true;
      button.dataset.sent = "";
    }
  });
});

addEventListener("pageshow", (event) => {
  if (event.persisted) tick();
  for (const button of document.querySelectorAll("button[data-sent]")) {
    button.disabled = false;
    delete button.dataset.sent;
  }
});

/* ---------- Replace a fragment, and keep the focus, open details and typed text ---------- */

const REACHABLE = "a[href], button, input, summary, textarea, select";

// A key that identifies a control in the old and the new version of a fragment.
function keyOf(control) {
  if (control.id) return `#${control.id}`;
  const holder = control.closest("[data-key]");
  return [holder?.dataset.key ?? "", control.localName, control.name ?? "", control.textContent.trim()].join("|");
}

function swap(old, fresh) {
  const held = old.contains(document.activeElement) ? keyOf(document.activeElement) : "";
  const open = new Set([...old.querySelectorAll("details[open]")].map((part) => part.dataset.key ?? part.textContent));
  const typed = new Map();
  for (const field of old.querySelectorAll("input:not([type=hidden], [type=radio]), textarea")) {
    if (field.value !== field.defaultValue) typed.set(keyOf(field), field.value);
  }
  for (const part of fresh.querySelectorAll("details")) {
    if (open.has(part.dataset.key ?? part.textContent)) part.open = true;
  }
  for (const field of fresh.querySelectorAll("input, textarea")) {
    if (typed.has(keyOf(field))) field.value = typed.get(keyOf(field));
  }
  const caret = held && typeof document.activeElement.selectionStart === "number"
    && [document.activeElement.selectionStart, document.activeElement.selectionEnd];
  old.replaceWith(fresh);
  addCopyButtons(fresh);
  if (!held) return;
  const again = [...fresh.querySelectorAll(REACHABLE)].find((control) => keyOf(control) === held);
  // If the focused control is gone, focus the fragment, so that the reader does not start at the top again.
  const target = again ?? fresh;
  if (!again) fresh.tabIndex = -1;
  target.focus({ preventScroll: true });
  if (again && caret && "setSelectionRange" in again) again.setSelectionRange(...caret);
}

// A fragment with selected text is not replaced.
function isInUse(piece) {
  const selection = getSelection();
  return Boolean(selection && !selection.isCollapsed && piece.contains(selection.anchorNode));
}

/* ---------- Refresh rows while something is in progress ---------- */

class Refused extends Error {}

async function ask(address) {
  const answer = await fetch(address, { redirect: "manual", cache: "no-store", credentials: "same-origin" });
  if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
    throw new Refused("You are signed out, so this page is no longer updated. Sign in and reload it.");
  }
  if (answer.status === 404 || answer.status === 410) {
    throw new Refused("This is not here any more. Reload the page to see its current state.");
  }
  if (!answer.ok) throw new Error(`answered ${answer.status}`);
  return answer;
}

function note(text) {
  for (const place of document.querySelectorAll("[data-refresh-note]")) place.textContent = text;
}

const movingRows = () => [...document.querySelectorAll('[data-row-url][data-moving="yes"]')];

function tell(row) {
  say(`${row.dataset.name}: ${row.dataset.state}`);
}

// Refresh the sentence, the list of what is missing, and every other fragment that depends on several rows.
async function refreshPage() {
  const answer = await ask(location.pathname + location.search);
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const next = fresh.querySelector(`[data-live="${CSS.escape(old.dataset.live)}"]`);
    if (!next) old.remove();
    else if (!isInUse(old)) swap(old, document.importNode(next, true));
  }
  for (const old of document.querySelectorAll("[data-row-url]:not([data-live])")) {
    const next = old.id && fresh.getElementById(old.id);
    if (next && next.dataset.etag !== old.dataset.etag && !isInUse(old)) swap(old, document.importNode(next, true));
  }
  // A new fragment (for example of a deployment that was recorded meanwhile) only appears after a reload.
  if (fresh.title) document.title = fresh.title;
}

// Refresh one row. Returns true if other parts of the page may have changed with it.
async function refreshRow(row) {
  const answer = await ask(`${row.dataset.rowUrl}?have=${encodeURIComponent(row.dataset.etag)}`);
  if (answer.status === 204) return false;
  if ("rowWhole" in row.dataset) return true;
  const holder = document.createElement("template");
  holder.innerHTML = await answer.text();
  const fresh = holder.content.firstElementChild;
  if (!fresh?.dataset.rowUrl || isInUse(row)) return false;
  const changed = fresh.dataset.state !== row.dataset.state || fresh.dataset.moving !== row.dataset.moving;
  swap(row, document.importNode(fresh, true));
  if (changed) tell(fresh);
  return changed;
}

let wait = EVERY;
let timer;
let busy = false;

async function tick() {
  clearTimeout(timer);
  if (busy) return;
  busy = true;
  try {
    await look();
  } finally {
    busy = false;
  }
}

async function look() {
  const rows = movingRows();
  if (rows.length === 0) {
    note("");
    return;
  }
  // A hidden page sends no request; it is refreshed when it becomes visible.
  if (document.hidden) return;
  try {
    let around = false;
    for (const row of rows) around = (await refreshRow(row)) || around;
    if (around) {
      const before = new Map(rows.filter((row) => "rowWhole" in row.dataset).map((row) => [row.dataset.name, row.dataset.state]));
      await refreshPage();
      for (const row of document.querySelectorAll("[data-row-whole]")) {
        if (before.has(row.dataset.name) && before.get(row.dataset.name) !== row.dataset.state) tell(row);
      }
    }
    if (wait !== EVERY) say("The page is up to date again.");
    wait = EVERY;
    const moving = movingRows().length > 0;
    note(moving ? "This page updates automatically." : "");
    // Nothing is in progress any more: the rows show the outcome, so remove the success message of the request.
    if (!moving) for (const news of document.querySelectorAll(".flash.is-success")) news.remove();
  } catch (problem) {
    if (problem instanceof Refused) {
      note(problem.message);
      say(problem.message);
      return;
    }
    const text = "The server does not respond; this page may be out of date. Retrying.";
    if (wait === EVERY) say(text);
    note(text);
    wait = Math.min(wait * 2, SLOWEST);
  }
  timer = setTimeout(tick, wait);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });
addEventListener("online", () => { wait = EVERY; tick(); });

addCopyButtons(document);
if (movingRows().length) {
  note("This page updates automatically.");
  timer = setTimeout(tick, EVERY);
}
