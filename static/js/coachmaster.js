// Conveniences: every page works without scripts.

// A form is sent once: a second click before the response does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-once]")) return;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("button[type=submit]")) button.setAttribute("aria-disabled", "true");
  if (form.dataset.busy) showBusy(document.getElementById(form.dataset.busy));
});
// Show the progress of a long task, asking the server for it.
function showBusy(note) {
  note.hidden = false;
  const bar = note.querySelector("progress");
  if (!note.dataset.progress) return;
  setInterval(async () => {
    const response = await fetch(note.dataset.progress).catch(() => null);
    const { share = null } = response?.ok ? await response.json() : {};
    if (share !== null) bar.value = share;
  }, 500);
}
// After the browser's Back button, the form can be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("[data-once]")) {
    delete form.dataset.sent;
    if (form.dataset.busy) document.getElementById(form.dataset.busy).hidden = true;
    for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
  }
});

// An invalid form opens at its first error, unless there is an error above the form.
const invalid = "form[method=post] :is(.is-invalid, [aria-describedby*=row-errors] input, [aria-describedby*=part-errors] input)";
if (!document.querySelector("form[method=post] :is([role=alert], .alert-danger, .errorlist.nonfield)")) {
  const field = document.querySelector(invalid);
  field?.scrollIntoView({ block: "center" });
  field?.focus({ preventScroll: true });
}

// Filters apply as soon as they are chosen.
for (const form of document.querySelectorAll("form[data-filters]")) {
  form.classList.add("is-live");
  form.addEventListener("change", (event) => {
    if (event.target.matches("select, input[type=date], input[type=checkbox]")) form.requestSubmit();
  });
}

// On a phone, scroll the navigation bars to the current link.
for (const current of document.querySelectorAll(".side-nav [aria-current], .tabs [aria-current]")) {
  const bar = current.closest("ul");
  const [at, around] = [current.getBoundingClientRect(), bar.getBoundingClientRect()];
  bar.scrollLeft += at.left - around.left - (around.width - at.width) / 2;
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}

// A list that was opened to be printed as a whole.
if (location.hash === "#print") window.addEventListener("load", () => window.print());

// After printing, the receipt says "Duplicate": on this page, and from the server on.
for (const form of document.querySelectorAll("form[data-printed]")) {
  window.addEventListener("beforeprint", () => fetch(form.action, { method: "POST", body: new FormData(form), keepalive: true }));
  window.addEventListener("afterprint", () => (document.getElementById(form.dataset.printed).hidden = false));
}

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) continue;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value);
    button.textContent = "Copied";
  });
}

// A click outside or Escape closes an open menu.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
  const typing = event.target.matches("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const search = document.getElementById("top-search");
    if (search) {
      event.preventDefault();
      search.focus();
      search.select();
    }
  }
});

// Suggestions under a search box, HTML from the server; arrow keys choose, Enter opens.
for (const form of document.querySelectorAll("form[data-suggest]")) {
  const input = form.querySelector("input[type=search]");
  const list = document.createElement("div");
  list.className = "suggestions";
  list.hidden = true;
  form.append(list);
  let latest = 0;
  let timer;
  const links = () => [...list.querySelectorAll("a")];
  const close = () => { list.hidden = true; };
  const ask = async () => {
    const text = input.value.trim();
    const number = ++latest;
    if (text.length < 2) return close();
    const url = new URL(form.dataset.suggest, location.href);
    url.searchParams.set("q", text);
    const response = await fetch(url, { headers: { "X-Requested-With": "fetch" } }).catch(() => null);
    if (!response || !response.ok || response.redirected || number !== latest) return;
    list.innerHTML = await response.text();
    list.hidden = false;
  };
  input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 120); });
  form.addEventListener("keydown", (event) => {
    if (list.hidden) return;
    const all = links();
    const at = all.indexOf(document.activeElement);
    if (event.key === "ArrowDown" && all.length) { event.preventDefault(); all[Math.min(at + 1, all.length - 1)].focus(); }
    if (event.key === "ArrowUp" && at >= 0) { event.preventDefault(); (at ? all[at - 1] : input).focus(); }
    if (event.key === "Escape") { close(); input.focus(); }
  });
  form.addEventListener("focusout", (event) => { if (!form.contains(event.relatedTarget)) setTimeout(close, 150); });
}
