// What a form of the desk shows while it is filled in. The server computes the same again; everything works without.

const paise = (text) => {
  const bare = text.trim().replace(/^(₹|rs\.?|inr)\s*/i, "").replace(/\/-$/, "").replaceAll(",", "").trim();
  if (!/^\d{1,8}(\.\d{1,2})?$/.test(bare)) return null;
  const [rupees, rest = ""] = bare.split(".");
  return Number(rupees) * 100 + Number(rest.padEnd(2, "0"));
};
const rupees = (amount) => `₹${(Math.floor(amount / 100)).toLocaleString("en-IN")}.${String(amount % 100).padStart(2, "0")}`;

// A payment: what the amount typed settles, the oldest first, and what is left.
for (const form of document.querySelectorAll("form[data-payment]")) {
  const amount = form.elements.amount;
  const lines = [...document.querySelectorAll("[data-open]")];
  const rest = document.querySelector("[data-settles-rest]");
  for (const cell of document.querySelectorAll("[data-settles], [data-settles-head]")) cell.hidden = false;
  const show = () => {
    let left = paise(amount.value) ?? 0;
    for (const line of lines) {
      const part = Math.min(left, paise(line.dataset.open));
      line.querySelector("[data-settles]").textContent = part ? rupees(part) : "–";
      left -= part;
    }
    if (rest) rest.hidden = !left;
    if (rest) rest.textContent = `${rupees(left)} more than is owed: it would be kept as an advance.`;
  };
  amount.addEventListener("input", show);
  show();
  if (!form.querySelector(".is-invalid")) amount.select();
}

// An agreed fee follows the batch until somebody types another.
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

// How a fee is paid, or what leaving costs, follows what is typed; the server draws it again, and the rest stays.
for (const form of document.querySelectorAll("form[data-terms-form]")) {
  const draw = async (step) => {
    const data = new FormData(form);
    data.set("do", step);
    const response = await fetch(location.href, { method: "POST", body: data }).catch(() => null);
    if (!response || !response.ok || response.redirected) return false;
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const now = form.querySelector("[data-terms]");
    const drawn = page.querySelector("[data-terms]");
    if (!drawn) return false;
    const focused = document.activeElement?.closest("[data-terms]") && document.activeElement;
    now.replaceWith(drawn);
    if (focused) drawn.querySelector(`[name="${focused.name}"][value="${focused.value}"]`)?.focus();
    return true;
  };
  form.addEventListener("change", (event) => {
    const batch = form.elements.batch;
    if (event.target.matches("[name=batch], [name=plan], [name=agreed_fee], [name=enrolled_on], [name=ended_on], [name=fee_to_keep]") && (!batch || batch.value)) draw("show");
  });
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (!button?.matches("[data-refresh]")) return;
    event.preventDefault();
    event.stopPropagation();
    if (await draw(button.value)) return;
    delete button.dataset.refresh; // the page itself, then
    form.requestSubmit(button);
  });
}
