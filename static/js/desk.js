// Live figures in the forms of the desk. The server calculates them again.

const paise = (text) => {
  const bare = text.trim().replace(/^(₹|rs\.?|inr)\s*/i, "").replace(/\/-$/, "").replaceAll(",", "").trim();
  if (!/^\d{1,8}(\.\d{1,2})?$/.test(bare)) return null;
  const [rupees, rest = ""] = bare.split(".");
  return Number(rupees) * 100 + Number(rest.padEnd(2, "0"));
};
const rupees = (amount) => `₹${(Math.floor(amount / 100)).toLocaleString("en-IN")}.${String(amount % 100).padStart(2, "0")}`;

// Allocate the amount of a payment to the unpaid charges, oldest first.
for (const form of document.querySelectorAll("form[data-payment]")) {
  const amount = form.elements.amount;
  const lines = [...document.querySelectorAll("[data-open]")];
  // A line of late fees has several parts, "3:40.00 7:20.00": payments settle them by their place.
  const parts = lines
    .flatMap((line) => line.dataset.open.split(" ").map((part) => [line, ...part.split(":")]))
    .sort((one, other) => one[1] - other[1]);
  const rest = document.querySelector("[data-settles-rest]");
  for (const cell of document.querySelectorAll("[data-settles], [data-settles-head]")) cell.hidden = false;
  const show = () => {
    let left = paise(amount.value) ?? 0;
    const settled = new Map(lines.map((line) => [line, 0]));
    for (const [line, , open] of parts) {
      const part = Math.min(left, paise(open));
      settled.set(line, settled.get(line) + part);
      left -= part;
    }
    for (const [line, part] of settled)
      line.querySelector("[data-settles]").textContent = part ? rupees(part) : "–";
    if (rest) rest.hidden = !left;
    if (rest) rest.textContent = `${rupees(left)} more than the dues: it will be an advance.`;
  };
  amount.addEventListener("input", show);
  show();
  if (!form.querySelector(".is-invalid")) amount.select();
}

// The agreed fee follows the batch until another fee is entered.
for (const form of document.querySelectorAll("form[data-fees]")) {
  const batch = form.elements.batch;
  const fee = form.elements.agreed_fee;
  const chosen = () => batch.selectedOptions[0]?.dataset.fee ?? "";
  let offered = chosen();
  if (fee.value === "") fee.value = offered;
  batch.addEventListener("change", () => {
    if (fee.value === "" || paise(fee.value) === paise(offered)) fee.value = chosen();
    offered = chosen();
  });
}

// The server renders the installments or the withdrawal again when an input changes.
for (const form of document.querySelectorAll("form[data-terms-form]")) {
  const refresh = async (step) => {
    const data = new FormData(form);
    data.set("do", step);
    const response = await fetch(location.href, { method: "POST", body: data }).catch(() => null);
    if (!response || !response.ok || response.redirected) return false;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const current = form.querySelector("[data-terms]");
    const rendered = page.querySelector("[data-terms]");
    if (!rendered) return false;
    const focused = document.activeElement?.closest("[data-terms]") && document.activeElement;
    current.replaceWith(rendered);
    if (focused) rendered.querySelector(`[name="${focused.name}"][value="${focused.value}"]`)?.focus();
    return true;
  };
  form.addEventListener("change", (event) => {
    const batch = form.elements.batch;
    if (event.target.matches("[name=batch], [name=plan], [name=agreed_fee], [name=enrolled_on], [name=ended_on], [name=fee_to_keep]") && (!batch || batch.value)) refresh("show");
  });
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (!button?.matches("[data-refresh]")) return;
    event.preventDefault();
    event.stopPropagation();
    if (await refresh(button.value)) return;
    delete button.dataset.refresh; // Load the whole page instead.
    form.requestSubmit(button);
  });
}
