// Stand-ins for Google, GitHub and LinkedIn on this machine; tells of each one where it is.
//
//   node main.mjs <client id> <client secret> <port of google> <port of github> <port of linkedin>
//
// Port 0 is any free one.

import { createServer } from "node:http";

import { KINDS, makeProvider, signingKey } from "./provider.mjs";

const HOST = "127.0.0.1";

async function serve(name, { port, client }) {
  const key = await signingKey();
  const server = createServer();
  await new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, resolve);
  });
  const issuer = `http://${HOST}:${server.address().port}`;
  server.on("request", makeProvider(KINDS[name], { issuer, client, key }).callback());
  console.log(`${name} ${issuer}`);
}

const [client_id, client_secret, ...ports] = process.argv.slice(2);
const client = { client_id, client_secret };
await Promise.all(
  Object.keys(KINDS).map((name, position) => serve(name, { port: Number(ports[position]), client })),
);
