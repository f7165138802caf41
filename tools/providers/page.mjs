// The page on which one says who one is.

import { PEOPLE } from "./people.mjs";

const STYLE = `
  :root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
  body { max-width: 26rem; margin: 3rem auto; padding: 0 1rem; }
  h1 { font-size: 1.4rem; margin: 0; }
  form { display: grid; gap: 0.6rem; margin-top: 1.5rem; }
  button { font: inherit; text-align: left; padding: 0.7rem 1rem; border-radius: 0.6rem;
    border: 1px solid color-mix(in srgb, currentColor 35%, transparent);
    background: transparent; color: inherit; cursor: pointer; }
  button:hover { background: color-mix(in srgb, currentColor 8%, transparent); }
  small { display: block; overflow-wrap: anywhere; }
  .cancel { text-align: center; border-color: transparent; }
`;

function choice({ key, name, email, note }) {
  return `<button name="person" value="${key}">${name}<small>${email}</small><small>${note}</small></button>`;
}

/** @param {string} title the provider's name */
export function chooser(title) {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · stand-in</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
<h1>${title}, as who?</h1>
<p>This is a stand-in on your own machine. Nobody here is real.</p>
<form method="post">
${PEOPLE.map(choice).join("\n")}
<button class="cancel" name="person" value="">Cancel</button>
</form>
</html>`;
}
