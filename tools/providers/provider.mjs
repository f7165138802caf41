// One stand-in: a certified OpenID provider, set up as Google, GitHub or LinkedIn behaves.

import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";

import Provider from "oidc-provider";

import { GITHUB_ROUTES, githubId, githubInterface } from "./github.mjs";
import { chooser } from "./page.mjs";
import { PEOPLE, personBy } from "./people.mjs";

const CHOICE = /^\/interaction\/([\w-]+)$/;
const BODY_BYTES_MAX = 1024;

/** In what the three differ. */
export const KINDS = {
  google: {
    title: "Google",
    callback: "/accounts/google/login/callback/",
    usesProofKey: true,
    subject: (person) => `11000000000000000000${person.number}`,
    settings: { scopes: ["openid", "email"] },
  },
  github: {
    title: "GitHub",
    callback: "/accounts/github/login/callback/",
    usesProofKey: true,
    subject: (person) => String(githubId(person)),
    settings: { scopes: ["user:email"], routes: GITHUB_ROUTES },
    middleware: githubInterface,
  },
  linkedin: {
    title: "LinkedIn",
    callback: "/accounts/oidc/linkedin/login/callback/",
    usesProofKey: false,
    subject: (person) => `in-${person.key}`,
    settings: { scopes: ["openid", "email"] },
  },
};

function accountOf(kind, subject) {
  const person = PEOPLE.find((each) => kind.subject(each) === subject);
  if (person === undefined) return undefined;
  const { email, verified, hosted_domain } = person;
  const claims = { sub: subject, email, email_verified: verified, hd: hosted_domain };
  return { accountId: subject, claims: () => claims };
}

// Whoever says who they are has agreed to everything by that.
async function wholeGrant(ctx) {
  const { client, session, params, provider } = ctx.oidc;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(params.scope);
  await grant.save();
  return grant;
}

/** A key of the kind that all three sign with. */
export async function signingKey() {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256" };
}

function clientOf(kind, { client_id, client_secret }) {
  return {
    client_id,
    client_secret,
    // Native: the port of a callback on this machine may be any (RFC 8252, section 7.3).
    application_type: "native",
    token_endpoint_auth_method: "client_secret_post",
    redirect_uris: ["127.0.0.1", "localhost"].map((host) => `http://${host}${kind.callback}`),
  };
}

async function chosen(request) {
  let body = "";
  for await (const piece of request) {
    body += piece;
    if (body.length > BODY_BYTES_MAX) return "";
  }
  return new URLSearchParams(body).get("person") ?? "";
}

/** Shows who there is, and sends back whoever was chosen. */
function choosing(provider, kind) {
  return async (ctx, next) => {
    // Each visit begins with nobody signed in, so that one can be another person every time.
    if (ctx.path === provider.pathFor("authorization")) delete ctx.req.headers.cookie;
    if (!CHOICE.test(ctx.path)) {
      await next();
      return;
    }
    if (ctx.method !== "POST") {
      ctx.type = "html";
      ctx.body = chooser(kind.title);
      return;
    }
    const person = personBy("key", await chosen(ctx.req));
    const result =
      person === undefined
        ? { error: "access_denied" }
        : { login: { accountId: kind.subject(person) }, consent: {} };
    ctx.respond = false;
    await provider.interactionFinished(ctx.req, ctx.res, result);
  };
}

/**
 * @param {object} options
 * @param {string} options.issuer the address that the stand-in is served at
 * @param {object} options.client whom it knows: client_id, client_secret
 * @param {object} options.key a private JWK
 */
export function makeProvider(kind, { issuer, client, key }) {
  const provider = new Provider(issuer, {
    clients: [clientOf(kind, client)],
    jwks: { keys: [key] },
    claims: { openid: ["sub"], email: ["email", "email_verified", "hd"] },
    // The providers put the address into the ID token itself.
    conformIdTokenClaims: false,
    pkce: { required: () => kind.usesProofKey },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
    cookies: { keys: [client.client_secret] },
    findAccount: (ctx, subject) => accountOf(kind, subject),
    loadExistingGrant: wholeGrant,
    ...kind.settings,
  });
  provider.use(choosing(provider, kind));
  if (kind.middleware !== undefined) provider.use(kind.middleware(provider));
  return provider;
}
