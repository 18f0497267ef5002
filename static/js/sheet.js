// Taking attendance quickly: tap a row, or type P, A, L, E. The form itself works without this.
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

  // What is not saved yet is kept on this device, for this person and this sheet, until the server confirms it.
  const place = `sheet ${form.dataset.sheet}`;
  const version = form.elements.version.value;
  const seen = Object.fromEntries(form.elements.seen.value.split(" ").map((one) => [`mark-${one.slice(0, -1)}`, letters[one.slice(-1)]]));
  const was = (name) => seen[name] ?? form.elements[`was-${name.replace("note-", "")}`]?.value ?? "";
  const names = new Set([...form.elements].map((element) => element.name).filter((name) => /^(mark|note)-|^(topic|reason)$/.test(name)));
  const unsaved = () => [...names].map((name) => [name, form.elements[name].value]).filter(([name, value]) => value !== was(name));
  let isInDanger = false; // not saved, and not kept either
  const keep = () => {
    const fields = unsaved();
    isInDanger = false;
    try {
      if (fields.length) localStorage.setItem(place, JSON.stringify({ version, at: Date.now(), fields }));
      else localStorage.removeItem(place);
    } catch {
      isInDanger = fields.length > 0; // the storage is full or closed: leaving the page asks first
    }
    form.querySelector("[data-unsaved]").hidden = !fields.length || isInDanger;
  };
  const forget = () => {
    isInDanger = false;
    try {
      localStorage.removeItem(place);
    } catch {
      // a closed storage holds nothing
    }
  };
  const kept = () => {
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
  const putBack = (fields) => {
    for (const [name, value] of fields) {
      if (!names.has(name)) continue;
      form.elements[name].value = value;
      const details = name.startsWith("note-") && form.elements[name].closest("details");
      if (details) details.open = true;
    }
  };
  const say = (words, action) => {
    const notice = form.querySelector("[data-kept-notice]");
    notice.replaceChildren(Object.assign(document.createElement("span"), { textContent: words }), ...(action ? [" ", action] : []));
    notice.hidden = false;
    notice.scrollIntoView({ block: "center" });
  };
  const link = (href, textContent) => Object.assign(document.createElement("a"), { href, textContent, className: "btn btn-quiet btn-sm" });

  const left = kept();
  if (left && !("refused" in form.dataset)) {
    putBack(left.fields);
    if (unsaved().length) {
      const since = new Date(left.at).toLocaleString("en-IN", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
      const meanwhile = left.version === version ? "" : " The sheet was saved after that: look at what you had changed before you save.";
      const away = Object.assign(document.createElement("button"), { type: "button", textContent: "Throw away", className: "btn btn-quiet btn-sm" });
      away.addEventListener("click", () => {
        forget();
        location.assign(form.action);
      });
      say(`Not saved yet: kept on this device since ${since}, and put back below. Save it, or throw it away.${meanwhile}`, away);
    }
  }
  form.classList.add("is-scripted");
  changed();
  window.addEventListener("pageshow", count); // going back to a page that the browser kept: its boxes may stand differently
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

  // Saving: by a request of our own, so that a lost connection or an expired session leaves this page standing.
  const isKept = () => (isInDanger ? "Do not close this page." : "What you marked is kept on this device.");
  // Marks and notes that stand as they were are left out: `seen` tells the server of them.
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
    const answer = await fetch(form.action, request).catch(() => null);
    const words = await answer?.text().catch(() => "");
    if (words && answer.headers.get("Content-Type").startsWith("application/json")) {
      forget();
      location.assign(JSON.parse(words).saved);
      return;
    }
    if (!answer || answer.status >= 500) {
      say(`Not saved yet: ${answer ? "the server is busy" : "there is no connection"}. ${isKept()} Press Save once more when it is back.`);
    } else if (answer.redirected) {
      say(`Not saved yet: you are signed out. ${isKept()}`, link(answer.url, "Sign in and come back"));
    } else if (answer.status === 403) {
      say(`Not saved yet: you signed in anew since this page was opened. ${isKept()}`, link(form.action, "Open the sheet again"));
    } else {
      isInDanger = false;
      form.submit(); // the server has something to say about it: its page tells, with everything as it was typed
      return;
    }
    button.removeAttribute("aria-disabled");
  };
  form.removeAttribute("data-once");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (button.hasAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    send().catch(() => form.submit()); // a browser that lacks something sends the form as ever
  });
}
