// SPDX-License-Identifier: Apache-2.0
// Try the patterns while a person types; without this script the button "Try patterns" does the same.

const WAIT = 400;

const form = document.getElementById("policy");
const live = document.querySelector("[data-say]");
let timer;
let asked = 0;

function say(text) {
  if (live) live.textContent = text;
}

async function tryIt() {
  const mine = ++asked;
  const fields = new URLSearchParams(new FormData(form));
  fields.set("fragment", "1");
  try {
    const answer = await fetch(form.dataset.try, { method: "POST", body: fields, credentials: "same-origin" });
    // The person has typed more: a newer request was sent, and only its response counts.
    if (mine !== asked) return;
    if (!answer.ok) throw new Error(String(answer.status));
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("trial");
    const old = document.getElementById("trial");
    if (!fresh || !old) return;
    old.replaceWith(document.importNode(fresh, true));
    say([...document.querySelectorAll("#trial [data-trial-said]")].map((one) => one.textContent.trim()).join(" "));
  } catch {
    say("The preview could not be updated. Use the button “Try patterns”.");
  }
}

if (form) {
  form.addEventListener("input", (event) => {
    if (!event.target.matches(".patterns, select")) return;
    clearTimeout(timer);
    timer = setTimeout(tryIt, WAIT);
  });
}
