// Numbers, times and names in the words of the page.

const number = new Intl.NumberFormat("en");
const time = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/** 640 ms, 4.2 s, 1 min 5 s. */
export function durationWords(ms) {
  if (ms < 1000) return `${Math.max(1, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}

/** 812 B, 34.5 KB, 1.2 MB. */
export function sizeWords(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1_000_000) return `${(bytes / 1000).toFixed(1)} KB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** "usage_analyser" reads "Usage analyser", "cost_usd" reads "Cost USD". */
export function nameWords(name) {
  const words = name
    .replaceAll("_", " ")
    .trim()
    .replace(/\b(usd|id|csv|json|url)\b/g, (word) => word.toUpperCase());
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** 12,345. */
export function numberWords(value) {
  return number.format(value);
}

/** 22 Nov 2026, 14:05. */
export function timeWords(iso) {
  const date = new Date(iso);
  return Number.isNaN(date.getTime()) ? "" : time.format(date);
}

/** "1 file", "2 files". */
export function countWords(count, noun) {
  return `${numberWords(count)} ${noun}${count === 1 ? "" : "s"}`;
}
