// The one word that says how the connection is, and the banner when that needs the user.

import { element, setText } from "./element.js";
import { icon } from "./icons.js";

const TONES = {
  connecting: "warning",
  connected: "warning",
  ready: "success",
  degraded: "warning",
  offline: "danger",
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
  let shown = null;

  return {
    update(connection, notice) {
      setText(word, connection.status);
      status.title = connection.note;
      status.dataset.status = connection.status;
      dot.className = `dot dot--${TONES[connection.status]}`;
      const news = newsOf(connection, notice);
      if (news?.key === shown) return;
      shown = news?.key;
      banner.hidden = news === null;
      banner.replaceChildren();
      if (news === null) return;
      banner.className = `alert alert--${news.tone} banner`;
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
      "Sign in",
    );
  }

  function reconnect() {
    return button("Connect here", onReconnect);
  }

  function reload() {
    return button("Reload the page", () => location.reload());
  }

  function dismiss() {
    return button("Dismiss", onDismiss);
  }
}

function newsOf({ status, note, final }, notice) {
  if (final) {
    return {
      key: `final ${final.code}`,
      tone: "danger",
      message: final.message,
      action: final.action,
    };
  }
  if (status === "offline") return { key: `offline ${note}`, tone: "warning", message: note };
  if (status === "degraded") return { key: `degraded ${note}`, tone: "warning", message: note };
  if (notice) {
    return {
      key: `notice ${notice.message}`,
      tone: "danger",
      message: notice.message,
      action: "dismiss",
    };
  }
  return null;
}

function button(label, click) {
  return element("button", { type: "button", class: "button button--small", click }, label);
}
