// Taking attendance quickly: tap a name, or type P, A, L, E. The form itself works without this.
const form = document.querySelector("[data-sheet]");
if (form) {
  const order = ["present", "absent", "late", "excused"];
  const letters = { p: "present", a: "absent", l: "late", e: "excused" };
  const rows = [...form.querySelectorAll(".sheet-row")];
  const totals = form.querySelector("[data-totals]");
  const checked = (row) => row.querySelector("input:checked");
  const count = () => {
    const counts = Object.fromEntries(order.map((status) => [status, 0]));
    for (const row of rows) counts[checked(row).value] += 1;
    totals.textContent = order.filter((status) => counts[status]).map((status) => `${counts[status]} ${status}`).join(" · ");
  };
  const choose = (row, status) => {
    row.querySelector(`input[value=${status}]`).checked = true;
    form.dispatchEvent(new Event("change"));
  };
  const focusOn = (row) => {
    (row ? checked(row) : form.querySelector("button[type=submit]")).focus();
    row?.scrollIntoView({ block: "nearest" });
  };

  form.classList.add("is-scripted");
  count();

  form.addEventListener("click", (event) => {
    const name = event.target.closest("[data-cycle]");
    if (!name) return;
    const row = name.closest(".sheet-row");
    choose(row, order[(order.indexOf(checked(row).value) + 1) % order.length]);
  });

  form.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !event.target.matches(".marks input")) return;
    const at = rows.indexOf(event.target.closest(".sheet-row"));
    const status = letters[event.key.toLowerCase()];
    if (status) {
      choose(rows[at], status);
      focusOn(rows[at + 1]);
    } else if (event.key === "ArrowDown") {
      focusOn(rows[at + 1]);
    } else if (event.key === "ArrowUp") {
      focusOn(rows[Math.max(at - 1, 0)]);
    } else {
      return;
    }
    event.preventDefault();
  });

  // Leaving with marks that are not saved asks first.
  let isUnsaved = form.querySelector(".alert-danger") !== null;
  form.addEventListener("change", () => { isUnsaved = true; count(); });
  form.addEventListener("submit", () => { isUnsaved = false; });
  window.addEventListener("beforeunload", (event) => { if (isUnsaved) event.preventDefault(); });
  // Going back to a page that the browser kept: its boxes may stand differently.
  window.addEventListener("pageshow", count);
}
