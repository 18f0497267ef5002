// Passkeys: ask the browser for one, and send its answer in a hidden field of the form.

for (const part of document.querySelectorAll("[data-passkey]")) {
  // Missing on insecure addresses and in old browsers.
  if (!window.PublicKeyCredential?.parseRequestOptionsFromJSON) continue;
  part.hidden = false;
  const [button, failure] = [part.querySelector("button"), part.querySelector("[role=alert]")];
  const options = JSON.parse(part.dataset.options);
  button.addEventListener("click", async () => {
    failure.hidden = true;
    const answer = document.getElementById(part.dataset.answer);
    try {
      const credential =
        part.dataset.passkey === "create"
          ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
          : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
      answer.value = JSON.stringify(credential);
    } catch {
      failure.hidden = false;
      return;
    }
    answer.form.requestSubmit();
  });
}
