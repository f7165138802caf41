// Socket.IO as its documentation says: one room, connection state recovery, and a bus behind it.
// node socket_io_server.mjs PORT PATH_OF_VALKEYS_SOCKET CHANNEL
import { createServer } from "node:http";
import Redis from "ioredis";
import { Server } from "socket.io";

const [port, bus, channel] = process.argv.slice(2);
const ROOM = "bench";

const http = createServer((_request, response) => response.end());
const io = new Server(http, {
  connectionStateRecovery: { maxDisconnectionDuration: 120_000, skipMiddlewares: true },
  // The client of the bench answers no pings: longer than a run.
  pingInterval: 600_000,
});

io.on("connection", (socket) => {
  if (!socket.recovered) {
    socket.join(ROOM);
  }
  socket.on("echo", (said, answer) => answer(said));
  socket.emit("ready");
});

const hearing = new Redis(bus);
hearing.on("message", (_channel, text) => io.to(ROOM).emit("event", JSON.parse(text)));
await hearing.subscribe(channel);
http.listen(Number(port), "127.0.0.1");
