// What GitHub has beside OAuth: its own interface for the person and their addresses.

import { PEOPLE } from "./people.mjs";

export const GITHUB_ROUTES = {
  authorization: "/login/oauth/authorize",
  token: "/login/oauth/access_token",
};
const USER = "/api/v3/user";
const EMAILS = "/api/v3/user/emails";

/** The number of a person; a login name can be given up, so it identifies nobody. */
export function githubId(person) {
  return 9000 + person.number;
}

function userOf(person) {
  const { key, name } = person;
  return { id: githubId(person), login: key, name, email: null };
}

function emailsOf({ email, verified }) {
  return [{ email, verified, primary: true, visibility: "private" }];
}

async function bearerOf(provider, header) {
  const [scheme, value] = header.split(" ");
  return scheme === "token" && value ? provider.AccessToken.find(value) : undefined;
}

/** @returns {[number, object]} status and body */
function answerFor(path, token) {
  if (token === undefined) return [401, { message: "Bad credentials" }];
  const person = PEOPLE.find((each) => String(githubId(each)) === token.accountId);
  if (path === USER) return [200, userOf(person)];
  if (token.scope?.split(" ").includes("user:email")) return [200, emailsOf(person)];
  return [404, { message: "Not Found" }];
}

/** Answers for GitHub's own addresses, and leaves the others to the provider. */
export function githubInterface(provider) {
  return async (ctx, next) => {
    if (ctx.path === USER || ctx.path === EMAILS) {
      const token = await bearerOf(provider, ctx.get("Authorization"));
      [ctx.status, ctx.body] = answerFor(ctx.path, token);
      return;
    }
    await next();
    // GitHub tells of a refused code with status 200.
    if (ctx.path === GITHUB_ROUTES.token && ctx.body?.error !== undefined) ctx.status = 200;
  };
}
