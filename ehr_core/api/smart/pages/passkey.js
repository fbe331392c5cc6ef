"use strict";
const form = document.getElementById("passkey");
const bytes = (text) =>
  Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
const words = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
if (form && window.PublicKeyCredential) {
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const told = document.getElementById("passkey-error");
    told.textContent = "";
    const asked = JSON.parse(form.dataset.options);
    asked.challenge = bytes(asked.challenge);
    for (const one of asked.excludeCredentials || asked.allowCredentials || []) one.id = bytes(one.id);
    if (asked.user) asked.user.id = bytes(asked.user.id);
    try {
      const container = navigator.credentials;
      const made = asked.user
        ? await container.create({ publicKey: asked })
        : await container.get({ publicKey: asked });
      const response = { clientDataJSON: words(made.response.clientDataJSON) };
      for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"])
        if (made.response[part]) response[part] = words(made.response[part]);
      form.elements.credential.value = JSON.stringify({
        id: made.id,
        rawId: words(made.rawId),
        type: made.type,
        response,
        clientExtensionResults: {},
      });
      form.submit();
    } catch (error) {
      told.textContent = "The passkey was not used. Try again, or sign in with the password.";
    }
  });
}
