// SPDX-License-Identifier: Apache-2.0
// Progress, cancellation, and drag and drop for the upload form. Without this script the browser sends the same form to
// the same address, and gets the same page.

const form = document.querySelector("form[data-upload]");
if (form) begin(form);

function begin(form) {
  const part = (name) => form.querySelector(`[data-${name}]`);
  const [place, drop, chosen, progress, label, cancel] =
    ["problems", "drop", "chosen", "progress", "progress-text", "cancel"].map(part);
  const bar = progress.querySelector("progress");
  const submit = form.querySelector("button[type=submit]");
  const fields = { files: form.elements.files, folder: form.elements.folder };
  const most = Number(form.dataset.most);
  const hint = chosen.textContent;
  // The dropped files, with their paths; the inputs keep the files that were chosen in them.
  let dropped = [];
  let request = null;
  let said = 0;

  function all() {
    const picked = Object.entries(fields).flatMap(([name, input]) =>
      [...input.files].map((file) => ({ name, file, path: file.webkitRelativePath || file.name })));
    return [...picked, ...dropped];
  }

  function size(bytes) {
    for (const [unit, scale] of [["GB", 1e9], ["MB", 1e6], ["kB", 1e3]]) {
      if (bytes >= scale) return `${(bytes / scale).toFixed(bytes < 10 * scale ? 1 : 0)} ${unit}`;
    }
    return `${bytes} B`;
  }

  function total(list) {
    return list.reduce((sum, one) => sum + one.file.size, 0);
  }

  function show() {
    const list = all();
    const files = list.length === 1 ? "1 file" : `${list.length.toLocaleString("en")} files`;
    chosen.textContent = list.length ? `${files} chosen, ${size(total(list))}.` : hint;
    for (const input of Object.values(fields)) input.setCustomValidity("");
  }

  // Show the server's message in the same place as without this script. The chosen files stay chosen.
  function tell(node) {
    place.replaceChildren(node);
    place.firstElementChild.tabIndex = -1;
    place.firstElementChild.focus();
  }

  function problem(text) {
    const box = document.createElement("div");
    box.className = "problems is-refused";
    box.setAttribute("role", "alert");
    const line = document.createElement("p");
    line.textContent = text;
    box.append(line);
    tell(box);
  }

  function busy(on) {
    progress.hidden = cancel.hidden = !on;
    submit.disabled = on;
    if (!on) request = null;
  }

  function moved(event) {
    if (!event.lengthComputable || !request) return;
    const done = Math.floor((100 * event.loaded) / event.total);
    bar.value = done;
    const sent = `${done} %, ${size(event.loaded)} of ${size(event.total)}`;
    label.textContent = done < 100 ? `Uploading: ${sent}` : "Upload complete; the revision is being created.";
    // Announce the progress to screen readers only four times.
    const quarter = Math.floor(done / 25);
    if (quarter > said) {
      said = quarter;
      const live = document.querySelector("[data-say]");
      if (live) live.textContent = label.textContent;
    }
  }

  function came(answer) {
    busy(false);
    const next = answer.getResponseHeader("Location");
    if (answer.status === 201 && next) {
      if (new URL(next, location).pathname === location.pathname && !location.search) location.reload();
      else location.assign(next);
      return;
    }
    const page = new DOMParser().parseFromString(answer.responseText, "text/html");
    const box = page.querySelector("#upload-problems");
    // The next upload is based on the revision that the returned page shows.
    const seen = page.querySelector("form[data-upload] [name=seen]");
    if (seen) form.elements.seen.value = seen.value;
    if (box) tell(document.importNode(box, true));
    else problem(page.querySelector("main .said-large")?.textContent ?? "Nothing was saved. Reload the page.");
  }

  form.addEventListener("submit", (event) => {
    const list = all();
    if (!list.length) {
      event.preventDefault();
      problem("Nothing was sent. Choose a file or a folder to upload.");
      return;
    }
    if (total(list) > most) {
      event.preventDefault();
      problem(`Nothing was sent. These are ${size(total(list))}; an upload has ${size(most)} at most. Send it in several.`);
      return;
    }
    event.preventDefault();
    const body = new FormData();
    // The fields with the token come first, because the server reads in this order.
    for (const field of form.querySelectorAll("input:not([type=file])")) body.append(field.name, field.value);
    for (const one of list) body.append(one.name, one.file, one.path);
    place.replaceChildren();
    said = 0;
    bar.value = 0;
    label.textContent = "Uploading";
    request = new XMLHttpRequest();
    request.open("POST", form.action);
    // Otherwise the server redirects: XMLHttpRequest would follow, and consume the message of the next page.
    request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
    request.upload.addEventListener("progress", moved);
    request.addEventListener("load", (done) => came(done.target));
    request.addEventListener("error", () => {
      busy(false);
      problem("The connection was lost, so nothing was saved. Your files are still selected; upload them again.");
    });
    request.addEventListener("abort", () => {
      busy(false);
      problem("You cancelled the upload. Nothing was saved; your files are still selected.");
    });
    busy(true);
    request.send(body);
    cancel.focus();
  });

  cancel.addEventListener("click", () => request?.abort());
  form.addEventListener("change", show);
  show();

  /* ---------- Drag and drop ---------- */

  async function below(entry) {
    if (entry.isFile) {
      const file = await new Promise((done, failed) => { entry.file(done, failed); });
      return [{ file, path: entry.fullPath.replace(/^\//, "") }];
    }
    const reader = entry.createReader();
    const found = [];
    // A reader returns up to a hundred entries at a time, and an empty list at the end.
    for (;;) {
      const some = await new Promise((done, failed) => { reader.readEntries(done, failed); });
      if (!some.length) return found;
      for (const one of some) found.push(...await below(one));
    }
  }

  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("is-over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("is-over"));
  drop.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.classList.remove("is-over");
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    dropped = [];
    for (const entry of entries) {
      const name = entry.isDirectory ? "folder" : "files";
      for (const one of await below(entry)) dropped.push({ name, ...one });
    }
    show();
  });
}
