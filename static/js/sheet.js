// Mark attendance quickly: tap a row, or type P, A, L or E.
const form = document.querySelector("[data-sheet]");
if (form) {
  const order = ["present", "absent", "late", "excused"];
  const letters = { p: "present", a: "absent", l: "late", e: "excused" };
  const rows = [...form.querySelectorAll(".sheet-row")];
  const button = form.querySelector("button[type=submit]");
  const totals = form.querySelector("[data-totals]");
  const checked = (row) => row.querySelector("input:checked");
  const mark = (row, status) => { row.querySelector(`input[value=${status}]`).checked = true; };
  const focusOn = (row) => {
    (row ? checked(row) : button).focus();
    row?.scrollIntoView({ block: "nearest" });
  };
  const count = () => {
    const counts = Object.fromEntries(order.map((status) => [status, 0]));
    for (const row of rows) counts[checked(row).value] += 1;
    totals.textContent = order.filter((status) => counts[status]).map((status) => `${counts[status]} ${status}`).join(" · ");
  };

  // Unsaved changes of this user and sheet stay on the device until the server confirms them.
  const place = `sheet ${form.dataset.sheet}`;
  const version = form.elements.version.value;
  const seen = Object.fromEntries(form.elements.seen.value.split(" ").map((one) => [`mark-${one.slice(0, -1)}`, letters[one.slice(-1)]]));
  const was = (name) => seen[name] ?? form.elements[`was-${name.replace("note-", "")}`]?.value ?? "";
  const names = new Set([...form.elements].map((element) => element.name).filter((name) => /^(mark|note)-|^(topic|reason)$/.test(name)));
  const unsaved = () => [...names].map((name) => [name, form.elements[name].value]).filter(([name, value]) => value !== was(name));
  let isInDanger = false; // Neither saved nor stored on the device.
  const keep = () => {
    const fields = unsaved();
    isInDanger = false;
    try {
      if (fields.length) localStorage.setItem(place, JSON.stringify({ version, at: Date.now(), fields, label: form.dataset.label, page: location.pathname }));
      else localStorage.removeItem(place);
    } catch {
      isInDanger = fields.length > 0; // Storage is full or disabled: ask before leaving the page.
    }
    form.querySelector("[data-unsaved]").hidden = !fields.length || isInDanger;
  };
  const forget = () => {
    isInDanger = false;
    try {
      localStorage.removeItem(place);
    } catch {
      // Disabled storage holds nothing.
    }
  };
  const stored = () => {
    try {
      return JSON.parse(localStorage.getItem(place));
    } catch {
      return null;
    }
  };
  const changed = () => {
    count();
    keep();
  };
  const choose = (row, status) => {
    mark(row, status);
    changed();
  };
  const restore = (fields) => {
    for (const [name, value] of fields) {
      if (!names.has(name)) continue;
      form.elements[name].value = value;
      const details = name.startsWith("note-") && form.elements[name].closest("details");
      if (details) details.open = true;
    }
  };
  const notify = (text, action) => {
    const notice = form.querySelector("[data-kept-notice]");
    notice.replaceChildren(Object.assign(document.createElement("span"), { textContent: text }), ...(action ? [" ", action] : []));
    notice.hidden = false;
    notice.scrollIntoView({ block: "center" });
  };
  const link = (href, textContent) => Object.assign(document.createElement("a"), { href, textContent, className: "btn btn-quiet btn-sm" });

  const left = stored();
  if (left && !("refused" in form.dataset)) {
    restore(left.fields);
    if (unsaved().length) {
      const since = new Date(left.at).toLocaleString("en-IN", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
      const meanwhile = left.version === version ? "" : " The sheet was saved after that: check your changes before you save.";
      const discard = Object.assign(document.createElement("button"), { type: "button", textContent: "Discard", className: "btn btn-quiet btn-sm" });
      discard.addEventListener("click", () => {
        forget();
        location.assign(form.action);
      });
      notify(`Not saved yet: stored on this device since ${since}, and restored below. Save it, or discard it.${meanwhile}`, discard);
    }
  }
  form.classList.add("is-scripted");
  changed();
  window.addEventListener("pageshow", count); // After the Back button, the browser may have restored other choices.
  window.addEventListener("beforeunload", (event) => { if (isInDanger) event.preventDefault(); });

  // Marking.
  form.addEventListener("click", (event) => {
    const fill = event.target.closest("[data-fill]")?.dataset.fill;
    if (fill) {
      for (const row of rows) mark(row, fill === "last" ? row.dataset.last || "present" : fill);
      changed();
      event.preventDefault();
    }
    const row = event.target.closest(".sheet-row");
    if (row && !event.target.closest("label, input, details, a")) {
      choose(row, order[(order.indexOf(checked(row).value) + 1) % order.length]);
    }
  });
  form.addEventListener("input", changed);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = event.target.matches(".marks input") ? rows.indexOf(event.target.closest(".sheet-row")) : -1;
    const status = letters[event.key.toLowerCase()];
    if (event.key === "ArrowDown" && (at >= 0 || event.target === document.body)) {
      focusOn(rows[at + 1]);
    } else if (at < 0) {
      return;
    } else if (status) {
      choose(rows[at], status);
      focusOn(rows[at + 1]);
    } else if (event.key === "ArrowUp") {
      focusOn(rows[Math.max(at - 1, 0)]);
    } else {
      return;
    }
    event.preventDefault();
  });

  // Save by fetch(), so that a lost connection or an expired session does not lose this page.
  const advice = () => (isInDanger ? "Do not close this page." : "Your marks are stored on this device.");
  // Unchanged marks and notes are left out: the server knows them from `seen`.
  const toSend = () => {
    const fields = new FormData(form);
    const own = new Set(unsaved().map(([name]) => name));
    for (const name of names) {
      if (!/^(mark|note)-/.test(name) || own.has(name)) continue;
      fields.delete(name);
      fields.delete(name.replace("note-", "was-"));
    }
    return new URLSearchParams(fields);
  };
  const send = async () => {
    const body = toSend();
    const request = { method: "POST", body, headers: { "X-Requested-With": "fetch" }, signal: AbortSignal.timeout?.(30_000) };
    const response = await fetch(form.action, request).catch(() => null);
    const text = await response?.text().catch(() => "");
    if (text && response.headers.get("Content-Type").startsWith("application/json")) {
      forget();
      location.assign(JSON.parse(text).saved);
      return;
    }
    if (!response || response.status >= 500) {
      notify(`Not saved yet: ${response ? "the server is busy" : "there is no connection"}. ${advice()} Press Save again when it is back.`);
    } else if (response.redirected) {
      notify(`Not saved yet: you are signed out. ${advice()}`, link(response.url, "Sign in and come back"));
    } else if (response.status === 403) {
      notify(`Not saved yet: you signed in again after this page was opened. ${advice()}`, link(form.action, "Open the sheet again"));
    } else {
      isInDanger = false;
      form.submit(); // The page from the server shows the errors and the input.
      return;
    }
    button.removeAttribute("aria-disabled");
  };
  form.removeAttribute("data-once");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.hasAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    send().catch(() => form.submit()); // Fall back to an ordinary request.
  });
}
