// The words that the page was sent with: imported before every module that says one.

import { useCatalog } from "./gettext.js";

const sent = document.getElementById("netra-words");
if (sent !== null) useCatalog(JSON.parse(sent.textContent));
