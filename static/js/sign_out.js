// Signing out clears what is stored on the device: ask first if attendance marks are not saved yet.
const marksOnDevice = () => {
  try {
    return Object.entries(localStorage).filter(([key]) => key.startsWith("sheet "));
  } catch {
    return []; // Disabled storage holds nothing.
  }
};
const element = (tag, properties, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};
const parsed = (text) => {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
};
const sheetLink = ([key, text]) => {
  const { label = key, page = "" } = parsed(text);
  return element("li", {}, page ? element("a", { href: page, textContent: label }) : label);
};

for (const form of document.querySelectorAll("form[action$='/logout/']")) {
  form.addEventListener("submit", (event) => {
    const sheets = marksOnDevice();
    if (!sheets.length) return;
    event.preventDefault();
    const stay = element("button", { type: "button", className: "btn btn-primary", textContent: "Stay signed in", autofocus: true });
    const leave = element("button", { type: "button", className: "btn btn-outline-danger", textContent: "Sign out and delete them" });
    const dialog = element(
      "dialog",
      { className: "panel", ariaLabel: "Marks on this device are not saved yet" },
      element("h2", { className: "mb-2", textContent: "Marks on this device are not saved yet" }),
      element("p", { textContent: "Open the sheet and save them, or they are deleted when you sign out:" }),
      element("ul", {}, ...sheets.map(sheetLink)),
      element("div", { className: "form-actions" }, stay, " ", leave),
    );
    stay.addEventListener("click", () => dialog.close());
    leave.addEventListener("click", () => {
      for (const [key] of sheets) localStorage.removeItem(key); // Browsers ignore the header of the response over http.
      form.submit();
    });
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  });
}
