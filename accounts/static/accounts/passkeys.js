// Passkeys: asks the browser to make one or to use one, and sends its answer with the form.
//
// A form says what it wants by data-passkey ("create" or "get"). What the browser is told to ask for
// stands in the page, or is fetched from data-passkey-options when it is needed.

// The words are the page's, in its language: data-abort-error and the like of this script's element.
const WORDS = document.getElementById("passkey-words").dataset;
const NAMES = new Set(["AbortError", "InvalidStateError", "NotAllowedError", "NotSupportedError"]);
const NUMERIC_HOST = /^[\d.]+$|^\[/;

const canUse = typeof globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON === "function";

/** What to tell somebody of an error. */
function problemOf(error) {
  if (NUMERIC_HOST.test(location.hostname)) {
    const named = Object.assign(new URL(location.href), { hostname: "localhost" }).origin;
    return WORDS.numericHost.replace("%(address)s", named);
  }
  if (!NAMES.has(error.name)) return WORDS.unknown;
  return WORDS[error.name.charAt(0).toLowerCase() + error.name.slice(1)];
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
  problem.textContent = canUse ? "" : WORDS.noPasskeys;
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
