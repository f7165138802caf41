// Providers that answer as they must, but for one thing each; tells of each one where it is.

import { createPublicKey, createHmac } from "node:crypto";

import { Events, JWKStore, OAuth2Server } from "oauth2-mock-server";

const HOST = "127.0.0.1";
const ENDPOINTS = { authorize: "/auth", token: "/token", jwks: "/jwks", userinfo: "/me" };
const PERSON = { sub: "1042", email: "ada@gmail.com", email_verified: true };
const LONG_AGO_S = 86_400;

const keys = new JWKStore();
const own = await keys.generate("RS256", { kid: "own" });
const foreign = await new JWKStore().generate("RS256", { kid: "own" });

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function unsigned(token) {
  return `${encoded({ alg: "none", typ: "JWT" })}.${token.split(".")[1]}.`;
}

// What anybody can make who has read the published key.
function signedByPublicKey(token) {
  const secret = createPublicKey({ key: own, format: "jwk" }).export({ format: "pem", type: "spki" });
  const text = `${encoded({ alg: "HS256", typ: "JWT", kid: own.kid })}.${token.split(".")[1]}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

function rewritten(token) {
  const [head, body, signature] = token.split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url"));
  return [head, encoded({ ...claims, sub: "1" }), signature].join(".");
}

function firstEver() {
  let first = null;
  return (token) => (first ??= token);
}

/** What is wrong: with the claims, with the finished token, with the key, or at userinfo. */
const SPOILS = {
  nothing: {},
  alg_none: { token: unsigned },
  public_key_as_secret: { token: signedByPublicKey },
  no_signature: { token: (token) => token.slice(0, token.lastIndexOf(".") + 1) },
  rewritten: { token: rewritten },
  foreign_key: { key: foreign },
  audience: { claims: { aud: "another-client" } },
  issuer: { claims: { iss: "https://accounts.google.com.evil.example" } },
  expired: { claims: { iat: -LONG_AGO_S, exp: -LONG_AGO_S + 60 } },
  not_yet: { claims: { nbf: LONG_AGO_S } },
  nonce: { claims: { nonce: "of-another-session" } },
  replayed: { token: firstEver() },
  verified_as_text: { claims: { email_verified: "false" }, userinfo: { email_verified: "false" } },
  other_at_userinfo: { userinfo: { sub: "1" } },
};

// Times are told as seconds from now.
function timed(claims) {
  const now = Math.floor(Date.now() / 1000);
  const times = Object.entries(claims).filter(([, value]) => typeof value === "number");
  return { ...claims, ...Object.fromEntries(times.map(([name, value]) => [name, now + value])) };
}

async function serve(name, { claims = {}, token, key = own, userinfo = {} }) {
  const server = new OAuth2Server(undefined, undefined, { endpoints: ENDPOINTS });
  await server.issuer.keys.add(key);
  await server.start(0, HOST);
  server.issuer.url = `http://${HOST}:${server.address().port}`;
  const { service } = server;
  // Whatever a token was signed with, the published key is the same.
  server.issuer.keys.toJSON = () => keys.toJSON();
  service.on(Events.BeforeTokenSigning, ({ payload }) => {
    Object.assign(payload, PERSON, timed(claims));
  });
  service.on(Events.BeforeResponse, ({ body }) => {
    if (token !== undefined) body.id_token = token(body.id_token);
  });
  service.on(Events.BeforeUserinfo, ({ body }) => Object.assign(body, PERSON, userinfo));
  console.log(`${name} ${server.issuer.url}`);
}

await Promise.all(Object.entries(SPOILS).map(([name, spoil]) => serve(name, spoil)));
