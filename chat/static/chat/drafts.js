// What is typed and not sent, per thread, kept over a reload.

const PREFIX = "netra.draft.";

/** @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} storage */
export function createDrafts(storage) {
  return {
    /** {text, files} of a thread; `null` names the thread that does not exist yet. */
    read(thread_id) {
      try {
        const draft = JSON.parse(storage.getItem(PREFIX + (thread_id ?? "new")) ?? "{}");
        return { text: draft.text ?? "", files: draft.files ?? [] };
      } catch {
        return { text: "", files: [] };
      }
    },
    write(thread_id, { text, files }) {
      const key = PREFIX + (thread_id ?? "new");
      try {
        if (text === "" && files.length === 0) storage.removeItem(key);
        else storage.setItem(key, JSON.stringify({ text, files }));
      } catch {
        // A full or refused storage costs the draft on reload, nothing else.
      }
    },
  };
}
