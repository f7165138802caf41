// Passkeys: asks the browser to make one or to use one, and sends its answer with the form.
//
// A form says what it wants by data-passkey ("create" or "get"). What the browser is told to ask for
// stands in the page, or is fetched from data-passkey-options when it is needed.

// The words are the page's, in its language: data-abort-error and the like of this script's element.
const WORDS = /** @type {Record<string, string>} */ (inPage("passkey-words").dataset);
const NAMES = new Set(["AbortError", "InvalidStateError", "NotAllowedError", "NotSupportedError"]);
const NUMERIC_HOST = /^[\d.]+$|^\[/;

/** @type {(id: string) => HTMLElement} */
function inPage(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

const canUse = typeof globalThis.PublicKeyCredential?.parseRequestOptionsFromJSON === "function";

/**
 * What to tell somebody of an error.
 * @param {Error} error
 */
function problemOf(error) {
  if (NUMERIC_HOST.test(location.hostname)) {
    const named = Object.assign(new URL(location.href), { hostname: "localhost" }).origin;
    return WORDS.numericHost.replace("%(address)s", named);
  }
  if (!NAMES.has(error.name)) return WORDS.unknown;
  return WORDS[error.name.charAt(0).toLowerCase() + error.name.slice(1)];
}

/** @param {HTMLFormElement} form */
async function optionsOf(form) {
  const place = form.dataset.passkeyOptions;
  if (place === undefined) return JSON.parse(inPage("passkey-options").textContent);
  const answer = await fetch(place, { headers: { Accept: "application/json" } });
  if (!answer.ok) throw new Error(`no options: ${answer.status}`);
  return answer.json();
}

/** @type {(form: HTMLFormElement, options: {publicKey: any}) => Promise<Credential | null>} */
function ask(form, { publicKey }) {
  if (form.dataset.passkey === "create") {
    const options = PublicKeyCredential.parseCreationOptionsFromJSON(publicKey);
    return navigator.credentials.create({ publicKey: options });
  }
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(publicKey);
  return navigator.credentials.get({ publicKey: options });
}

/** @param {HTMLFormElement} form */
async function submit(form) {
  const problem = /** @type {HTMLElement} */ (form.querySelector("[data-passkey-problem]"));
  const button = /** @type {HTMLButtonElement} */ (form.querySelector("button[type=submit]"));
  const field = /** @type {HTMLInputElement} */ (form.elements.namedItem("credential"));
  problem.textContent = canUse ? "" : WORDS.noPasskeys;
  if (!canUse) return;
  button.disabled = true;
  try {
    const credential = await ask(form, await optionsOf(form));
    field.value = JSON.stringify(credential);
    form.submit();
  } catch (error) {
    problem.textContent = problemOf(/** @type {Error} */ (error));
  } finally {
    button.disabled = false; // also for who comes back to this page
  }
}

/** @type {NodeListOf<HTMLFormElement>} */
const forms = document.querySelectorAll("form[data-passkey]");
for (const form of forms) {
  if (canUse) form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit(form);
  });
}
