// What is typed and not sent, per user and thread, kept over a reload.

/**
 * @param {object} options
 * @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} options.storage
 * @param {string} options.user_id whose drafts; another user of the same tab sees none of them
 */
export function createDrafts({ storage, user_id }) {
  const keyOf = (thread_id) => `netra.draft.${user_id}.${thread_id ?? "new"}`;
  return {
    /** {text, files} of a thread; `null` names the thread that does not exist yet. */
    read(thread_id) {
      try {
        const draft = JSON.parse(storage.getItem(keyOf(thread_id)) ?? "{}");
        return { text: draft.text ?? "", files: draft.files ?? [] };
      } catch {
        return { text: "", files: [] };
      }
    },
    write(thread_id, { text, files }) {
      const key = keyOf(thread_id);
      try {
        if (text === "" && files.length === 0) storage.removeItem(key);
        else storage.setItem(key, JSON.stringify({ text, files }));
      } catch {
        // A full or refused storage costs the draft on reload, nothing else.
      }
    },
  };
}
