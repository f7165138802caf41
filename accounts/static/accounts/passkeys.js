// Passkeys: asks the browser to make one or to use one, and sends its answer with the form.
//
// A form says what it wants by data-passkey ("create" or "get"). What the browser is told to ask for
// stands in the page, or is fetched from data-passkey-options when it is needed.

const PROBLEMS = {
  AbortError: "That was called off. Try again.",
  InvalidStateError: "This device has a passkey for your account already.",
  NotAllowedError: "No passkey was used. Try again when you are ready.",
  NotSupportedError: "This device cannot make a passkey.",
};
const UNKNOWN = "That did not work. Check your connection and try again.";
const NO_PASSKEYS = "This browser cannot use passkeys.";
const NUMERIC_HOST = /^[\d.]+$|^\[/;

const canUse = typeof globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON === "function";

/** What to tell somebody of an error. */
function problemOf(error) {
  if (NUMERIC_HOST.test(location.hostname)) {
    const named = Object.assign(new URL(location.href), { hostname: "localhost" }).origin;
    return `Passkeys need a name in the address. On this machine, open ${named} instead.`;
  }
  return PROBLEMS[error.name] ?? UNKNOWN;
}

async function optionsOf(form) {
  const place = form.dataset.passkeyOptions;
  if (place === undefined) return JSON.parse(document.getElementById("passkey-options").textContent);
  const answer = await fetch(place, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`no options: ${answer.status}`);
  return answer.json();
}

function ask(form, { publicKey }) {
  if (form.dataset.passkey === "create") {
    const options = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey);
    return navigator.credentials.create({ publicKey: options });
  }
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
  return navigator.credentials.get({ publicKey: options });
}

async function submit(form) {
  const problem = form.querySelector("[data-passkey-problem]");
  const button = form.querySelector("button[type=submit]");
  problem.textContent = canUse ? "" : NO_PASSKEYS;
  if (!canUse) return;
  button.disabled = true;
  try {
    const credential = await ask(form, await optionsOf(form));
    form.elements.credential.value = JSON.stringify(credential);
    form.submit();
  } catch (error) {
    problem.textContent = problemOf(error);
  } finally {
    button.disabled = false; // also for who comes back to this page
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (canUse) form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(form);
  });
}
