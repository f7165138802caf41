// Which frames of the server answer what the page asked, and how.

/** @import {Answer, ErrorFrame, ServerFrame} from "./frames.js" */

/**
 * @param {ServerFrame} frame
 * @returns {frame is Answer & {client_id: string}}
 */
export function isAnswer(frame) {
  return (frame.type === "ack" || frame.type === "error") && Boolean(frame.client_id);
}

/**
 * Of the frames without a client_id only `subscribe` needs the database.
 * @param {ServerFrame} frame
 * @returns {frame is ErrorFrame}
 */
export function isFailedSubscribe(frame) {
  if (frame.type !== "error" || frame.client_id) return false;
  return frame.code === "unavailable" && frame.retryable === true;
}

/**
 * A server of another version: nothing the user could do.
 * @param {ServerFrame} frame
 */
export function isNotUnderstood(frame) {
  return frame.type === "error" && !frame.client_id && frame.code === "unknown_type";
}
