// The one word that says how the connection is, and the banner when that needs the user.

import { gettext, ngettext } from "../gettext.js";
import { refusalWords } from "../refusals.js";
import { element, setText } from "./element.js";
import { icon } from "./icons.js";
import { numberWords } from "./words.js";

/**
 * @import {Final} from "../backoff.js"
 * @import {Entitlements} from "../frames.js"
 * @import {Status} from "../socket.js"
 * @import {State} from "../store.js"
 *
 * @typedef {{key: string, tone: string, message: string, action?: string}} BannerNews
 */

const TOO_MANY_CONNECTIONS = 4529;
/** @type {Record<string, string>} */
const TONES = {
  connecting: "warning",
  connected: "warning",
  ready: "success",
  degraded: "warning",
  offline: "danger",
};

/** @type {Record<string, () => string>} */
const WORDS = {
  connecting: () => gettext("connecting"),
  connected: () => gettext("connected"),
  ready: () => gettext("ready"),
  degraded: () => gettext("degraded"),
  offline: () => gettext("offline"),
};

/**
 * @param {object} options
 * @param {HTMLElement} options.status the element of role "status"
 * @param {HTMLElement} options.banner
 * @param {string} options.loginUrl
 * @param {() => void} options.onReconnect
 * @param {() => void} options.onDismiss
 */
export function createStatus({ status, banner, loginUrl, onReconnect, onDismiss }) {
  const dot = element("span", { class: "dot" });
  const word = element("span", {}, status.textContent.trim());
  status.replaceChildren(dot, word);
  /** @type {string | null | undefined} */
  let shown = null;

  return {
    /** @type {(connection: Status, state: Pick<State, "notice" | "entitlements">) => void} */
    update(connection, { notice, entitlements }) {
      setText(word, WORDS[connection.status]());
      status.title = connection.note;
      status.dataset.status = connection.status;
      dot.className = `dot dot--${TONES[connection.status]}`;
      const news = newsOf(connection, { notice, entitlements });
      if (news?.key === shown) return;
      shown = news?.key;
      banner.hidden = news === null;
      banner.replaceChildren();
      if (news === null) return;
      banner.className = `alert alert--${news.tone} banner`;
      /** @type {Record<string, () => HTMLElement>} */
      const actions = { "sign-in": signIn, reconnect, reload, dismiss };
      banner.append(
        icon("alert"),
        element("p", { class: "alert__body" }, news.message),
        ...(news.action ? [actions[news.action]()] : []),
      );
    },
  };

  function signIn() {
    const next = encodeURIComponent(location.pathname);
    return element(
      "a",
      { class: "button button--small", href: `${loginUrl}?next=${next}` },
      gettext("Sign in"),
    );
  }

  function reconnect() {
    return button(gettext("Try again"), onReconnect);
  }

  function reload() {
    return button(gettext("Reload the page"), () => location.reload());
  }

  function dismiss() {
    return button(gettext("Dismiss"), onDismiss);
  }
}

/**
 * @param {Status} connection
 * @param {Pick<State, "notice" | "entitlements">} state
 * @returns {BannerNews | null}
 */
function newsOf({ status, note, final }, { notice, entitlements }) {
  if (final) {
    const message = finalWords(final, entitlements);
    return { key: `final ${message}`, tone: "danger", message, action: final.action };
  }
  if (status === "offline") return { key: `offline ${note}`, tone: "warning", message: note };
  if (status === "degraded") return { key: `degraded ${note}`, tone: "warning", message: note };
  if (notice) {
    return {
      key: `notice ${notice.message}`,
      tone: "danger",
      message: refusalWords(notice),
      action: "dismiss",
    };
  }
  return null;
}

// Whoever never got in knows their plan only from what the server says.
/** @type {(final: Final, entitlements: Entitlements | null) => string} */
function finalWords({ code, message, reason }, entitlements) {
  if (code !== TOO_MANY_CONNECTIONS) return message;
  const allowed = entitlements?.limits?.concurrent_connections;
  const plan = typeof allowed === "number" ? allowedWords(allowed) : sentence(reason);
  return `${message} ${plan} ${gettext("Close another window, then try again here.")}`;
}

/** @type {(allowed: number) => string} */
function allowedWords(allowed) {
  return ngettext(
    "Your plan allows %(count)s connection at once.",
    "Your plan allows %(count)s connections at once.",
    allowed,
    { count: numberWords(allowed) },
  );
}

/** @type {(words: string) => string} */
function sentence(words) {
  if (words === "") return "";
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}

/** @type {(label: string, click: () => void) => HTMLElement} */
function button(label, click) {
  return element("button", { type: "button", class: "button button--small", click }, label);
}
