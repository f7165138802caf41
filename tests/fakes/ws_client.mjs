// What the client of ws sees of our endpoint, as one JSON object: node ws_client.mjs URL ORIGIN COOKIE

import WebSocket from "ws";

const [url, origin, cookie] = process.argv.slice(2);
const PING = '{"type":"ping"}';
const found = {};

/** A socket that is ready. */
function ready() {
  const socket = new WebSocket(url, ["netra.v1"], { origin, headers: { cookie } });
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("message", (text) => {
      if (String(text).startsWith('{"type":"ready"')) resolve(socket);
    });
  });
}

/** The code that the server closes with, after `act`. */
async function code(act) {
  const socket = await ready();
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.removeAllListeners("error").on("error", () => {});
  act(socket);
  return closed;
}

const socket = await ready();
found.extensions = socket.extensions;
const pong = new Promise((resolve) => {
  socket.on("message", (text) => {
    if (String(text).startsWith('{"type":"pong"')) resolve(String(text).slice(0, 14));
  });
});
socket.send(PING.slice(0, 5), { fin: false });
socket.ping("payload");
socket.send(PING.slice(5), { fin: true });
found.fragments = await pong;
const other = await ready();
found.ping = await new Promise((resolve) => {
  other.on("pong", (data) => resolve(String(data)));
  other.ping("payload");
});
other.terminate();
found["good-bye"] = await code((one) => one.close(4321, "enough"));
found["too large"] = await code((one) => one.send("x".repeat(2 ** 20 + 1)));
found["no UTF-8"] = await code((one) => one.send(Buffer.from([0xc3, 0x28]), { binary: false }));
socket.close();
process.stdout.write(JSON.stringify(found));
