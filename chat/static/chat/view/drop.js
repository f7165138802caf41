// The whole window takes files: nobody should have to aim.

/**
 * @param {object} options
 * @param {HTMLElement} options.overlay shown while files are over the window
 * @param {(files: FileList) => void} options.onFiles
 */
export function takeDrops({ overlay, onFiles }) {
  let depth = 0;
  /** @type {(event: DragEvent) => boolean} */
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files") ?? false;
  /** @type {(change: number) => void} */
  const settle = (change) => {
    depth = Math.max(0, depth + change);
    overlay.hidden = depth === 0;
  };
  window.addEventListener("dragenter", (event) => hasFiles(event) && settle(1));
  window.addEventListener("dragleave", (event) => hasFiles(event) && settle(-1));
  window.addEventListener("dragover", (event) => hasFiles(event) && event.preventDefault());
  window.addEventListener("drop", (event) => {
    if (event.dataTransfer === null || !hasFiles(event)) return;
    event.preventDefault();
    settle(-depth);
    onFiles(event.dataTransfer.files);
  });
}
